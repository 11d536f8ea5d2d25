"""The whole memory of one candidate, explained: of a plan's deployment, or of a model on a device without a plan."""

from collections.abc import Iterator

from advisor.domain.engine import VllmSettings
from advisor.domain.memory_constants import MemoryConstants
from advisor.planning.explain_memory_llama_cpp import llama_cpp_memory_terms
from advisor.planning.explain_memory_vllm import vllm_memory_terms
from advisor.planning.explanation import Explanation
from advisor.planning.held import Held
from advisor.planning.term import Term
from advisor.units import GIB


def explain_memory(held: Held, constants: MemoryConstants, *, deployment: str) -> Explanation:
    """What one device needs to start and serve one request of the full length, part by part."""
    required = max(held.memory.devices, key=lambda device: device.required_bytes.value - device.usable_bytes.value).required_bytes
    value = type(required)(required.value / GIB, required.low / GIB, required.high / GIB, required.basis, required.source)
    terms = tuple(_terms(held, constants))
    return Explanation(deployment, "memory", "required on a device", " GiB", value, None, terms)


def _terms(held: Held, constants: MemoryConstants) -> Iterator[Term]:
    if isinstance(held.candidate.settings, VllmSettings):
        return vllm_memory_terms(held, constants.vllm)
    return llama_cpp_memory_terms(held)
