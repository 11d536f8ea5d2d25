"""The step-time model of a candidate, by its engine."""

from advisor.domain.calibration import Calibration, LlamaCppCalibration
from advisor.domain.deployment import Candidate
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.step_time_base import SpeedRange, StepTimeModel
from advisor.estimate.step_time_llama_cpp import llama_cpp_steps
from advisor.estimate.step_time_vllm import vllm_steps

__all__ = ["SpeedRange", "StepTimeModel", "step_time_model"]


def step_time_model(candidate: Candidate, weights: WeightBytes, calibration: Calibration, *, quantization: Quantization) -> StepTimeModel:
    """Step times of one replica. Raises UserInputError when the calibration is another engine's."""
    if candidate.runtime.engine != calibration.engine:
        raise UserInputError(f"calibration of {calibration.engine} cannot time a candidate of {candidate.runtime.engine}")
    if isinstance(calibration, LlamaCppCalibration):
        return llama_cpp_steps(candidate, weights, calibration, quantization=quantization)
    return vllm_steps(candidate, weights, calibration, quantization=quantization)
