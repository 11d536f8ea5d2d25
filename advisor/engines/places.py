"""Where the advisor keeps what it makes on this machine: engines it installed (data), wheels and synthetic models (cache)."""

from pathlib import Path
from typing import Final

import platformdirs

_NAME: Final = "llm-serving-advisor"


def engines_folder() -> Path:
    """Environments made by `advisor engines install`, one folder each."""
    return platformdirs.user_data_path(_NAME, appauthor=False) / "engines"


def machines_folder() -> Path:
    """What `advisor calibrate` measured, one file a machine."""
    return platformdirs.user_data_path(_NAME, appauthor=False) / "machines"


def wheels_folder() -> Path:
    """Engines built from source, so that building happens once a machine and version."""
    return platformdirs.user_cache_path(_NAME, appauthor=False) / "wheels"


def models_folder() -> Path:
    """Synthetic model files."""
    return platformdirs.user_cache_path(_NAME, appauthor=False) / "models"
