"""Copies transcripts into README.md between their markers, so that what it shows is what a test holds. `--check` only compares."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"(<!-- begin: (?P<path>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The README with every block replaced by its file."""

    def replace(match: re.Match[str]) -> str:
        transcript = (ROOT / match["path"]).read_text(encoding="utf-8").rstrip()
        return f"{match[1]}```\n{transcript}\n```\n{match[3]}"

    return _BLOCK.sub(replace, text)


def main() -> int:
    """Rewrite the README, or say that it is out of date."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    wanted = filled(text)
    if "--check" in sys.argv:
        return int(text != wanted)
    readme.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
