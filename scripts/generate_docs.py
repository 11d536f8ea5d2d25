"""Writes the generated pages of docs/. Run from the repository's root: `python scripts/generate_docs.py`; a test compares."""

from pathlib import Path

from advisor.rules import load_rules
from advisor.rules.explain import pages

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Write every page, and remove pages of rules that are gone."""
    wanted = pages(load_rules())
    (DOCS / "rules").mkdir(parents=True, exist_ok=True)
    for old in (DOCS / "rules").glob("*.md"):
        if f"rules/{old.name}" not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
