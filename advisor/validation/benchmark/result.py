"""A result of another load generator: its loads request by request, in whichever tool's format it was written.

The file is somebody else's: it is bounded in size, and every number in it is looked at before it is believed.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from advisor.errors import EngineFailed, UserInputError
from advisor.units import MIB
from advisor.validation.benchmark.guidellm import is_guidellm, read_guidellm
from advisor.validation.benchmark.loads import BenchmarkResult
from advisor.validation.benchmark.vllm_bench import is_vllm_bench, read_vllm_result
from advisor.validation.smoke.answer import Answer

_MOST_BYTES: Final = 512 * MIB
_LONGEST_S: Final = 30 * 86400.0
_MOST_TOKENS: Final = 10**8


@dataclass(frozen=True, slots=True)
class _Format:
    is_its: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any]], BenchmarkResult]


_FORMATS: Final = (_Format(is_guidellm, read_guidellm), _Format(is_vllm_bench, read_vllm_result))


def read_result(path: Path) -> BenchmarkResult:
    """Raises UserInputError for a file that cannot be read, that is cut off or of no known format, or whose numbers cannot be."""
    document = _document(path)
    known = next((one for one in _FORMATS if one.is_its(document)), None)
    if known is None:
        raise UserInputError(f"{path}: neither a report of guidellm nor a result of vllm bench serve")
    try:
        result = known.read(document)
        for load in result.loads:
            for answer in load.answers:
                _require_possible(answer)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError, OverflowError) as error:
        raise UserInputError(f"{path}: lacks or misshapes {str(error)[:120] or type(error).__name__}") from None
    except (EngineFailed, UserInputError) as error:
        raise UserInputError(f"{path}: {error}") from None
    return result


def _document(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserInputError(f"{path}: more than {_MOST_BYTES // MIB} MiB: no benchmark result")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UserInputError(f"{path}: not JSON, or cut off") from None
    if not isinstance(document, dict):
        raise UserInputError(f"{path}: not a benchmark result: its JSON is no object")
    return document


def _require_possible(answer: Answer) -> None:
    """Raises ValueError for a time or a count that no request can have."""
    for seconds in (answer.start_s, answer.ttft_s, answer.e2e_s, *answer.itl_s):
        if seconds is not None and not (math.isfinite(seconds) and 0 <= seconds <= _LONGEST_S):
            raise ValueError(f"a time of {seconds:g} s")
    for tokens in (answer.input_tokens, answer.output_tokens):
        if tokens is not None and not 0 <= tokens <= _MOST_TOKENS:
            raise ValueError(f"a request of {tokens:g} tokens")
