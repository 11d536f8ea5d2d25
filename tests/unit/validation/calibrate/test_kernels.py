"""llama.cpp's kernels timed by a pretended engine: what is made of its times, what is left out and named, and no file stays."""

import pytest

from advisor.catalog import load_catalog
from advisor.errors import EngineFailed, Interrupted
from advisor.estimate.weights import gguf_weights
from advisor.validation.calibrate import kernels
from advisor.validation.calibrate.kernels import KernelBench, measure_kernels
from tests.unit.validation.hosts import counted

YARDSTICKS = load_catalog().yardsticks
RUNS = YARDSTICKS.runs.kernels
ONE_S, FURTHER_S, PROMPT_S = 4e-11, 1e-11, 5e-12  # per weight


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "write_gguf", lambda path, *_, **__: path.touch())
    models = {name: YARDSTICKS.model(name).architecture for name in RUNS.models}
    return KernelBench(tmp_path / "python", RUNS, models, tmp_path)


def rows(weights, slower):
    """A repeat: one sequence, then several."""
    step_s = {1: ONE_S * weights, RUNS.sequences: (ONE_S + (RUNS.sequences - 1) * FURTHER_S) * weights}
    prompt_s = PROMPT_S * weights * RUNS.prompt_tokens
    return [{"concurrency": at, "step_s_median": slower * s, "prefill_s": slower * at * prompt_s} for at, s in step_s.items()]


@pytest.fixture
def engine(bench, monkeypatch):
    """Answers with times that are in proportion to the weights, in a repeat that was disturbed and in one that was not."""
    asked, order = [], [bench.models[name] for name in RUNS.models]

    def ask(_python, _validator, request, **_):
        name = request["model"].rpartition("-")[2].removesuffix(".gguf")
        quantization = kernels._pure(name)
        (matrices,) = gguf_weights(order[len(asked) % 2], quantization).matrices
        asked.append(name)
        return {"benchmark": rows(matrices.weights, 3.0) + rows(matrices.weights, 1.0), "contention": counted(0.1)}

    monkeypatch.setattr(kernels, "ask_validator", ask)
    return asked


def test_each_type_is_timed_in_both_models_and_the_best_repeat_counts(bench, engine):
    said = []
    found = measure_kernels(bench, 1e9, said.append)
    assert [times.type for times in found.times] == list(RUNS.types) == engine[::2]
    assert found.not_run == () and len(said) == len(RUNS.types)
    for times in found.times:
        for cost, per_weight_s in ((times.one, ONE_S), (times.further, FURTHER_S), (times.prompt, PROMPT_S)):
            assert cost.weight_s == pytest.approx(per_weight_s, rel=0.01)
            assert cost.row_s * 1000 < 0.02 * per_weight_s * 1_000_000
    assert list(bench.folder.iterdir()) == []


def test_what_the_time_does_not_hold_is_named(bench, engine):
    found = measure_kernels(bench, -1.0, lambda _: None)
    assert found.times == () and engine == []
    assert found.not_run[0] == f"llama.cpp kernels of {RUNS.types[0]}: no time left"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"benchmark": [], "contention": counted(4.0)}, "other work used 20% of the processors"),
        ({"benchmark": [], "contention": counted(0.0)}, "lacks or misshapes"),
        ({}, "lacks or misshapes 'contention'"),
    ],
)
def test_what_is_worthless_is_left_out_and_says_why(bench, monkeypatch, answer, words):
    monkeypatch.setattr(kernels, "ask_validator", lambda *_, **__: answer)
    found = measure_kernels(bench, 1e9, lambda _: None)
    assert found.times == () and all(words in reason for reason in found.not_run)
    assert list(bench.folder.iterdir()) == []


def test_an_engine_that_refuses_a_type_is_no_reason_to_stop_and_ctrl_c_is(bench, monkeypatch):
    def ask(error):
        def refuse(*_, **__):
            raise error

        return refuse

    monkeypatch.setattr(kernels, "ask_validator", ask(EngineFailed("no such type\nmore")))
    assert measure_kernels(bench, 1e9, lambda _: None).not_run[-1] == f"llama.cpp kernels of {RUNS.types[-1]}: no such type"
    monkeypatch.setattr(kernels, "ask_validator", ask(Interrupted(2)))
    with pytest.raises(Interrupted):
        measure_kernels(bench, 1e9, lambda _: None)
    assert list(bench.folder.iterdir()) == []
