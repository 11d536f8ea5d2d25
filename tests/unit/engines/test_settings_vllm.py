import pytest

from advisor.catalog.engines import load_engines
from advisor.domain.engine import Parallelism
from advisor.engines.settings import parallelism_from_flags, settings_from_flags
from advisor.errors import UserInputError
from tests.unit.engines.examples import cpu, device, latent_model, llama_8b

VLLM = load_engines()["vllm"]


def read(flags, *, architecture=None, on=None, **options):
    return settings_from_flags(VLLM, "vllm-serve", flags, architecture=architecture or llama_8b(), device=on or device(), **options)


@pytest.mark.parametrize(
    ("name", "memory_gib", "tokens", "sequences"),
    [  # vllm/engine/arg_utils.py get_batch_defaults, API server
        ("NVIDIA B200", 178.4, 16384, 1024),
        ("AMD Instinct MI300X", 191.7, 16384, 1024),
        ("NVIDIA H100 80GB HBM3", 79.6, 8192, 1024),
        ("NVIDIA H200", 139.8, 8192, 1024),
        ("NVIDIA RTX PRO 6000 Blackwell", 95.6, 8192, 1024),
        ("NVIDIA A100-SXM4-80GB", 79.3, 2048, 256),
        ("DGX Spark (GB10)", 119.7, 2048, 256),
        ("NVIDIA L40S", 44.4, 2048, 256),
        ("NVIDIA GeForce RTX 4090", 23.5, 2048, 256),
    ],
)
def test_scheduler_limits_by_device(name, memory_gib, tokens, sequences):
    settings = read({}, on=device(name, memory_gib=memory_gib))
    assert (settings.max_num_batched_tokens, settings.max_num_seqs, settings.block_size) == (tokens, sequences, 16)


def test_defaults_on_a_gpu():
    settings = read({})
    assert (settings.max_model_len, settings.gpu_memory_utilization, settings.kv_cache_dtype) == (131_072, 0.92, "auto")
    assert settings.enable_prefix_caching
    assert not settings.enforce_eager
    assert settings.kv_cache_memory_bytes is None


def test_on_a_cpu_limits_grow_with_the_ranks_and_blocks_hold_128_tokens():
    alone = read({}, on=cpu())
    assert (alone.max_num_batched_tokens, alone.max_num_seqs, alone.block_size) == (2048, 128, 128)
    two = read({}, on=cpu(), parallelism=Parallelism(tensor=2))
    assert (two.max_num_batched_tokens, two.max_num_seqs) == (4096, 256)
    assert read({}, on=cpu(), architecture=latent_model()).block_size == 16


def test_unset_limits_are_capped_by_each_other():
    assert read({"max-num-seqs": 2, "max-model-len": 1024}).max_num_batched_tokens == 2048
    assert read({"max-num-batched-tokens": 512}).max_num_seqs == 512


@pytest.mark.parametrize(("text", "tokens"), [("16384", 16384), ("16k", 16_000), ("16K", 16_384), ("1.5k", 1500), (8192, 8192)])
def test_lengths_may_be_written_short(text, tokens):
    assert read({"max_model_len": text}).max_model_len == tokens


def test_memory_may_be_written_short():
    assert read({"kv-cache-memory": "10GiB"}).kv_cache_memory_bytes == 10 * 2**30
    assert read({"kv-cache-memory-bytes": "25G"}).kv_cache_memory_bytes == 25 * 2**30


def test_a_model_length_beyond_the_trained_one_is_left_to_the_rules():
    assert read({"max-model-len": 200_000}).max_model_len == 200_000


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"swap-space": 4}, "never swapped"),
        ({"disable-log-requests": True}, "enable-log-requests"),
        ({"max-num-batched-tokens": 64, "max-num-seqs": 128}, "vLLM refuses to start"),
        ({"gpu-memory-utilization": 92}, "not a share"),
        ({"max-model-len": "auto"}, "cannot be planned"),
        ({"max-model-len": -1}, "cannot be planned"),
        ({"kv-cache-dtype": "fp9"}, "did you mean fp8"),
        ({"max-model-length": 8}, "did you mean max-model-len"),
        ({"speculative-config": "{}"}, "drafts tokens speculatively, which is not estimated"),
        ({"block-size": 0}, "above 0"),
        ({"gpu-memory-utilization": "nan"}, "not a finite number"),
    ],
)
def test_what_the_engine_refuses_is_refused_by_name(flags, message):
    with pytest.raises(UserInputError, match=message):
        read(flags)


def test_parallelism_is_read_from_the_same_flags():
    flags = {"tensor-parallel-size": 4, "dp": 2, "enable-expert-parallel": True, "max-model-len": 8192}
    assert parallelism_from_flags(VLLM, "vllm-serve", flags) == Parallelism(tensor=4, data=2, expert=True)
    with pytest.raises(UserInputError, match="at least 1"):
        parallelism_from_flags(VLLM, "vllm-serve", {"tp": 0})


def test_a_device_without_a_platform_of_the_engine_is_refused():
    with pytest.raises(UserInputError, match="vLLM does not run on it"):
        read({}, on=device("Apple M4 Max", backends=("metal",), compute_capability=None, vendor="Apple"))


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("lora-modules", "adapters"),
        ("enable-tower-connector-lora", "adapter"),
        ("speculative-config", "speculatively"),
        ("spec-model", "speculatively"),
        ("cpu-offload-gb", "host memory"),
        ("kv-offloading-size", "host memory"),
        ("kv-transfer-config", "KV cache"),
        ("num-gpu-blocks-override", "blocks"),
        ("disable-hybrid-kv-cache-manager", "full length"),
        ("decode-context-parallel-size", "over ranks"),
        ("enable-eplb", "copies of experts"),
        ("language-model-only", "vision encoder"),
        ("limit-mm-per-prompt", "vision encoder"),
        ("skip-mm-profiling", "vision encoder"),
        ("max-cudagraph-capture-size", "graph memory"),
    ],
)
def test_what_takes_memory_and_is_not_estimated_is_refused_by_name(flag, why):
    with pytest.raises(UserInputError, match=f"(?s){flag}.*{why}"):
        read({flag: "1"}, strict=True)


def test_adapter_slots_are_settings():
    settings = read({"enable-lora": True, "max-loras": 4, "max-lora-rank": 64, "max-cpu-loras": 8, "fully-sharded-loras": True})
    assert (settings.enable_lora, settings.max_loras, settings.max_lora_rank) == (True, 4, 64)
    assert (settings.fully_sharded_loras, settings.max_cpu_loras) == (True, 8)
    assert not read({}).enable_lora


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"enable-lora": True, "max-lora-rank": 24}, "24 is none"),
        ({"enable-lora": True, "max-loras": 4, "max-cpu-loras": 2}, "below max-loras"),
    ],
)
def test_slots_that_vllm_refuses(flags, says):
    with pytest.raises(UserInputError, match=says):
        read(flags)
