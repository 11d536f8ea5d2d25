"""Replicas for the tests of step times, load and cost: catalog models on catalog devices, with settings in a line."""

from dataclasses import replace

from advisor.catalog import load_catalog
from advisor.catalog.calibration import load_calibrations
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Candidate, Deployment
from advisor.domain.engine import Parallelism, RuntimeRef
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.model import Checkpoint
from advisor.domain.quantity import exact
from advisor.domain.workload import Load, Users
from advisor.estimate.step_time import step_time_model
from advisor.estimate.weights import gguf_weights, safetensors_weights
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, VLLM

CATALOG = load_catalog()
CALIBRATIONS = load_calibrations()
EIGHT_B, THIRTY_TWO_B, MOE_30B = "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-32B", "Qwen/Qwen3-30B-A3B"


def vllm_candidate(model, device, *, quantization="bf16", tensor=1, version="0.33.0", backend="cuda", settings=VLLM, **parallel):
    parallelism = Parallelism(tensor=tensor, **parallel)
    node = device if not isinstance(device, str) else CATALOG.node(device, parallelism.devices)
    runtime = RuntimeRef("vllm", "vllm-serve", version, backend)
    return Candidate(CATALOG.model(model), Checkpoint(model, "safetensors", quantization), runtime, node, parallelism, settings)


def llama_cpp_candidate(model, device, *, quantization="Q4_K_M", backend="cuda", build="b11549", settings=LLAMA_CPP, devices=1):
    node = device if not isinstance(device, str) else CATALOG.node(device, devices)
    runtime = RuntimeRef("llama.cpp", "llama-server", build, backend)
    checkpoint = Checkpoint(model, "gguf", quantization)
    return Candidate(CATALOG.model(model), checkpoint, runtime, node, Parallelism(pipeline=devices), settings)


def weights_of(candidate):
    quantization = CATALOG.quantization(candidate.checkpoint.quantization)
    if quantization.format == "gguf":
        return gguf_weights(candidate.model.architecture, quantization)
    return safetensors_weights(candidate.model.architecture, quantization, parallelism=candidate.parallelism)


def steps_of(candidate, weights=None):
    quantization = CATALOG.quantization(candidate.checkpoint.quantization)
    calibration = CALIBRATIONS[candidate.runtime.engine]
    return step_time_model(candidate, weights or weights_of(candidate), calibration, quantization=quantization)


def vllm_steps(model, device, **how):
    return steps_of(vllm_candidate(model, device, **how))


def llama_cpp_steps(model, device, **how):
    return steps_of(llama_cpp_candidate(model, device, **how))


def memory_of(cache_tokens, *, request_tokens=131072, slots=256, typical_tokens=1000):
    """Only what the load simulation reads."""
    nothing = exact(0, "test")
    capacity = exact(cache_tokens, "test")
    typical = exact(cache_tokens / typical_tokens, "test")
    return MemoryEstimate(
        (), None, nothing, capacity, None, None, None, typical, nothing, int(cache_tokens), request_tokens, slots, True
    )  # fmt: skip


def fixed(tokens):
    return Lengths(tokens, tokens, tokens)


def demand(load=None, *, input_tokens=None, output_tokens=None, **more):
    """Letters: 4,000 tokens in, 500 out, log-normal, unless said otherwise."""
    return Demand(
        load or Load(users=Users(240, 120)),
        input_tokens or Lengths(4000, 9000, 15000),
        output_tokens or Lengths(500, 900, 1200),
        **more,
    )


def deployment(candidate, replicas=1, **more):
    return Deployment("a-deployment", candidate, replicas, **more)


def faster_memory(node, factor):
    device = replace(node.device, memory_bandwidth_bytes_per_s=node.device.memory_bandwidth_bytes_per_s * factor)
    return replace(node, device=device)
