"""The environment variables an engine is started with: the user's own, without other Pythons' settings and without secrets."""

import os
import re
from collections.abc import Mapping
from typing import Final

_SECRET: Final = re.compile(r"TOKEN|SECRET|PASSW(OR)?D|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTHORIZATION", re.IGNORECASE)
_NOT_SECRET: Final = frozenset({"TOKENIZERS_PARALLELISM"})
_OTHER_PYTHON: Final = frozenset({"VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"})
_FIXED: Final = {
    "HF_HUB_OFFLINE": "1",  # an engine never downloads on its own
    "GGML_NO_BACKTRACE": "1",  # a failed assertion would start a debugger
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def engine_environment(extra: Mapping[str, str] | None = None, *, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """`base` (this process's own when None) scrubbed, with the engine defaults and `extra` on top; what is empty in `extra` is unset."""
    source = os.environ if base is None else base
    kept = {name: value for name, value in source.items() if _passes(name)}
    wanted = kept | _FIXED | dict(extra or {})
    return {name: value for name, value in wanted.items() if value or name not in (extra or {})}


def _passes(name: str) -> bool:
    if name.startswith("PYTHON") or name in _OTHER_PYTHON:
        return False
    return name in _NOT_SECRET or _SECRET.search(name) is None
