"""How a rule stands in its file: `rules/<group>/<ID>-slug.yaml`, schema of `advisor rules check`. Shapes only; meaning is in `load`."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from advisor.domain.engine import EngineName
from advisor.domain.strict import STRICT, FieldFault
from advisor.domain.verdict import Evidence, Severity

Scope = Literal["inventory", "candidate", "deployment", "plan", "manifest"]
Stage = Literal["screen", "configure", "judge"]
EffectKind = Literal["reject", "set", "assume", "warn"]

_ID: Final = re.compile(r"[A-Z]{3}\d{3}")
_SOURCE: Final = re.compile(r"https?://\S+|arithmetic: .+|measurement: .+")


@dataclass(frozen=True, slots=True)
class AppliesTo:
    """Which engines, and which versions of the one engine that is named: `>=0.24,<1` for vLLM, `>=b9000` for llama.cpp."""

    __pydantic_config__ = STRICT
    engine: tuple[EngineName, ...] = ()
    engine_version: str | None = None

    def __post_init__(self) -> None:
        if self.engine_version is not None and len(self.engine) != 1:
            raise FieldFault("engine_version", "a version range needs exactly one engine beside it")


@dataclass(frozen=True, slots=True)
class Effect:
    """Exactly one of the four: `effect: reject`, `effect: warn`, or `set` / `assume` with facts and their values."""

    __pydantic_config__ = STRICT
    reject: Literal["yes"] | None = None
    warn: Literal["yes"] | None = None
    set: dict[str, Any] | None = None
    assume: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("reject", "set", "assume", "warn") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"give exactly one of reject, set, assume, warn; found {found}")
        if self.set == {} or self.assume == {}:
            raise FieldFault(given[0], "names no fact")

    @property
    def kind(self) -> EffectKind:
        """Which of the four it is."""
        if self.reject:
            return "reject"
        if self.warn:
            return "warn"
        return "set" if self.set else "assume"

    @property
    def values(self) -> dict[str, Any]:
        """What `set` or `assume` changes, raw."""
        return self.set or self.assume or {}


@dataclass(frozen=True, slots=True)
class RuleEvidence:
    """Where the knowledge comes from: an address (or the arithmetic, or a measurement), when it was read, what it says."""

    __pydantic_config__ = STRICT
    source: str
    retrieved: str
    says: str
    engine_version: str | None = None

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.source):
            raise FieldFault("source", "an address (https://…), `arithmetic: …` or `measurement: …`")
        try:
            date.fromisoformat(self.retrieved)
        except ValueError:
            raise FieldFault("retrieved", f"{self.retrieved!r} is not a date such as 2026-11-20") from None

    def stated(self) -> Evidence:
        """The same for a verdict."""
        return Evidence(self.source, self.retrieved, self.says, self.engine_version)


@dataclass(frozen=True, slots=True)
class Example:
    """Facts that differ from `rules/baseline.yaml`, and whether the rule fires on them."""

    __pydantic_config__ = STRICT
    given: dict[str, Any]
    fires: bool


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as its author wrote it."""

    __pydantic_config__ = STRICT
    id: str
    title: str
    scope: Scope
    severity: Severity
    when: str
    effect: Effect
    message: str
    evidence: tuple[RuleEvidence, ...]
    examples: tuple[Example, ...]
    applies_to: AppliesTo = field(default_factory=AppliesTo)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise FieldFault("id", f"{self.id!r}: three capital letters and three digits, such as QNT003")
        if not self.evidence:
            raise FieldFault("evidence", "a rule without evidence is an opinion: name at least one source")
        if (self.severity == "block") != (self.effect.kind == "reject"):
            raise FieldFault("severity", "block goes with `effect: reject`, and only with it")
        if {example.fires for example in self.examples} != {True, False}:
            raise FieldFault("examples", "at least one that fires and one that does not")

    @property
    def stage(self) -> Stage:
        """When it runs: it follows from scope and effect."""
        if self.effect.kind in ("set", "assume"):
            return "configure"
        return "screen" if self.effect.kind == "reject" and self.scope in ("inventory", "candidate") else "judge"
