"""Fitted and assumed constants of the memory estimates: `catalog/calibration/memory.yaml`, schema `advisor.memory-constants/1`.

What an engine allocates by rule is arithmetic and lives in `advisor.estimate`; only what a rule does not give is here.
"""

from dataclasses import dataclass
from typing import Literal

from advisor.domain.quantity import Basis, Quantity
from advisor.domain.strict import STRICT, FieldFault


@dataclass(frozen=True, slots=True)
class Spread:
    """A constant with its 80 % range and where it comes from."""

    __pydantic_config__ = STRICT
    value: float
    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.value <= self.high:
            raise FieldFault("value", f"a range must hold its value: 0 <= {self.low:g} <= {self.value:g} <= {self.high:g}")

    def quantity(self, factor: float = 1.0) -> Quantity:
        """The constant times an exact factor."""
        return Quantity(self.value * factor, self.low * factor, self.high * factor, Basis.MODELLED, self.source)


@dataclass(frozen=True, slots=True)
class LlamaCppMemoryConstants:
    """What llama.cpp needs beyond its own accounting; the factors are the engine's size over the restated graph's."""

    __pydantic_config__ = STRICT
    context_bytes: dict[str, Spread]  # by backend: driver context and kernels on a device
    process_bytes: Spread  # the server itself, in host memory
    compute_restated_factor: Spread  # compute buffer of architectures whose graph is restated
    compute_other_factor: Spread  # of others, sized as the commonest graph of the same parts
    compute_device_factor: Spread  # on top of either, where the buffer lies on a device and not in host memory


@dataclass(frozen=True, slots=True)
class VllmMemoryConstants:
    """What vLLM measures at start-up and takes off the budget before it sizes the KV pool."""

    __pydantic_config__ = STRICT
    forward_factor: Spread  # peak of the profiling step over its closed form
    sampler_copies: Spread  # copies of the float32 logits of max_num_seqs rows
    other_bytes: Spread  # allocations outside PyTorch, and fragments, on one device
    other_parallel_bytes: Spread  # the same with communication buffers, on several devices
    cuda_graph_bytes: Spread
    host_process_bytes: Spread  # host memory of one worker process
    host_fixed_bytes: Spread  # the same of API server and engine core, whatever the devices
    cpu_process_bytes: Spread  # resident size of the CPU backend's worker beside weights and cache


@dataclass(frozen=True, slots=True)
class MemoryConstants:
    """Both engines' constants."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.memory-constants/1"]
    as_of: str
    llama_cpp: LlamaCppMemoryConstants
    vllm: VllmMemoryConstants
