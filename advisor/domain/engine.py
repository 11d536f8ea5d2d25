"""Engines, their runtimes and their settings under the engines' own names."""

import re
from dataclasses import dataclass
from typing import Final, Literal

EngineName = Literal["llama.cpp", "vllm"]
_BUILD: Final = re.compile(r"b?(\d{1,9})")


def build_number(version: str) -> int | None:
    """The number of a llama.cpp build, `b11549` or `11549`: what its versions are ordered by. None for anything else."""
    match = _BUILD.fullmatch(version)
    return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class RuntimeRef:
    """Which program of which engine in which version serves the model; `backend` matters for llama.cpp only."""

    engine: EngineName
    runtime: str  # llama-server, llama-cpp-python, llama-cpp-server, vllm-serve …
    version: str  # b11549 for llama.cpp (build number), PEP 440 for vLLM
    backend: str  # cuda, rocm, vulkan, sycl, metal, cpu


@dataclass(frozen=True, slots=True)
class Parallelism:
    """How one replica is spread over devices. llama.cpp splits layers over `devices`; vLLM uses tensor, pipeline, data, expert."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: bool = False

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tensor * self.pipeline * self.data


@dataclass(frozen=True, slots=True)
class LlamaCppSettings:
    """llama.cpp's own settings. Field names are the flags' names with underscores; defaults are never implied: all are explicit."""

    ctx_size: int  # total cells asked for; 0 = the trained length
    parallel: int  # slots
    kv_unified: bool
    swa_full: bool
    flash_attn: Literal["on", "off"]
    cache_type_k: str
    cache_type_v: str
    batch_size: int
    ubatch_size: int
    n_gpu_layers: int  # layers + 1 = everything, output layer included
    n_cpu_moe: int
    split_mode: Literal["none", "layer", "row"]
    tensor_split: tuple[float, ...]
    load_mode: Literal["mmap", "none", "mlock"]  # what the host memory is: mapped file, anonymous, pinned
    repack: bool
    cache_ram_mib: int
    outputs: int  # logits rows reserved per step: slots for llama-server, batch_size for llama-cpp-python
    threads: int | None = None
    ctx_checkpoints: int = 0  # copies a slot keeps in host memory of windows and states, which cannot be rolled back


@dataclass(frozen=True, slots=True)
class VllmSettings:
    """vLLM's own settings, all explicit."""

    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    gpu_memory_utilization: float
    kv_cache_dtype: str
    block_size: int
    enable_prefix_caching: bool
    enforce_eager: bool
    kv_cache_memory_bytes: int | None = None
    enable_lora: bool = False
    max_loras: int = 1  # slots for adapters on the device
    max_lora_rank: int = 16
    fully_sharded_loras: bool = False
    max_cpu_loras: int | None = None  # adapters kept in host memory; None is as many as slots


EngineSettings = LlamaCppSettings | VllmSettings
