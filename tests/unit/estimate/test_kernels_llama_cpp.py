"""A processor whose kernels were measured: each matrix at its type's time, other machines and devices as before."""

from dataclasses import asdict, replace

import pytest

from advisor.domain.kernels import KernelTimes, Matrices, ProductCost, product_cost
from advisor.estimate.kernels_llama_cpp import kernel_means
from advisor.planning.resolve import embedded_node
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP
from tests.unit.estimate.serving_for_tests import CATALOG, llama_cpp_candidate, steps_of, weights_of

SHORT, LONG = Matrices("Q4_K", 1_000_000, 1000), Matrices("Q4_K", 2_000_000, 500)
MODEL = "Qwen/Qwen3-0.6B"


def times(name, one_s, *, row_s=0.0, further_s=2e-11, prompt_s=5e-12):
    return KernelTimes(name, ProductCost(one_s, row_s), ProductCost(further_s, 0.0), ProductCost(prompt_s, 0.0))


KERNELS = (times("Q5_K", 8e-11, row_s=1e-8), times("Q6_K", 5e-11), times("F16", 9e-11))


def candidate(kernels=KERNELS, device="cpu", **how):
    node = CATALOG.node(device)
    node = replace(node, host=replace(node.host, kernels=kernels))
    return llama_cpp_candidate(MODEL, node, backend="cpu" if device == "cpu" else "cuda", **how)


@pytest.mark.parametrize(
    ("short_s", "long_s", "cost"),
    [
        (1e6 * 3e-11 + 1000 * 2e-8, 2e6 * 3e-11 + 500 * 2e-8, ProductCost(3e-11, 2e-8)),
        (1e-3, 1e-5, ProductCost(0.0, 6.73e-7)),  # fewer rows would make weights a gain
        (1e-5, 1e-3, ProductCost(3.37e-10, 0.0)),
        (0.0, 0.0, ProductCost(0.0, 0.0)),
    ],
)
def test_two_models_tell_weights_from_rows(short_s, long_s, cost):
    assert product_cost([(SHORT, short_s), (LONG, long_s)]) == cost


def test_rows_of_one_length_tell_nothing():
    with pytest.raises(ValueError, match="one length"):
        product_cost([(SHORT, 1.0), (SHORT, 2.0)])


def test_what_a_step_multiplies_by_is_layers_and_head_once():
    tied = weights_of(candidate(quantization="Q5_K_M"))
    architecture = CATALOG.model(MODEL).architecture
    head = architecture.vocab_size * architecture.hidden_size
    assert {one.type for one in tied.matrices} == {"Q5_K", "Q6_K"}
    vectors = architecture.parameters_total - sum(one.weights for one in tied.matrices)
    assert 0 < vectors < 0.001 * architecture.parameters_total  # norms; the tied table is the head
    assert all(head // 200_000 < one.weights / one.rows < 4096 for one in tied.matrices)


def test_a_step_is_the_sum_over_the_types_of_the_file():
    asked = candidate(quantization="Q5_K_M")
    parts = [steps_of(asked).batch_parts_s(at_once) for at_once in (1, 4)]
    five, six = ({one.type: one for one in weights_of(asked).matrices}[name] for name in ("Q5_K", "Q6_K"))
    assert parts[0]["weights"] == pytest.approx(five.weights * 8e-11 + five.rows * 1e-8 + six.weights * 5e-11, rel=0.002)
    assert parts[1]["weights"] == parts[0]["weights"]
    assert parts[0]["compute"] == pytest.approx(0.0, abs=1e-12)
    assert parts[1]["compute"] == pytest.approx(3 * 2e-11 * (five.weights + six.weights), rel=0.002)


def test_a_prompt_takes_its_own_time_a_token():
    step = steps_of(candidate(quantization="Q6_K")).prefill_parts_s(64, 0)
    layers = CATALOG.model(MODEL).architecture
    beside_head = layers.parameters_total - layers.vocab_size * layers.hidden_size
    assert step["compute"] == pytest.approx(64 * 5e-12 * beside_head, rel=0.002)


def test_a_type_that_was_not_measured_is_the_nearest_in_bits():
    weights = weights_of(candidate(quantization="Q8_0"))
    assert kernel_means(weights, KERNELS).one_s == pytest.approx(5e-11)  # 8.5 bits are nearer to 6.6 than to 16
    assert kernel_means(weights, ()) is None


def test_further_sequences_that_cost_nothing_are_still_a_rate():
    free = times("Q6_K", 5e-11, further_s=0.0)
    parts = steps_of(candidate((free,), quantization="Q6_K")).batch_parts_s(4)
    assert parts["compute"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("device", "how"), [("rtx-3090", {}), ("cpu", {"settings": replace(LLAMA_CPP, repack=False)})])
def test_what_was_not_measured_is_as_it_was(device, how):
    """A card's own kernels are others; so are those of weights that are not laid out anew."""
    with_kernels, without = steps_of(candidate(device=device, **how)), steps_of(candidate((), device=device, **how))
    assert (with_kernels.rates, with_kernels.source) == (without.rates, without.source)


def test_a_plan_that_holds_the_machine_holds_its_kernels():
    node = candidate().node
    assert embedded_node(asdict(node)).host.kernels == KERNELS
