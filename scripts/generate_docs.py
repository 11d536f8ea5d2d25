"""Writes the generated pages of docs/. Run from the repository's root: `python scripts/generate_docs.py`; tests compare."""

import json
from pathlib import Path

from accuracy_memory_vllm import page as vllm_memory_page
from catalog_coverage import page as coverage_page
from cli_reference import reference

from advisor.report.schemas import SCHEMAS, schema_document
from advisor.rules import load_rules
from advisor.rules.explain import pages

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Write every page, and remove pages of rules and schemas that are gone."""
    wanted = generated()
    for folder, pattern in (("rules", "*.md"), ("schemas", "*.schema.json")):
        (DOCS / folder).mkdir(parents=True, exist_ok=True)
        for old in (DOCS / folder).glob(pattern):
            if f"{folder}/{old.name}" not in wanted:
                old.unlink()
    for name, text in wanted.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")


def generated() -> dict[str, str]:
    """Every generated page by its path under docs/."""
    schemas = {f"schemas/{name}.schema.json": json.dumps(schema_document(name), indent=2, ensure_ascii=False) + "\n" for name in SCHEMAS}
    return (
        pages(load_rules())
        | schemas
        | {"cli.md": reference(), "catalog-coverage.md": coverage_page(), "accuracy/memory-vllm.md": vllm_memory_page()}
    )


if __name__ == "__main__":
    main()
