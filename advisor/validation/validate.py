"""One validation run without a server: the planned model with the planned settings in llama-cpp-python's own process."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from advisor.domain.evidence import EvidenceFile
from advisor.engines.find import FoundEngine
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.validation.evidence import evidence_of, of_the_planned_version
from advisor.validation.load import SmokeLoad, smoke_load
from advisor.validation.measurements import read_report
from advisor.validation.room import require_memory
from advisor.validation.subject import Subject, Weights

_VALIDATOR: Final = "llama_cpp_smoke.py"
_SILENCE_S: Final = 300.0
_REPORT_BYTES: Final = 32 * 1024 * 1024
_BENCHMARK_SHARE: Final = 0.7  # of the time limit; the rest is for loading
_SERVER_RUNTIMES_NOTE: Final = "driven in its own process without HTTP"


@dataclass(frozen=True, slots=True)
class Terms:
    """How to run: the engine, the requests at once (none: 1 and all slots), the time limit, today's date."""

    engine: FoundEngine
    concurrency: tuple[int, ...]
    time_limit_s: float
    today: str


def validate(subject: Subject, weights: Weights, terms: Terms, progress: Callable[[str], None] | None = None) -> EvidenceFile:
    """Run it. Raises NotProven when the model does not fit this machine, EngineFailed, TimedOut, Interrupted."""
    require_memory(subject)
    load = smoke_load(subject, terms.concurrency, terms.time_limit_s)
    report = ask_validator(
        terms.engine.python,
        _VALIDATOR,
        _request(subject, weights, terms, load),
        name=f"llama.cpp (llama-cpp-python {terms.engine.version})",
        limits=Limits(time_s=terms.time_limit_s, silence_s=min(terms.time_limit_s, _SILENCE_S), output_bytes=_REPORT_BYTES),
        progress=progress,
    )
    runtime = subject.planned.engine.runtime
    driven = (f"{runtime}: {_SERVER_RUNTIMES_NOTE}",) if runtime != "llama-cpp-python" else ()
    made = evidence_of(subject, weights, load, read_report(report), driven=driven, today=terms.today)
    return of_the_planned_version(subject.planned, made)


def _request(subject: Subject, weights: Weights, terms: Terms, load: SmokeLoad) -> dict[str, Any]:
    settings = asdict(subject.settings)
    if not terms.engine.offloads:
        settings |= {"n_gpu_layers": 0, "n_cpu_moe": 0, "tensor_split": []}
    return {
        "mode": "smoke",
        "model": weights.path,
        "settings": settings,
        "concurrency": list(load.concurrency),
        "prompt_tokens": load.prompt_tokens,
        "output_tokens": load.output_tokens,
        "repeats": load.repeats,
        "time_limit_s": terms.time_limit_s * _BENCHMARK_SHARE,
        "seed": 0,
    }


def real_weights(path: Path) -> Weights:
    """A model file of the user's with its digest; of a folder the digest of its weight files' digests, in the order of their names."""
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    digests = [_digest(file) for file in files]
    whole = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return Weights(str(path.absolute()), synthetic=False, sha256=whole)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
