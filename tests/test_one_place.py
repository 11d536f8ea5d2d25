"""A thing of the catalog is named in one place: its file. No quoted catalog id in the code of the advisor."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import advisor
from advisor import resources
from advisor.domain.ggml_types import GGML_TYPES
from advisor.domain.hardware import Backend
from advisor.domain.workload import Task

PACKAGE = Path(advisor.__file__).parent
# Words that name a number format, of a device's rate or a cache's type, before they name a weight format: not ids of the catalog alone.
NUMBER_FORMATS = {"bf16", "fp16", "fp8", "mxfp4", "nvfp4", *GGML_TYPES}

# Words of config.json and GGUF files that licences are named after as well: two families and a kind of rope scaling.
FILE_WORDS = {"gemma", "llama3", "llama4"}


def words_of_the_domain() -> set[str]:
    """Words that the domain's own types define (`Literal[...]`): an engine, a backend, a task, an arithmetic; not catalog ids."""
    words = {*get_args(Backend), *get_args(Task), *NUMBER_FORMATS, *FILE_WORDS}
    for path in (PACKAGE / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
                words |= {leaf.value for leaf in ast.walk(node.slice) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)}
    return words


def catalog_ids() -> set[str]:
    root = resources.folder("catalog")
    folders = [root / name for name in ("devices", "models", "engines", "workloads", "licences")]
    return {path.stem for path in (root / "quantizations").rglob("*.yaml")} | {
        path.relative_to(folder).with_suffix("").as_posix() for folder in folders for path in folder.rglob("*.yaml")
    }


IDS = catalog_ids() - words_of_the_domain()


def docstrings(tree: ast.AST) -> set[int]:
    owners = (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef))
    return {id(owner.body[0].value) for owner in owners if owner.body and isinstance(owner.body[0], ast.Expr)}


def quoted_ids(source: str) -> list[tuple[int, str]]:
    tree = ast.parse(source)
    skipped = docstrings(tree)
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [(node.lineno, node.value) for node in constants if node.value in IDS and id(node) not in skipped]


def test_ids_were_found():
    assert {"h100-sxm", "raspberry-pi-5", "Q4_K_M", "awq-int4"} <= IDS
    assert not {"cpu", "chat", "vllm", "llama.cpp"} & IDS


def test_the_test_can_fail():
    assert quoted_ids('DEVICE = "h100-sxm"\n') == [(1, "h100-sxm")]
    assert quoted_ids('"""h100-sxm"""\n') == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_no_quoted_catalog_id(path):
    found = quoted_ids(path.read_text())
    assert not found, "\n".join(f"{path}:{line}: {name!r} belongs into the catalog" for line, name in found)
