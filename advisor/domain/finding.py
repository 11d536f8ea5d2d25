"""One line of `advisor check`: a place, a severity, a rule, a basis and a sentence."""

from dataclasses import dataclass

from advisor.domain.position import Position
from advisor.domain.quantity import Basis
from advisor.domain.verdict import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """`path:line:column: severity RULE basis message`; only exact or measured grounds block."""

    position: Position
    severity: Severity
    rule: str
    basis: Basis
    message: str

    def __str__(self) -> str:
        return f"{self.position}: {self.severity:<5} {self.rule} {self.basis} {self.message}"
