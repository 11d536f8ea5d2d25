"""The shape of the house: small files, short functions, layers that only look down, exit codes that are what the page says."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "advisor").rglob("*.py"))
FILE_LINES, FUNCTION_LINES = 300, 40


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_and_functions_short(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES or _is_command(path, node), f"{node.name} has {length} lines"


def _is_command(path: Path, node: ast.FunctionDef) -> bool:
    """A command's signature is its list of options; only its body counts."""
    documented = 1 if ast.get_docstring(node) else 0
    body = node.body[documented:]
    return path.parent.name == "cli" and bool(body) and (node.end_lineno or 0) - body[0].lineno + 1 <= 25


def test_no_data_folder_is_a_package():
    for folder in ("catalog", "rules", "templates", "validators"):
        assert (ROOT / folder).is_dir()
        assert not list((ROOT / folder).rglob("__init__.py")), "an __init__.py here would shadow other distributions"


def test_the_layers_hold():
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_nothing_names_this_machine_or_a_registry():
    forbidden = ("/work" + "/main", "../sha" + "red", "pypi." + "org/simple", "files.python" + "hosted.org")
    for folder in ("advisor", "catalog", "rules", "templates", "validators", "tests", "docs", "examples", "constraints"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in {".py", ".yaml", ".md", ".txt", ".csv", ".toml", ".json"}:
                text = path.read_text(encoding="utf-8")
                assert not [word for word in forbidden if word in text], path
