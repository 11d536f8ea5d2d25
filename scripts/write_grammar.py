"""Writes advisor/rules/grammar.json, the parser tables of the installed rule-engine; with --check only says whether they are current."""

import json
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import rule_engine
from rule_engine._vendor.ply import yacc  # type: ignore[attr-defined]

from advisor.rules.grammar import TABLES


def main() -> int:
    """0: current or written."""
    text = json.dumps(tables(), separators=(",", ":")) + "\n"
    if "--check" in sys.argv:
        return int(TABLES.read_text(encoding="utf-8") != text)
    TABLES.write_text(text, encoding="utf-8")
    return 0


def tables() -> dict[str, Any]:
    """The tables as PLY writes them, states as positions in a list."""
    with tempfile.TemporaryDirectory() as folder:
        yacc.yacc(module=rule_engine.Rule.parser, debug=False, write_tables=True, outputdir=folder, tabmodule="advisor_grammar")
        made = runpy.run_path(str(Path(folder) / "advisor_grammar.py"))
    return {
        "version": made["_tabversion"],
        "method": made["_lr_method"],
        "signature": " ".join(made["_lr_signature"].split()),
        "action": [made["_lr_action"][state] for state in range(len(made["_lr_action"]))],
        "goto": [made["_lr_goto"].get(state, {}) for state in range(len(made["_lr_action"]))],
        "productions": [(*production[:4], None, None) for production in made["_lr_productions"]],
    }


if __name__ == "__main__":
    sys.exit(main())
