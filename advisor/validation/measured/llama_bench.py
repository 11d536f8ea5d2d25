"""A result of `llama-bench -o json`: prompt processing and generation of one sequence, without a server.

Field names: llama.cpp, tools/llama-bench/llama-bench.cpp. `backends` names the devices' kinds, `model_size` the tensors' bytes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from advisor.domain.engine import EngineName
from advisor.domain.measured import MeasuredPoint
from advisor.errors import UserInputError

_ENGINE: Final[EngineName] = "llama.cpp"
_FIELDS: Final = frozenset({"n_prompt", "n_gen", "avg_ts", "model_n_params"})
_BACKENDS: Final = {"cuda": "cuda", "rocm": "rocm", "hip": "rocm", "vulkan": "vulkan", "sycl": "sycl", "metal": "metal", "mtl": "metal"}


def is_llama_bench(document: object) -> TypeGuard[list[Mapping[str, Any]]]:
    """Its results are a list of tests."""
    return isinstance(document, list) and bool(document) and all(isinstance(test, dict) and test.keys() >= _FIELDS for test in document)


def llama_bench_points(tests: Sequence[Mapping[str, Any]], where: str) -> tuple[MeasuredPoint, ...]:
    """Raises UserInputError for numbers that cannot be. Tests of both at once are left out: they tell neither apart."""
    try:
        return tuple(_point(test, where) for test in tests if bool(test["n_prompt"]) != bool(test["n_gen"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserInputError(f"{where}: lacks or misshapes {str(error)[:120]}") from None


def _point(test: Mapping[str, Any], where: str) -> MeasuredPoint:
    rate, prompt, generated = float(test["avg_ts"]), int(test["n_prompt"]), int(test["n_gen"])
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"avg_ts: {rate}")
    depth = int(test.get("n_depth") or 0)
    name = f"{'pp' if prompt else 'tg'}{prompt or generated}{f' @ d{depth}' if depth else ''}"
    return MeasuredPoint(
        engine=_ENGINE,
        backend=_backend(str(test.get("backends") or "")),
        bare=True,
        parameters=int(test["model_n_params"]),
        weights_bytes=int(test["model_size"]) if test.get("model_size") else None,
        input_tokens=depth or None,
        prompt_tokens=prompt or None,
        output_tokens=generated or None,
        ttft_s=prompt / rate if prompt else None,
        tpot_s=None if prompt else 1 / rate,
        source=f"llama-bench {name}, {where}",
    )


def _backend(named: str) -> str | None:
    """Of `CUDA`, `Vulkan,BLAS`, `CPU`; None where it is not one of ours."""
    words = [word.strip().lower() for word in named.split(",")]
    found = [ours for word in words for theirs, ours in _BACKENDS.items() if word.startswith(theirs)]
    return found[0] if found else "cpu" if words and set(words) <= {"cpu", "blas"} else None
