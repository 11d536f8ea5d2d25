import dataclasses
import re

import pytest

from advisor.catalog.engines import load_engines, read_engine
from advisor.domain.engine import LlamaCppSettings, Parallelism, VllmSettings
from advisor.errors import DataError

ENGINES = load_engines()
RUNTIMES = [(engine, name) for engine, record in ENGINES.items() for name in record.runtimes]
SETTINGS = {"llama.cpp": LlamaCppSettings, "vllm": VllmSettings}

# lines as the engines print them: (engine, pattern, line, groups)
LOG_LINES = [
    (
        "llama.cpp",
        "build",
        "common_params_print_info: build 1 (0c1e570) with GNU 12.2.0 for Linux x86_64",
        {"build": "1", "commit": "0c1e570"},
    ),
    ("llama.cpp", "weights", "I load_tensors:   CPU_Mapped model buffer size =  4685.30 MiB", {"buffer": "CPU_Mapped", "mib": "4685.30"}),
    (
        "llama.cpp",
        "kv_cache",
        "llama_kv_cache: size =  512.00 MiB (  2048 cells,  32 layers,  2/2 seqs), K (f16):  256.00 MiB, V (f16):  256.00 MiB",
        {"mib": "512.00", "cells": "2048", "layers": "32", "type_k": "f16", "v_mib": "256.00"},
    ),
    ("llama.cpp", "compute_buffer", "sched_reserve:        CPU compute buffer size =   118.01 MiB", {"buffer": "CPU", "mib": "118.01"}),
    ("llama.cpp", "output_buffer", "llama_context:        CPU  output buffer size =     0.98 MiB", {"buffer": "CPU", "mib": "0.98"}),
    ("llama.cpp", "setting", "llama_context: n_ctx_seq             = 2048", {"name": "n_ctx_seq", "value": "2048"}),
    ("llama.cpp", "file_size", "print_info: file size   = 4.58 GiB (4.89 BPW) ", {"value": "4.58", "unit": "GiB"}),
    (
        "llama.cpp",
        "slots",
        "load_model: initializing, n_slots = 2, n_ctx_slot = 2048, kv_unified = 'false'",
        {"slots": "2", "unified": "false"},
    ),
    ("llama.cpp", "ready", "llama_server: listening on http://127.0.0.1:18111", {"address": "http://127.0.0.1:18111"}),
    (
        "vllm",
        "kv_cache",
        "CPU KV cache size: 87,296 tokens, Maximum concurrency for 2,048 tokens per request: 42.62x",
        {"tokens": "87,296", "length": "2,048", "concurrency": "42.62"},
    ),
    ("vllm", "kv_reserved", "Explicitly set (2.0/23.54) GiB for KV cache on node 0.", {"gib": "2.0", "of_gib": "23.54"}),
    ("vllm", "weights", "Model loading took 14.99 GiB memory and 3.141592 seconds", {"gib": "14.99"}),
    ("vllm", "kv_available", "Available KV cache memory: 51.44 GiB", {"gib": "51.44"}),
    ("vllm", "graphs", "Graph capturing finished in 12 secs, took 0.55 GiB", {"gib": "0.55"}),
    ("vllm", "longest", "the estimated maximum model length is 40960. Try", {"tokens": "40960"}),
]


@pytest.mark.parametrize(("engine", "pattern", "line", "groups"), LOG_LINES)
def test_log_patterns_read_the_lines_engines_print(engine, pattern, line, groups):
    match = re.search(ENGINES[engine].log_patterns[pattern], line)
    assert match is not None
    assert {name: match[name] for name in groups} == groups


@pytest.mark.parametrize(("engine", "name"), RUNTIMES)
def test_flags_fill_real_settings_and_no_name_means_two_things(engine, name):
    runtime = ENGINES[engine].runtimes[name]
    fields = {field.name for field in dataclasses.fields(SETTINGS[engine])}
    assert {fact.setting for fact in runtime.flags if fact.setting} <= fields
    assert {fact.parallelism for fact in runtime.flags if fact.parallelism} <= {f.name for f in dataclasses.fields(Parallelism)}
    names = [n for fact in runtime.flags for n in (*fact.names, *fact.off)]
    names += [
        *runtime.harmless,
        *runtime.harmless_switches,
        *runtime.not_estimated,
        *(n for removed in runtime.removed for n in removed.names),
    ]
    doubled = sorted({n for n in names if names.count(n) > 1})
    assert doubled == []
    for pattern in ENGINES[engine].log_patterns.values():
        re.compile(pattern)


@pytest.mark.parametrize(("engine", "name"), RUNTIMES)
def test_a_planned_runtime_has_a_default_for_every_setting(engine, name):
    record = ENGINES[engine]
    runtime = record.runtimes[name]
    if runtime.support == "listed":
        assert runtime.why
        return
    known = set(runtime.defaults) | {setting for entry in record.defaults_by_device for setting in entry.settings}
    optional = {"threads", "kv_cache_memory_bytes", "max_cpu_loras"}
    assert known == {field.name for field in dataclasses.fields(SETTINGS[engine])} - optional
    assert (runtime.launch is None) == (runtime.readiness is None)


def test_images_are_pinned_to_a_version():
    for record in ENGINES.values():
        for runtime in record.runtimes.values():
            for backend, image in runtime.images.items():
                assert "{version}" in image
                assert record.platform(backend) is not None


def test_every_flag_of_a_real_llama_server_is_known():
    """A few names from `llama-server --help` of each kind."""
    runtime = ENGINES["llama.cpp"].runtimes["llama-server"]
    known = (
        {n for fact in runtime.flags for n in (*fact.names, *fact.off)}
        | set(runtime.harmless)
        | set(runtime.harmless_switches)
        | set(runtime.not_estimated)
    )
    assert {"kvu", "no-repack", "fit", "metrics", "api-key", "jinja", "override-tensor", "spec-type", "cache-ram"} <= known


def test_faults_of_a_record_are_at_their_place(tmp_path):
    path = tmp_path / "vllm.yaml"
    path.write_text("id: vllm\ntitle: x\nfrobnicate: 1\n")
    with pytest.raises(DataError) as caught:
        read_engine(path)
    assert f"{path}:3:1: frobnicate: unknown key" in str(caught.value)
    assert "versions: required, but missing" in str(caught.value)
