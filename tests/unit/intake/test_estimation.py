import csv
import dataclasses
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.errors import UserInputError
from advisor.intake.estimate_flags import estimate_flags
from advisor.intake.estimation import EstimateRequest, Program, Traffic, WeightFiles, estimate_request
from advisor.units import GIB, MIB

CATALOG = load_catalog()
TRUTH = list(csv.DictReader((Path(__file__).parents[2] / "data/estimate/llama_cpp_cache_mib.csv").open()))


def answer(model, engine, quantization, device, *arguments, runtime=None, traffic=None, **options):
    record = CATALOG.engine(engine)
    flags = estimate_flags(record, runtime or record.default_runtime, arguments)
    program, files = Program(engine, runtime), WeightFiles(quantization)
    return estimate_request(EstimateRequest(model, device, program, files, traffic=traffic or Traffic(), flags=flags, **options), CATALOG)


@pytest.mark.parametrize("row", TRUTH, ids=[f"{row['model']}@{row['context_tokens']} {row['runtime']} {row['arguments']}" for row in TRUTH])
def test_cache_and_state_are_what_llama_cpp_allocates(row):
    found = answer(
        row["model"], "llama.cpp", "Q4_K_M", "cpu", "--context", row["context_tokens"], *row["arguments"].split(), runtime=row["runtime"]
    )
    memory = found.estimate.memory
    allocated = [part for place in (*memory.devices, memory.host) for part in (place.kv_cache_bytes, place.recurrent_state_bytes)]
    assert sum(part.value for part in allocated) == float(row["cache_and_state_mib"]) * MIB
    assert {part.basis.value for part in allocated} == {"exact"}


# published start-up logs of one machine (ssaketh-h200-mig): Llama-3.1-8B in bf16 on half an H200, 0.9 of 69.6 GiB
@pytest.mark.parametrize(("batched_tokens", "cache_gib"), [(2668, 47.14), (8192, 46.78), (16384, 45.93)])
def test_a_slice_holds_the_cache_that_logs_of_one_show(batched_tokens, cache_gib):
    arguments = ("--gpu-memory-utilization", "0.9", "--max-num-batched-tokens", str(batched_tokens))
    found = answer("meta-llama/Llama-3.1-8B-Instruct", "vllm", "bf16", "h200-nvl/mig-3g.71gb", *arguments)
    assert found.estimate.memory.devices[0].kv_cache_bytes.value / GIB == pytest.approx(cache_gib, rel=0.03)


def test_slices_do_not_serve_one_copy_together():
    with pytest.raises(UserInputError, match="2 slices exchange nothing"):
        answer("meta-llama/Llama-3.1-8B-Instruct", "vllm", "bf16", "h100-sxm/mig-1g.20gb", parallelism=Parallelism(tensor=2))


def test_without_lengths_and_price_only_memory_is_estimated():
    found = answer("Qwen/Qwen3-32B", "vllm", "fp8", "h100-sxm")
    assert found.estimate.performance is None
    assert found.estimate.cost is None
    assert found.estimate.memory.fits is True
    assert found.start_s.value > 0


def test_money_is_the_stated_price_over_what_is_served():
    traffic = Traffic(4000, 500, concurrency=8)
    found = answer("Qwen/Qwen3-32B", "vllm", "fp8", "h100-sxm", traffic=traffic, usd_per_hour=10.0)
    cost, performance = found.estimate.cost, found.estimate.performance
    assert cost.usd_per_month.value == 7300
    assert cost.usd_per_request.value == pytest.approx(10 / 3600 / performance.requests_per_s.value)


def test_a_price_alone_is_money_per_hour_and_month():
    cost = answer("Qwen/Qwen3-32B", "vllm", "fp8", "h100-sxm", usd_per_hour=10.0).estimate.cost
    assert (cost.usd_per_hour.value, cost.usd_per_month.value, cost.usd_per_request) == (10.0, 7300.0, None)


