"""From a llama.cpp candidate and the calibration to the effective rates of its step-time model."""

import re
from dataclasses import dataclass

from advisor.domain.calibration import LlamaCppBackend, LlamaCppCalibration, LlamaCppCell, LlamaCppFormat
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import row_bytes
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import ReadBytes, reached_bandwidth, sixteen_bit_rate
from advisor.estimate.llama_cpp_placement import Placement, everything_on_one_side, placement
from advisor.estimate.start_up import start_time
from advisor.estimate.step_time_base import speed_range
from advisor.estimate.step_time_llama_cpp import LlamaCppReplica, LlamaCppSteps, Place, PromptRates
from advisor.estimate.token_work import TokenWork, token_work
