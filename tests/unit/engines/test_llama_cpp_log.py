"""Logs written by llama.cpp commit 0c1e570 for synthetic files of real dimensions, 8,192 tokens in 4 slots."""

from pathlib import Path

import pytest

from advisor.engines.llama_cpp_log import parse_log
from advisor.units import MIB

LOGS = Path(__file__).parents[2] / "data" / "engine_logs"


def read(name):
    return parse_log((LOGS / f"{name}.log").read_text().splitlines())


@pytest.mark.parametrize(
    ("name", "kv_mib", "state_mib", "compute_mib", "output_mib"),
    [
        ("llama_3_2_1b_q4_k_m", 256.00, None, 66.01, 1.96),
        ("gemma_3_12b_q4_k_m", 512.00 + 2560.00, None, 124.52, 4.00),
        ("granite_4_h_tiny_q4_k_m", 64.00, 221.48, 53.01, 1.53),
    ],
)
def test_buffers(name, kv_mib, state_mib, compute_mib, output_mib):
    log = read(name)
    assert log.kv_cache_bytes == pytest.approx(kv_mib * MIB)
    assert log.kv_cache_cells == 2048
    assert (log.recurrent_state_bytes or 0) == pytest.approx((state_mib or 0) * MIB)
    assert log.compute_buffer_bytes == {"CPU": pytest.approx(compute_mib * MIB)}
    assert log.output_buffer_bytes == {"CPU": pytest.approx(output_mib * MIB)}
    assert log.context["n_ctx_seq"] == "2048"
    assert log.context["n_seq_max"] == "4"
    assert log.trained_context_tokens == 131072


def test_weights_and_their_repacked_copy():
    log = read("llama_3_2_1b_q4_k_m")
    assert log.weights_bytes == {"CPU_Mapped": pytest.approx(762.81 * MIB), "CPU_REPACK": pytest.approx(445.50 * MIB)}
    assert log.repacked_bytes == pytest.approx(445.50 * MIB)


def test_of_two_contexts_the_last_counts():
    lines = (LOGS / "llama_3_2_1b_q4_k_m.log").read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if "constructing" in line)
    second = [
        line.replace("256.00 MiB", "128.00 MiB").replace("n_ctx_seq             = 2048", "n_ctx_seq             = 1024") for line in lines
    ]
    log = parse_log([*lines, *second[start:]])
    assert log.kv_cache_bytes == pytest.approx(128 * MIB)
    assert log.context["n_ctx_seq"] == "1024"
    assert log.repacked_bytes == pytest.approx(445.50 * MIB)


def test_a_log_of_something_else_says_nothing():
    log = parse_log(["hello", "\x00\x1b[31m buffer size = MiB", "llama_kv_cache: size = x"])
    assert (log.kv_cache_bytes, log.weights_bytes, log.context) == (None, {}, {})
