import pytest

from advisor.catalog.engines import load_engines
from advisor.engines.settings import settings_from_flags
from advisor.errors import UserInputError
from tests.unit.engines.examples import cpu, device, latent_model, llama_8b

LLAMA_CPP = load_engines()["llama.cpp"]


def read(flags, runtime="llama-server", *, architecture=None, on=None, **options):
    return settings_from_flags(LLAMA_CPP, runtime, flags, architecture=architecture or llama_8b(), device=on or device(), **options)


def test_llama_server_alone_serves_four_slots_from_one_pool_of_the_trained_length():
    settings = read({})
    assert (settings.ctx_size, settings.parallel, settings.kv_unified, settings.outputs) == (131_072, 4, True, 4)
    assert (settings.flash_attn, settings.swa_full, settings.ubatch_size, settings.cache_ram_mib) == ("on", False, 512, 8192)
    assert (settings.n_gpu_layers, settings.load_mode, settings.repack) == (33, "mmap", True)


@pytest.mark.parametrize(
    ("flags", "parallel", "unified"),
    [
        ({"np": 2}, 2, False),  # engine log: n_seq_max = 2, kv_unified = false
        ({"parallel": 2, "kv-unified": True}, 2, True),
        ({"no-kv-unified": True}, 4, True),  # engine log: using n_parallel = 4 and kv_unified = true
        ({"parallel": "auto"}, 4, True),
        ({"parallel": 1}, 1, False),
        ({"--parallel": "8", "kvu": "on"}, 8, True),
    ],
)
def test_slots_and_pool(flags, parallel, unified):
    settings = read(flags)
    assert (settings.parallel, settings.kv_unified, settings.outputs) == (parallel, unified, parallel)


@pytest.mark.parametrize(("runtime", "context", "load_mode"), [("llama-cpp-python", 512, "mmap"), ("llama-cpp-server", 2048, "mlock")])
def test_python_runtimes_keep_the_whole_window_and_every_logit(runtime, context, load_mode):
    settings = read({}, runtime)
    assert (settings.ctx_size, settings.parallel, settings.swa_full, settings.outputs) == (context, 1, True, 512)
    assert (settings.flash_attn, settings.n_gpu_layers, settings.load_mode, settings.cache_ram_mib) == ("off", 0, load_mode, 0)


def test_a_batch_is_never_larger_than_the_context_nor_a_micro_batch_than_the_batch():
    small = read({"c": 256, "np": 1})
    assert (small.batch_size, small.ubatch_size) == (256, 256)  # engine log of -c 256
    assert read({"ub": 4096, "b": 1024}).ubatch_size == 1024  # engine log of -ub 4096 -b 1024
    assert read({"n_ctx": 300}, "llama-cpp-python").outputs == 512


def test_layers_are_counted_with_the_output_layer_and_a_cpu_has_none():
    assert read({"ngl": "all"}).n_gpu_layers == 33
    assert read({"n_gpu_layers": -1}, "llama-cpp-python").n_gpu_layers == 33
    assert read({"n-gpu-layers": 99}).n_gpu_layers == 33
    assert read({"ngl": 10}).n_gpu_layers == 10
    assert read({"ngl": "all"}, on=cpu()).n_gpu_layers == 0
    assert read({"ncmoe": "all"}, architecture=llama_8b(experts=8)).n_cpu_moe == 32
    assert read({"ncmoe": 5}).n_cpu_moe == 0


def test_load_mode_of_the_bindings_is_two_booleans():
    assert read({"use_mmap": False, "use_mlock": True}, "llama-cpp-python").load_mode == "mlock"
    assert read({"use_mlock": False}, "llama-cpp-server").load_mode == "mmap"
    assert read({"use_mmap": False}, "llama-cpp-python").load_mode == "none"
    assert read({"lm": "mmap+mlock"}).load_mode == "mlock"
    assert read({"lm": "dio"}).load_mode == "none"
    assert read({"type_k": 8, "flash_attn": True}, "llama-cpp-python").cache_type_k == "q8_0"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"cache-type-v": "q8_0", "flash-attn": "off"}, "refuses a quantised V cache without flash attention"),
        ({"draft-max": 8}, "use --spec-draft-n-max"),
        ({"no-mmap": True}, "use --load-mode none"),
        ({"mlock": True}, "use --load-mode mlock"),
        ({"ctxsize": 8192}, "did you mean ctx-size"),
        ({"cache-type-k": "q8"}, "did you mean q8_0"),
        ({"ctx-size": "8k"}, "not a whole number"),
        ({"ctx-size": -1}, "negative"),
        ({"parallel": 300}, "at most 256"),
        ({"parallel": 0}, "above 0"),
        ({"mmproj": "x.gguf"}, "vision or audio encoder, which is not estimated"),
        ({"split-mode": "tensor"}, "experimental"),
        ({"cache-ram": -1}, "without limit"),
        ({"flash-attn": "maybe"}, "not one of on, off, auto"),
        ({"tensor-split": "a,b"}, "not a list of numbers"),
        ({"kv-unified": "perhaps"}, "neither on nor off"),
    ],
)
def test_what_the_engine_refuses_is_refused_by_name(flags, message):
    with pytest.raises(UserInputError, match=message):
        read(flags)


def test_a_latent_cache_has_one_type():
    assert read({"ctk": "q8_0", "ctv": "q8_0"}, architecture=latent_model()).cache_type_v == "q8_0"
    with pytest.raises(UserInputError, match="must be equal"):
        read({"ctk": "q8_0"}, architecture=latent_model())


def test_a_serial_runtime_accepts_one_request_and_refuses_two():
    assert read({"parallel": 1, "kv_unified": False}, "llama-cpp-python").parallel == 1
    with pytest.raises(UserInputError, match="always runs with 1"):
        read({"parallel": 4}, "llama-cpp-python")
    with pytest.raises(UserInputError, match="llama-server"):
        read({"swa_full": False}, "llama-cpp-server", strict=True)


def test_runtimes_that_are_only_listed_say_what_to_do_instead():
    with pytest.raises(UserInputError, match="estimate llama-server"):
        read({}, "ollama")
    with pytest.raises(UserInputError, match="known: llama-server"):
        read({}, "tgi")


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("mmproj", "encoder"),
        ("model-draft", "draft model"),
        ("spec-type", "spec"),
        ("lora", "adapter weights"),
        ("lora-scaled", "adapter weights"),
        ("no-kv-offload", "host memory"),
        ("override-tensor", "single tensors"),
        ("n-cpu-ffn", "dense feed-forward weights"),
        ("checkpoint-min-step", "checkpoints"),
    ],
)
def test_what_takes_memory_and_is_not_estimated_is_refused_by_name(flag, why):
    with pytest.raises(UserInputError, match=f"(?s){flag}.*{why}"):
        read({flag: "x"}, strict=True)


def test_checkpoints_are_a_setting_of_the_server_alone():
    assert read({}).ctx_checkpoints == 32
    assert read({"ctxcp": 4}).ctx_checkpoints == 4
    assert read({}, "llama-cpp-python").ctx_checkpoints == 0
    with pytest.raises(UserInputError, match="ctx-checkpoints: -1"):
        read({"ctx-checkpoints": -1})


def test_flags_that_are_not_estimated_can_be_skipped_but_unknown_ones_never():
    assert read({"mmproj": "x", "api-key": "k", "ctx-size": 4096}, strict=False).ctx_size == 4096
    with pytest.raises(UserInputError, match="not a flag of llama-server"):
        read({"frobnicate": 1}, strict=False)