def test_what_does_not_start_has_no_latency():
    found = answer("Qwen/Qwen3-32B", "vllm", "bf16", "h100-sxm", traffic=Traffic(1000, 100))
    assert found.estimate.memory.fits is False
    assert found.estimate.performance is None


def test_a_request_longer_than_its_context_is_refused():
    with pytest.raises(UserInputError, match="2,100 tokens does not fit in the 2,048"):
        answer("Qwen/Qwen3-32B", "llama.cpp", "Q4_K_M", "h100-sxm", "--context", "8192", "--parallel", "4", traffic=Traffic(2000, 100))


def test_tensor_parallelism_takes_its_devices():
    found = answer("meta-llama/Llama-3.3-70B-Instruct", "vllm", "bf16", "h100-sxm", parallelism=Parallelism(tensor=4))
    assert len(found.estimate.memory.devices) == 4
    assert found.estimate.memory.fits is True


def test_llama_cpp_splits_layers_over_its_devices():
    found = answer("meta-llama/Llama-3.3-70B-Instruct", "llama.cpp", "Q4_K_M", "rtx-3090", "--context", "8192", devices=2)
    assert [device.device for device in found.estimate.memory.devices] == ["rtx-3090", "rtx-3090"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_tokens": 5}, "belong together"),
        ({"concurrency": 5}, "need --input-tokens"),
        ({"input_tokens": 5, "output_tokens": 5, "concurrency": 1, "requests_per_s": 1.0}, "one of them"),
        ({"input_tokens": -5, "output_tokens": 5}, "above 0"),
        ({"input_tokens": 5, "output_tokens": 5, "requests_per_s": float("nan")}, "above 0"),
    ],
)
def test_contradictory_traffic_is_refused(fields, message):
    with pytest.raises(UserInputError, match=message):
        Traffic(**fields)


def test_a_negative_price_is_refused():
    with pytest.raises(UserInputError, match="not a price"):
        EstimateRequest("m", "d", Program("vllm"), usd_per_hour=-1)


@pytest.mark.parametrize(
    ("engine", "arguments", "flags"),
    [
        ("llama.cpp", "--context 8192 --parallel 2", {"ctx_size": "8192", "parallel": "2"}),
        ("llama.cpp", "--kv-cache-dtype q8_0,f16", {"cache_type_k": "q8_0", "cache_type_v": "f16"}),
        ("llama.cpp", "--kv-cache-dtype q8_0", {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}),
        ("llama.cpp", "--no-unified-kv --swa-full", {"kv_unified": False, "swa_full": True}),
        ("llama.cpp", "--ctx-size 8192 -np 2 --no-repack", {"ctx-size": "8192", "np": "2", "no-repack": True}),
        ("vllm", "--context 16k --no-prefix-caching", {"max_model_len": "16k", "enable_prefix_caching": False}),
        ("vllm", "--max-model-len=16384 --enforce-eager", {"max-model-len": "16384", "enforce-eager": True}),
        ("vllm", "--kv-cache-dtype fp8", {"kv-cache-dtype": "fp8"}),
    ],
)
def test_words_of_the_estimate_become_flags_of_the_engine(engine, arguments, flags):
    record = CATALOG.engine(engine)
    assert estimate_flags(record, record.default_runtime, arguments.split()) == flags


def test_stray_words_and_too_many_cache_types_are_refused():
    record = CATALOG.engine("llama.cpp")
    with pytest.raises(UserInputError, match="neither a flag nor its value"):
        estimate_flags(record, "llama-server", ["8192"])
    with pytest.raises(UserInputError, match="names 3 types"):
        estimate_flags(record, "llama-server", ["--kv-cache-dtype", "f16,f16,f16"])


def test_the_same_question_has_the_same_answer():
    traffic = Traffic(1000, 100, requests_per_s=0.5)
    first, second = (answer("Qwen/Qwen3-32B", "vllm", "fp8", "h100-sxm", traffic=traffic) for _ in range(2))
    assert dataclasses.asdict(first.estimate) == dataclasses.asdict(second.estimate)
