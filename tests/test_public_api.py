"""What a program may import from `advisor`: exactly what `__all__` says, imported when first used, and used as the docstring shows."""

import ast
import doctest
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import advisor

SOURCE = Path(advisor.__file__)


def names_of(module: str) -> set[str]:
    """The names that type checkers see imported from a module."""
    imports = [node for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports if node.module == module for alias in node.names}


def test_all_is_sorted_and_exactly_what_is_visible():
    assert advisor.__all__ == sorted(set(advisor.__all__))
    assert dir(advisor) == advisor.__all__
    for name in advisor.__all__:
        assert getattr(advisor, name) is not None
    visible = {name for name, value in vars(advisor).items() if not name.startswith("_") and not isinstance(value, ModuleType)}
    assert visible == set(advisor.__all__)


@pytest.mark.parametrize("name", advisor.__all__)
def test_a_public_name_is_documented_and_not_a_part_of_the_package(name):
    found = getattr(advisor, name)
    assert found.__doc__
    assert not isinstance(found, ModuleType), "a name of a subpackage would be replaced by it"


def test_type_checkers_see_what_runs():
    seen = {name: home for home in advisor._HOMES for name in names_of(home)}
    assert seen == {name: home for home, names in advisor._HOMES.items() for name in names}
    assert set(seen) == set(advisor.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="decied"):
        _ = advisor.decied


def test_importing_the_package_is_cheap():
    lines = "import sys, advisor; print(*[name for name in sys.modules if name.startswith('advisor.')])"
    loaded = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, cwd=SOURCE.parent.parent)
    assert loaded.stdout.split() == ["advisor.version"]


def test_the_example_of_the_docstring_runs(monkeypatch):
    monkeypatch.chdir(SOURCE.parent.parent)
    failed, tried = doctest.testmod(advisor)
    assert failed == 0
    assert tried >= 8
