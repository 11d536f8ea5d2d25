"""Writing settings as flags and reading them back changes nothing, whatever was asked for."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.catalog.engines import load_engines
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, RuntimeRef
from advisor.domain.hardware import Host, Node
from advisor.domain.model import Checkpoint, Model
from advisor.engines.command import flag_arguments
from advisor.engines.flags import split_arguments
from advisor.engines.settings import flags_of, parallelism_from_flags, settings_from_flags
from advisor.engines.settings_vllm import RunsOn
from advisor.errors import UserInputError
from tests.unit.engines.examples import cpu, device, llama_8b

ENGINES = load_engines()
CACHE_TYPES = st.sampled_from(["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"])

LLAMA_SERVER = st.fixed_dictionaries(
    {},
    optional={
        "ctx-size": st.integers(0, 300_000),
        "parallel": st.one_of(st.integers(1, 256), st.just("auto")),
        "kv-unified": st.booleans(),
        "swa-full": st.booleans(),
        "cache-type-k": CACHE_TYPES,
        "cache-type-v": CACHE_TYPES,
        "batch-size": st.integers(1, 8192),
        "ubatch-size": st.integers(1, 8192),
        "n-gpu-layers": st.one_of(st.integers(0, 99), st.sampled_from(["auto", "all"])),
        "n-cpu-moe": st.integers(0, 64),
        "split-mode": st.sampled_from(["none", "layer", "row"]),
        "tensor-split": st.lists(st.integers(0, 9), min_size=1, max_size=4),
        "load-mode": st.sampled_from(["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"]),
        "no-repack": st.booleans(),
        "cache-ram": st.integers(0, 65536),
        "threads": st.integers(1, 128),
    },
)
PYTHON = st.fixed_dictionaries(
    {},
    optional={
        "n_ctx": st.integers(0, 300_000),
        "flash_attn": st.just(True),
        "type_k": st.sampled_from([0, 1, 2, 3, 6, 7, 8, 20, 30]),
        "n_batch": st.integers(1, 8192),
        "n_ubatch": st.integers(1, 8192),
        "n_gpu_layers": st.integers(-1, 99),
        "use_mmap": st.booleans(),
        "use_mlock": st.booleans(),
        "split_mode": st.sampled_from([0, 1, 2]),
    },
)
VLLM = st.fixed_dictionaries(
    {},
    optional={
        "max-model-len": st.integers(1, 200_000),
        "max-num-seqs": st.integers(1, 2048),
        "max-num-batched-tokens": st.integers(2048, 65536),
        "gpu-memory-utilization": st.floats(0.05, 1),
        "kv-cache-dtype": st.sampled_from(["auto", "fp8", "bfloat16", "nvfp4"]),
        "block-size": st.sampled_from([16, 32, 64, 128]),
        "enable-prefix-caching": st.booleans(),
        "enforce-eager": st.booleans(),
        "kv-cache-memory-bytes": st.integers(1, 2**40),
    },
)
RUNTIMES = st.one_of(
    st.tuples(st.just(("llama.cpp", "llama-server")), LLAMA_SERVER),
    st.tuples(st.just(("llama.cpp", "llama-cpp-python")), PYTHON),
    st.tuples(st.just(("llama.cpp", "llama-cpp-server")), PYTHON),
    st.tuples(st.just(("vllm", "vllm-serve")), VLLM),
)


@settings(max_examples=300, deadline=None)
@given(RUNTIMES, st.sampled_from([llama_8b(), llama_8b(experts=8)]), st.sampled_from([device(), cpu()]))
def test_flags_read_back_as_the_same_settings(case, architecture, on):
    (engine, runtime), flags = case
    record = ENGINES[engine]
    try:
        chosen = settings_from_flags(record, runtime, flags, architecture=architecture, device=on)
    except UserInputError:
        return  # the engine refuses it too
    written = flags_of(chosen, record, runtime)
    assert settings_from_flags(record, runtime, written, architecture=architecture, device=on) == chosen
    context = RunsOn(architecture, on, on.backends[0], Parallelism())
    pinned = flags_of(chosen, record, runtime, on=context)
    assert settings_from_flags(record, runtime, pinned, architecture=architecture, device=on) == chosen


@pytest.mark.parametrize("parallelism", [Parallelism(), Parallelism(tensor=4), Parallelism(2, 2, 2, True)])
def test_parallelism_reads_back(parallelism):
    record = ENGINES["vllm"]
    chosen = settings_from_flags(record, "vllm-serve", {}, architecture=llama_8b(), device=device())
    written = flags_of(chosen, record, "vllm-serve", parallelism=parallelism)
    assert parallelism_from_flags(record, "vllm-serve", written) == parallelism


def candidate(engine, runtime, flags, *, on=None, parallelism=None):
    node_device = on or device()
    host = Host(2**38, 3e11, 64, 3e9, 5e10)
    checkpoint = Checkpoint("org/model", "gguf" if engine == "llama.cpp" else "safetensors", "q")
    model = Model("org/model", llama_8b(), "apache-2.0", (checkpoint,))
    backend = next(b for b in node_device.backends if ENGINES[engine].platform(b))
    return Candidate(
        model=model,
        checkpoint=checkpoint,
        runtime=RuntimeRef(engine, runtime, ENGINES[engine].versions.default, backend),
        node=Node("n", node_device, 8, host),
        parallelism=parallelism or Parallelism(),
        settings=settings_from_flags(ENGINES[engine], runtime, flags, architecture=model.architecture, device=node_device),
    )


def test_every_setting_can_be_given_by_its_own_name():
    chosen = candidate("llama.cpp", "llama-server", {"ctx_size": 4096}).settings
    names = {field.name for field in dataclasses.fields(chosen)} - {"outputs"}
    flags = {name: getattr(chosen, name) for name in names}
    again = settings_from_flags(ENGINES["llama.cpp"], "llama-server", flags, architecture=llama_8b(), device=device())
    assert again == chosen


@pytest.mark.parametrize(
    ("engine", "runtime", "flags", "pinned"),
    [
        (
            "llama.cpp",
            "llama-server",
            {"ctx-size": 8192, "np": 2, "no-repack": True},
            "--ctx-size 8192 --parallel 2 --no-kv-unified --flash-attn on --cache-type-k f16 --cache-type-v f16 --batch-size 2048 "
            "--ubatch-size 512 --n-gpu-layers 33 --load-mode mmap --no-repack --cache-ram 8192",
        ),
        (
            "llama.cpp",
            "llama-cpp-server",
            {"n_ctx": 4096, "flash_attn": True, "type_k": 8, "type_v": 8},
            "--n_ctx 4096 --flash_attn true --type_k 8 --type_v 8 --n_batch 512 --n_ubatch 512 --n_gpu_layers 0 --use_mmap true "
            "--use_mlock true",
        ),
        (
            "vllm",
            "vllm-serve",
            {"max-model-len": 16384},
            "--max-model-len 16384 --max-num-seqs 1024 --max-num-batched-tokens 8192 --gpu-memory-utilization 0.92 "
            "--kv-cache-dtype auto --enable-prefix-caching --tensor-parallel-size 1",
        ),
    ],
)
def test_a_command_line_pins_what_decides_capacity_and_reads_back(engine, runtime, flags, pinned):
    chosen = candidate(engine, runtime, flags)
    facts, record = ENGINES[engine].runtimes[runtime], ENGINES[engine]
    on = RunsOn(chosen.model.architecture, chosen.node.device, chosen.runtime.backend, chosen.parallelism)
    arguments = flag_arguments(flags_of(chosen.settings, record, runtime, parallelism=chosen.parallelism, on=on), facts.flags)
    assert " ".join(arguments) == pinned
    found, rest = split_arguments(facts, arguments)
    assert not rest
    assert settings_from_flags(record, runtime, found, architecture=llama_8b(), device=device()) == chosen.settings


def test_arguments_split_into_flags_and_the_rest():
    runtime = ENGINES["vllm"].runtimes["vllm-serve"]
    arguments = ["--trust-remote-code", "org/model", "--max-model-len=8k", "-tp", "2", "--enforce-eager", "--seed", "-1", "--seed", "5"]
    assert split_arguments(runtime, arguments) == (
        {"trust-remote-code": True, "max-model-len": "8k", "tp": "2", "enforce-eager": True, "seed": "5"},
        ["org/model"],
    )
