"""The parser tables of rule-engine, made beforehand, so that a start does not spend 0.3 s on computing them.

rule-engine is built on PLY, which computes its LALR tables at each import unless a module `parsetab` beside the grammar holds them with
the grammar's own signature. `grammar.json` is that module's content for the versions of rule-engine that the project allows;
`python scripts/write_grammar.py` makes it. With another grammar PLY finds another signature and computes its own tables.
"""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

TABLES: Final = Path(__file__).with_name("grammar.json")
_MODULE: Final = "rule_engine.parser.parsetab"


class Signature(str):
    """A grammar's text, compared without its white space: Python 3.13 strips the indentation of the docstrings it is made of."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.split() == other.split()

    def __hash__(self) -> int:
        return hash(tuple(self.split()))


def offer_tables() -> None:
    """Put the tables where PLY looks for them. To be called before rule_engine is imported."""
    if _MODULE in sys.modules or "rule_engine" in sys.modules:
        return
    tables = json.loads(TABLES.read_text(encoding="utf-8"))
    made = ModuleType(_MODULE)
    vars(made).update(
        _tabversion=tables["version"],
        _lr_method=tables["method"],
        _lr_signature=Signature(tables["signature"]),
        _lr_action=dict(enumerate(tables["action"])),
        _lr_goto=dict(enumerate(tables["goto"])),
        _lr_productions=[tuple(production) for production in tables["productions"]],
    )
    sys.modules[_MODULE] = made
