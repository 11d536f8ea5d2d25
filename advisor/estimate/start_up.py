"""Seconds until a replica is ready: fetching, reading and repacking the weights, the engine's own start, compilation, graph capture."""

from typing import NamedTuple

from advisor.domain.calibration import Fitted, StartUpFit
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, VllmSettings
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.weights import WeightBytes
from advisor.estimate.placement_llama_cpp import held_bytes, place
from advisor.units import significant


class _Part(NamedTuple):
    """Expected seconds of one part of a first start, and the ends of its range."""

    name: str
    value: float
    low: float
    high: float


def start_time(candidate: Candidate, weights: WeightBytes, fit: StartUpFit, *, source: str) -> Quantity:
    """A first start, its weights on a disk that nobody has read yet; the low end is a restart with files and compiled code in memory.

    Nobody can tell beforehand which of the two it will be, so the range holds both: each end is the sum of the parts' ends.
    """
    parts = [part for part in _parts(candidate, weights, fit) if part.high > 0]
    value, low, high = (sum(ends) for ends in zip(*((part.value, part.low, part.high) for part in parts), strict=True))
    told = ", ".join(f"{part.name} {significant(part.value)} s" for part in parts)
    absent = "" if candidate.node.host.download_bytes_per_s else "; a download is not counted"
    return Quantity(value, low, high, Basis.MODELLED, f"{told}{absent}; {source}")


def _parts(candidate: Candidate, weights: WeightBytes, fit: StartUpFit) -> tuple[_Part, ...]:
    host, stored_bytes = candidate.node.host, weights.total_bytes * _ranks(candidate)
    compiles = not (isinstance(candidate.settings, VllmSettings) and candidate.settings.enforce_eager)
    return (
        _download(stored_bytes, host.download_bytes_per_s),
        _read(stored_bytes, host.disk_bytes_per_s, fit),
        _copied("repack", _repacked_bytes(candidate, weights), fit.repack_bytes_per_s),
        _fixed("engine", fit.fixed_s),
        _fixed("compile", fit.compile_s, applies=compiles),
        _fixed("capture graphs", fit.capture_s, applies=compiles and not candidate.on_cpu),
    )


def _ranks(candidate: Candidate) -> int:
    """Ranks that read different weights: copies of the same read them from the page cache. llama.cpp's weights are counted whole."""
    parallel = candidate.parallelism
    return parallel.tensor * parallel.pipeline if isinstance(candidate.settings, VllmSettings) else 1


def _download(stored_bytes: float, bytes_per_s: float | None) -> _Part:
    """Only where a link is known; the low end finds the weights there already."""
    seconds = stored_bytes / bytes_per_s if bytes_per_s else 0.0
    return _Part("download", seconds, 0.0, seconds)


def _read(stored_bytes: float, disk_bytes_per_s: float, fit: StartUpFit) -> _Part:
    """From the disk; at the low end from the page cache."""
    cold, slow = (stored_bytes / (disk_bytes_per_s * share) for share in (fit.read_efficiency.value, fit.read_efficiency.low))
    return _Part(f"read {stored_bytes / 1e9:.1f} GB", cold, min(cold, stored_bytes / fit.cached_bytes_per_s.high), slow)


def _copied(name: str, size: float, bytes_per_s: Fitted) -> _Part:
    return _Part(name, size / bytes_per_s.value, size / bytes_per_s.high, size / bytes_per_s.low)


def _fixed(name: str, seconds: Fitted, *, applies: bool = True) -> _Part:
    return _Part(name, seconds.value, seconds.low, seconds.high) if applies else _Part(name, 0.0, 0.0, 0.0)


def _repacked_bytes(candidate: Candidate, weights: WeightBytes) -> int:
    """What llama.cpp copies into a layout of the processor's own."""
    settings = candidate.settings
    if not (isinstance(settings, LlamaCppSettings) and settings.repack and candidate.node.host.repacks_weights):
        return 0
    return held_bytes(place(candidate, settings), weights).repacked
