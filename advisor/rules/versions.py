"""Engine version ranges: PEP 440 for vLLM (`>=0.24,<1`), build numbers for llama.cpp (`>=b9000,<b11600`)."""

import operator
import re
from collections.abc import Callable
from functools import cache
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from advisor.domain.engine import build_number

_BUILD_RANGE: Final = re.compile(r"(>=|<=|==|!=|>|<)\s*b?(\d+)")
_COMPARE: Final[dict[str, Callable[[int, int], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


@cache
def in_range(engine: str, version: str, range_text: str) -> bool:
    """True when this version of the engine lies in the range. An unreadable version (a local build) counts as inside.

    >>> in_range("llama.cpp", "b11549", ">=b11000,<b12000")
    True
    >>> in_range("vllm", "0.23.1", ">=0.24")
    False
    """
    if engine == "llama.cpp":
        build = build_number(version)
        return build is None or all(_COMPARE[sign](build, number) for sign, number in _builds(range_text))
    try:
        return SpecifierSet(range_text).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def range_fault(engine: str, range_text: str) -> str | None:
    """What is wrong with a range, or None."""
    try:
        if engine == "llama.cpp":
            _builds(range_text)
        else:
            SpecifierSet(range_text)
    except InvalidSpecifier as error:
        return str(error)
    except ValueError as error:
        return str(error)
    return None


def _builds(range_text: str) -> list[tuple[str, int]]:
    matches = [(part, _BUILD_RANGE.fullmatch(part.strip())) for part in range_text.split(",")]
    wrong = [part for part, match in matches if match is None]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not a build range such as '>=b9000'")
    return [(match[1], int(match[2])) for _, match in matches if match]
