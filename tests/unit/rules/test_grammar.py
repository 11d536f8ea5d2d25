"""The ready-made parser tables are those of the installed rule-engine, and a start uses them."""

import subprocess
import sys
from pathlib import Path

from advisor.rules.grammar import Signature

ROOT = Path(__file__).parents[3]


def test_the_tables_are_those_of_the_installed_library():
    done = subprocess.run([sys.executable, "scripts/write_grammar.py", "--check"], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0, "advisor/rules/grammar.json is out of date: python scripts/write_grammar.py"


def test_a_start_computes_no_tables():
    program = """
from advisor.rules.condition import compile_condition
compile_condition("engine.name == 'vllm'")
from rule_engine._vendor.ply import yacc
from rule_engine import Rule
computed = []
yacc.LRGeneratedTable = lambda *given, **named: computed.append(1)
yacc.yacc(module=Rule.parser, debug=False, write_tables=False)
print(len(computed))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_a_signature_is_compared_without_its_indentation():
    assert Signature("expression : a\n             | b") == "expression : a\n| b"
    assert Signature("expression : a | b") != "expression : a | c"
