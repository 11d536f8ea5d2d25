"""Help: quick to load, there for every command, with an example for whatever is built."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from advisor.cli.app import app

SLOW = [
    "rule_engine",
    "huggingface_hub",
    "numpy",
    "questionary",
    "pydantic",
    "yaml",
    "jinja2",
    "psutil",
    "advisor.catalog",
    "advisor.domain",
]


def commands(command, path=()):
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    for name, child in (inner or {}).items():
        yield from commands(child, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_loading_the_command_tree_loads_nothing_slow():
    probe = "import sys, advisor.cli.app; print([name for name in sys.argv[1:] if name in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", probe, *SLOW], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example_or_says_that_it_is_not_built(path):
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    command = ALL[path]
    words = f"{command.help} {command.epilog or ''}"
    assert f"advisor {' '.join(path)}" in words or "(not built yet)" in words


def test_the_contracts_commands_are_all_there():
    single = (
        "ask init doctor schema plan estimate explain render check diff adopt validate sweep crossover calibrate report compare accuracy"
    )
    grouped = {"catalog": "list show check refresh", "rules": "list check new", "engines": "list install remove", "evidence": "show verify"}
    assert {(name,) for name in single.split()} <= set(ALL)
    assert {(group, name) for group, names in grouped.items() for name in names.split()} <= set(ALL)
