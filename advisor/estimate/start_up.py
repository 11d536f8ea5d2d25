"""Seconds until a replica is ready: reading the weights, the engine's own start, compilation."""

from advisor.domain.calibration import StartUpFit
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, VllmSettings
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.weights import WeightBytes


def start_time(candidate: Candidate, weights: WeightBytes, fit: StartUpFit, *, source: str) -> Quantity:
    """A first start. All ranks read through the same disk; repacking copies the weights once more on CPUs."""
    ranks = candidate.parallelism.devices if isinstance(candidate.settings, VllmSettings) else 1
    loaded_bytes = weights.total_bytes * ranks
    disk = candidate.node.host.disk_bytes_per_s
    compiles = not (isinstance(candidate.settings, VllmSettings) and candidate.settings.enforce_eager)
    repacked_bytes = loaded_bytes if _repacks(candidate) else 0
    value, low, high = (
        loaded_bytes / (disk * read) + fixed + (compiling if compiles else 0.0) + repacked_bytes / repack
        for read, fixed, compiling, repack in (
            (fit.read_efficiency.value, fit.fixed_s.value, fit.compile_s.value, fit.repack_bytes_per_s.value),
            (fit.read_efficiency.high, fit.fixed_s.low, fit.compile_s.low, fit.repack_bytes_per_s.high),
            (fit.read_efficiency.low, fit.fixed_s.high, fit.compile_s.high, fit.repack_bytes_per_s.low),
        )
    )
    return Quantity(value, low, high, Basis.MODELLED, f"{loaded_bytes / 1e9:.1f} GB from a disk of {disk / 1e9:.2g} GB/s; {source}")


def _repacks(candidate: Candidate) -> bool:
    settings = candidate.settings
    on_cpu = candidate.on_cpu
    return isinstance(settings, LlamaCppSettings) and settings.repack and on_cpu and candidate.node.host.repacks_weights
