"""Every code that check uses is explained, none twice, and none is a rule's."""

import re
from pathlib import Path

import advisor
from advisor.check import codes
from advisor.rules import load_rules

from .test_cli import run


def test_every_code_is_explained_and_used():
    named = {name: value for name, value in vars(codes).items() if isinstance(value, str) and re.fullmatch(r"[A-Z]{3}\d{3}", value)}
    assert len(set(named.values())) == len(named)
    assert set(named.values()) == set(codes.EXPLAINED)
    sources = "".join(path.read_text() for path in (Path(advisor.__file__).parent / "check").glob("*.py") if path.name != "codes.py")
    assert not [name for name in named if name not in sources]
    assert not set(codes.EXPLAINED) & {rule.id for rule in load_rules().rules}


def test_explain_prints_them():
    assert "plan --update" in run("explain", "pln004").stdout
