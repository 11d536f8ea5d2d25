"""The README shows what the golden files hold, and every file it links to is there."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_transcripts_are_those_of_the_tests():
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "fill_readme.py"), "--check"], check=False)
    assert done.returncode == 0, "README.md is out of date: python scripts/fill_readme.py"


def test_every_link_leads_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert len(links) > 5
    assert not [link for link in links if not (ROOT / link).exists()]
