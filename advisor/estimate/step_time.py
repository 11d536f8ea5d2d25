"""The step-time model of a candidate, by its engine, corrected by what was measured near it."""

from dataclasses import replace
from typing import Protocol

from advisor.domain.calibration import Calibration, LlamaCppCalibration
from advisor.domain.deployment import Candidate
from advisor.domain.near import NearRules, Scale
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.scaling import METRICS, Believing, applied, nearest
from advisor.estimate.step_time_base import SpeedRange, StepTimeModel
from advisor.estimate.step_time_llama_cpp import llama_cpp_steps
from advisor.estimate.step_time_vllm import vllm_steps

__all__ = ["SpeedRange", "StepTimeModel", "step_time_model"]


class Measured(Protocol):
    """What was measured: the catalog's, and what the user gave."""

    @property
    def rules(self) -> NearRules:
        """What counts as near."""

    def scales(self, engine: str, device: str) -> tuple[Scale, ...]:
        """All of this engine on this device."""


def step_time_model(
    candidate: Candidate, weights: WeightBytes, calibration: Calibration, *, quantization: Quantization, near: Measured | None = None
) -> StepTimeModel:
    """Step times of one replica, scaled by what was measured near it where `near` is given.

    Raises UserInputError when the calibration is another engine's.
    """
    steps = _modelled(candidate, weights, calibration, quantization)
    scales = near.scales(candidate.runtime.engine, candidate.node.device.id) if near else ()
    if near is None or not scales:
        return steps
    own = {metric: steps.speed.of(metric) for metric in METRICS}
    found = applied(candidate, scales, Believing(near.rules, calibration, candidate.runtime.backend, own))
    return replace(steps.scaled_by(found), nearest=nearest(candidate, scales, near.rules, found))


def _modelled(candidate: Candidate, weights: WeightBytes, calibration: Calibration, quantization: Quantization) -> StepTimeModel:
    if candidate.runtime.engine != calibration.engine:
        raise UserInputError(f"calibration of {calibration.engine} cannot time a candidate of {candidate.runtime.engine}")
    if isinstance(calibration, LlamaCppCalibration):
        return llama_cpp_steps(candidate, weights, calibration, quantization=quantization)
    return vllm_steps(candidate, weights, calibration, quantization=quantization)
