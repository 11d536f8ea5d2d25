"""Memory of a candidate: one entry for both engines. Their allocators differ in everything, so nothing but the answer's shape is shared."""

from typing import assert_never

from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, VllmSettings
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.memory_constants import MemoryConstants
from advisor.domain.weights import WeightBytes
from advisor.estimate.memory_llama_cpp import estimate_llama_cpp_memory
from advisor.estimate.memory_vllm import estimate_vllm_memory


def estimate_memory(
    candidate: Candidate, weights: WeightBytes, *, constants: MemoryConstants, typical_tokens: int, longest_tokens: int
) -> MemoryEstimate:
    """Bytes on every device and the host, what the cache holds, and whether it fits. `weights`: vLLM's of one rank, llama.cpp's whole.

    `typical_tokens` and `longest_tokens` are whole requests, prompt and answer.
    """
    match candidate.settings:
        case LlamaCppSettings():
            return estimate_llama_cpp_memory(
                candidate, weights, constants=constants.llama_cpp, typical_tokens=typical_tokens, longest_tokens=longest_tokens
            )
        case VllmSettings():
            return estimate_vllm_memory(
                candidate, weights, constants=constants.vllm, typical_tokens=typical_tokens, longest_tokens=longest_tokens
            )
        case _:
            assert_never(candidate.settings)
