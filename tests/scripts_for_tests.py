"""The repository's scripts as modules."""

import importlib
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent / "scripts"


def script(name):
    """The module of this file; scripts import each other by their plain names."""
    if str(SCRIPTS) not in sys.path:
        sys.path.insert(0, str(SCRIPTS))
    return importlib.import_module(name)
