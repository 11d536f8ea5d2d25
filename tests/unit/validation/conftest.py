"""A deployment under test made of plain numbers, and the report of a run that matches it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.domain.demand import Demand, Lengths
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.estimate import DeviceMemory, HostMemory, MemoryEstimate, StepTime
from advisor.domain.plan import Claim, PlannedDeployment, PlannedEngine, PlannedHardware, PlannedModel, Setting
from advisor.domain.quantity import Basis, Quantity, exact
from advisor.domain.workload import Load
from advisor.units import GIB, MIB
from advisor.validation.subject import Subject

LOG = Path(__file__).parents[2] / "data" / "engine_logs" / "llama_3_2_1b_q4_k_m.log"
WEIGHTS, REPACKED, KV, COMPUTE, OUTPUT = 762.81 * MIB, 445.50 * MIB, 256.0 * MIB, 66.01 * MIB, 1.96 * MIB
WHOLE = WEIGHTS + REPACKED + KV + COMPUTE + OUTPUT
INTERPRETER = 90 * MIB
NOTHING = exact(0, "test")

SETTINGS = LlamaCppSettings(
    ctx_size=8192,
    parallel=4,
    kv_unified=False,
    swa_full=False,
    flash_attn="on",
    cache_type_k="f16",
    cache_type_v="f16",
    batch_size=2048,
    ubatch_size=512,
    n_gpu_layers=0,
    n_cpu_moe=0,
    split_mode="layer",
    tensor_split=(),
    load_mode="mmap",
    repack=True,
    cache_ram_mib=0,
    outputs=4,
)


def modelled(value):
    return Quantity(value, value * 0.7, value * 1.5, Basis.MODELLED, "test")


class Steps:
    """Ten milliseconds a decode step, one a prompt token."""

    def decode(self, batch, context_tokens):
        return StepTime(modelled(0.010 * batch), {})

    def prefill(self, tokens, context_tokens=0.0):
        return StepTime(modelled(0.001 * tokens), {})


def memory():
    sizes = {"weights": WEIGHTS, "kv_cache": KV, "recurrent_state": 0.0, "compute_buffer": COMPUTE, "output_buffer": OUTPUT}
    parts = {f"{name}_bytes": exact(size, "test") for name, size in sizes.items()}
    overhead, usable = exact(INTERPRETER, "test"), exact(16 * GIB, "test")
    whole = exact(WHOLE + INTERPRETER, "test")
    device = DeviceMemory("cpu", **parts, runtime_overhead_bytes=overhead, required_bytes=whole, reserved_bytes=whole, usable_bytes=usable)
    empty = dict.fromkeys((*parts, "prompt_cache_bytes", "context_checkpoints_bytes", "runtime_overhead_bytes", "required_bytes"), NOTHING)
    host = HostMemory(**empty, repacked_weights_bytes=exact(REPACKED, "test"), usable_bytes=usable)
    held = exact(4, "test")
    return MemoryEstimate(
        devices=(device,),
        host=host,
        kv_cache_bytes_per_token=exact(32768, "test"),
        kv_cache_capacity_tokens=exact(8192, "test"),
        num_blocks=None,
        max_concurrency_x=None,
        steady_concurrency_x=None,
        requests_held_typical=held,
        requests_held_longest=held,
        context_total_tokens=8192,
        context_per_request_tokens=2048,
        parallel_requests=4,
        fits=True,
    )


def planned(**changes):
    fields = {
        "name": "letters",
        "model": PlannedModel("org/model", "Q4_K_M"),
        "engine": PlannedEngine("llama.cpp", "llama-cpp-python", "b11549"),
        "hardware": PlannedHardware("machine-0123456789ab"),
        "settings": {"ctx-size": Setting(8192), "parallel": Setting(4)},
    }
    return PlannedDeployment(**{**fields, **changes})


CLAIMS = {
    "weights_gib": Claim(WEIGHTS / GIB, Basis.EXACT),
    "reserved_gib": Claim((WHOLE + INTERPRETER) / GIB, Basis.EXACT, at_most=16.0),
    "kv_capacity_tokens": Claim(8192, Basis.EXACT, at_least=6000),
    "ttft_p95_s": Claim(0.5, Basis.SCALED, 0.3, 0.9, at_most=1.0),
    "tpot_p95_s": Claim(0.02, Basis.MODELLED, 0.01, 0.03, at_most=0.05),
}


@pytest.fixture
def make_subject():
    def make(**changes):
        fields = {
            "planned": planned(),
            "fingerprint": "ab" * 32,
            "candidate": SimpleNamespace(settings=SETTINGS, runtime=SimpleNamespace(engine="llama.cpp", backend="cpu"), on_cpu=True),
            "memory": memory(),
            "steps": Steps(),
            "demand": Demand(Load(in_flight=2), Lengths(200, 400, 1500), Lengths(50, 100, 200)),
            "claims": CLAIMS,
            "required": ("starts", "kv_capacity_tokens", "ttft_p95_s", "tpot_p95_s"),
            "in_flight": 2.0,
            "device_here": True,
            "same_machine": True,
        }
        return Subject(**{**fields, **changes})

    return make


def stage(anonymous, file):
    return {
        "anonymous_bytes": int(anonymous),
        "file_bytes": int(file),
        "resident_bytes": int(anonymous + file),
        "peak_resident_bytes": None,
    }


def run_row(concurrency, repeat, step_s=None, first_s=None, **changes):
    step_s, first_s = step_s or 0.010 * concurrency, first_s or 0.2
    row = {
        "concurrency": concurrency,
        "repeat": repeat,
        "prefill_s": first_s * concurrency,
        "first_token_s": [first_s * (index + 1) for index in range(concurrency)],
        "steps_s": [step_s] * 20,
        "logits_finite": True,
        "complete": True,
    }
    return row | changes


@pytest.fixture
def make_report():
    def make(**changes):
        report = {
            "engine": {"name": "llama.cpp", "binding_version": "0.3.36", "system_info": "CPU : AVX2 = 1"},
            "model": {"tensor_bytes": int(WEIGHTS)},
            "context": {"n_ctx": 8192, "n_ctx_seq": 2048},
            "ignored_settings": [],
            "log": LOG.read_text().splitlines(),
            "memory": {
                "start": stage(INTERPRETER * 0.6, INTERPRETER * 0.4),
                "loaded": stage(INTERPRETER * 0.6 + REPACKED, INTERPRETER * 0.4 + WEIGHTS),
                "context": stage(INTERPRETER * 0.6 + REPACKED + KV, INTERPRETER * 0.4 + WEIGHTS),
                "end": stage(INTERPRETER * 0.6 + REPACKED + KV + COMPUTE + OUTPUT, INTERPRETER * 0.4 + WEIGHTS),
            },
            "benchmark": [run_row(count, repeat) for repeat in (1, 2) for count in (1, 4)],
            "contention": {
                "wall_s": 100.0,
                "cores": 2,
                "own_cpu_s": 190.0,
                "host_busy_s": 195.0,
                "load_average": [2.0, 2.0, 2.0],
                "max_step_over_median": 1.2,
            },
        }
        return report | changes

    return make
