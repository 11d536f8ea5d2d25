"""What a real run showed about a deployment: `evidence/<deployment>-<12 hex>.json`, schema `advisor.evidence/1`.

It holds no host names, paths, user names or prompts. It shows consistency, not authenticity.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from advisor.domain.strict import STRICT, FieldFault, IsoDate, name_fault

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")

ClaimOutcome = Literal["proven", "refuted", "not tested"]
Decides = Literal["both", "proof", "refutation", "nothing"]
Source = Literal["run", "log", "endpoint", "benchmark"]


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim in two columns: does the requirement hold (gates), was the prediction right (teaches)."""

    __pydantic_config__ = STRICT
    name: str
    predicted: float | None
    low: float | None
    high: float | None
    basis: str | None
    at_most: float | None
    at_least: float | None
    measured: float | None
    requirement: ClaimOutcome | None  # None: nothing is required
    prediction: Literal["right", "outside"] | None  # None: nothing was predicted or measured
    tolerance_pct: float | None
    gates: bool
    note: str = ""
    decides: Decides = "both"  # which way this measured number may decide: of a load harder than the planned one it is a proof only


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """One accelerator while the engine served, by its driver; None: the driver does not tell, or nothing was predicted of it."""

    __pydantic_config__ = STRICT
    name: str
    driver_version: str | None
    memory_total_bytes: int
    memory_used_bytes: int  # by everybody
    engine_bytes: int | None  # by the engine's processes
    predicted_reserved_bytes: float | None


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One validation run."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.evidence/1"]
    deployment: str
    fingerprint: str
    measured_on: IsoDate
    engine: dict[str, Any]  # name, runtime, version, backend, system_info
    device: str
    weights: Literal["real", "synthetic", "not claimed"]  # not claimed: of a server that somebody else started
    weights_sha256: str | None
    settings: dict[str, Any]
    reduced: tuple[str, ...]  # what was scaled down, in words
    claims: tuple[ClaimResult, ...]
    benchmark: tuple[dict[str, Any], ...]  # one row per concurrency
    memory: dict[str, Any]
    contention: dict[str, Any]
    made_with: dict[str, Any]
    # a run of ours, a start-up log that was read, a server that ran already, a result of another tool's benchmark
    source: Source = "run"
    differs: tuple[str, ...] = ()  # why it is of another deployment than the fingerprint's, in words; empty in files that are kept
    remarks: tuple[str, ...] = ()  # what a reader should know besides
    # same: the planned machine or its kind; other: the device is the planned one, the machine is not; scaled: neither, see `reduced`
    # not claimed: of a server that somebody else started or measured
    hardware: Literal["same", "other", "scaled", "not claimed"] = "same"
    devices: tuple[DeviceSeen, ...] | None = None  # None: no driver of an accelerator was there to be asked

    def __post_init__(self) -> None:
        if fault := name_fault(self.deployment):
            raise FieldFault("deployment", f"deployment: {fault}")
        if not _FINGERPRINT.fullmatch(self.fingerprint):
            raise FieldFault("fingerprint", f"fingerprint: {self.fingerprint[:80]!r} is not 64 hexadecimal digits")
