"""One validation run: load the planned model with the planned settings on llama.cpp, let it work, and write down what was shown."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from advisor.domain.evidence import EvidenceFile
from advisor.engines.find import FoundEngine
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.errors import NotProven
from advisor.resources import advisor_version
from advisor.units import gib_text
from advisor.validation.compare import compare
from advisor.validation.expectations import expectations
from advisor.validation.load import SmokeLoad, shortened, smoke_load
from advisor.validation.measurements import Measurements, read_report
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
    _require_memory(subject)
    load = smoke_load(subject, terms.concurrency, terms.time_limit_s)
    report = ask_validator(
        terms.engine.python,
        _VALIDATOR,
        _request(subject, weights, terms, load),
        name=f"llama.cpp (llama-cpp-python {terms.engine.version})",
        limits=Limits(time_s=terms.time_limit_s, silence_s=min(terms.time_limit_s, _SILENCE_S), output_bytes=_REPORT_BYTES),
        progress=progress,
    )
    measured = read_report(report)
    return _evidence(subject, weights, terms, load, measured)


def _require_memory(subject: Subject) -> None:
    needed_bytes = sum(d.required_bytes.value for d in subject.memory.devices) + subject.memory.host.required_bytes.value
    available_bytes = psutil.virtual_memory().available
    if needed_bytes > available_bytes:
        raise NotProven(
            f"{subject.planned.name} needs {gib_text(needed_bytes)} and this machine has {gib_text(available_bytes)} available: "
            f"nothing was loaded. Run the validation on {subject.planned.hardware.device}, or plan a smaller context"
        )


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


def _evidence(subject: Subject, weights: Weights, terms: Terms, load: SmokeLoad, measured: Measurements) -> EvidenceFile:
    planned = subject.planned
    return EvidenceFile(
        schema="advisor.evidence/1",
        deployment=planned.name,
        fingerprint=subject.fingerprint,
        measured_on=terms.today,
        engine={**measured.engine, "planned_runtime": planned.engine.runtime, "planned_version": planned.engine.version},
        device=planned.hardware.device if subject.device_here else "cpu",
        weights="synthetic" if weights.synthetic else "real",
        weights_sha256=weights.sha256,
        settings={flag: setting.value for flag, setting in planned.settings.items()},
        reduced=_reduced(subject, load, measured),
        claims=compare(subject, load, expectations(subject, load), measured),
        benchmark=tuple({**asdict(speed), "prompt_tokens": load.prompt_tokens} for speed in measured.speeds),
        memory={**measured.memory, **{name: value for name, value in measured.values.items() if name.endswith("_bytes")}},
        contention=measured.contention.as_dict(),
        made_with={"advisor": advisor_version()},
    )


def _reduced(subject: Subject, load: SmokeLoad, measured: Measurements) -> tuple[str, ...]:
    """What differs from the plan, in words."""
    device = () if subject.device_here else (f"device {subject.planned.hardware.device} -> cpu",)
    runtime = subject.planned.engine.runtime
    driven = (f"{runtime}: {_SERVER_RUNTIMES_NOTE}",) if runtime != "llama-cpp-python" else ()
    ignored = (f"not known to this engine: {', '.join(measured.ignored_settings)}",) if measured.ignored_settings else ()
    cut = tuple(f"{count} at once: not finished in the time limit" for count in measured.incomplete)
    return (*device, *driven, *shortened(subject, load), *ignored, *cut)


def real_weights(path: Path) -> Weights:
    """A model file of the user's, with its digest."""
    import hashlib

    with path.open("rb") as file:
        return Weights(str(path.absolute()), synthetic=False, sha256=hashlib.file_digest(file, "sha256").hexdigest())
