"""Judges every published run of the report side anew: docs/accuracy/performance.md and the figures behind it, performance.json."""

from pathlib import Path

from advisor.cli.accuracy import judged_study
from advisor.files.writing import write_together
from advisor.report.accuracy_json import accuracy_document
from advisor.report.accuracy_page import accuracy_page

DOCS = Path(__file__).parent.parent / "docs" / "accuracy"


def main() -> None:
    """Write both files."""
    found = judged_study("report")
    write_together({DOCS / "performance.md": accuracy_page(found), DOCS / "performance.json": accuracy_document(found)})


if __name__ == "__main__":
    main()
