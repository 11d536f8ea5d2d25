"""Lengths as the workload has them; no cache has seen the contents, except for the shared prefix."""

from itertools import islice
from statistics import median

import pytest

from advisor.domain.demand import Demand, Lengths
from advisor.domain.workload import Load
from advisor.errors import UserInputError
from advisor.validation.smoke.requests import Vocabulary, plan_requests

VOCABULARY = Vocabulary(32000)


def planned(count, *, shared=0, context=100_000, seed=1, salt=2, vocabulary=VOCABULARY):
    demand = Demand(Load(in_flight=2), Lengths(200, 400, 900), Lengths(50, 100, 200), shared_prefix_tokens=shared)
    return list(islice(plan_requests(demand, vocabulary, context_tokens=context, seed=seed, salt=salt), count))


def test_lengths_are_the_workloads():
    requests = planned(512)
    inputs = sorted(len(request.prompt_token_ids) for request in requests)
    assert abs(median(inputs) - 200) < 4
    assert abs(inputs[int(0.95 * len(inputs))] - 400) < 20
    assert abs(median(request.output_tokens for request in requests) - 50) < 2


def test_seed_decides_lengths_and_salt_contents():
    def lengths(requests):
        return [(len(request.prompt_token_ids), request.output_tokens, request.gap) for request in requests]

    one, again, other, later = planned(40), planned(40), planned(40, seed=9), planned(40, salt=9)
    assert one == again
    assert lengths(one) != lengths(other)
    assert lengths(one) == lengths(later)
    assert not {request.prompt_token_ids for request in one} & {request.prompt_token_ids for request in later}


def test_requests_begin_alike_as_far_as_the_workload_says_and_no_further():
    requests = planned(300, shared=150)
    prefixes = {request.prompt_token_ids[:50] for request in requests}
    assert len(prefixes) == 1
    long = [request.prompt_token_ids for request in requests if len(request.prompt_token_ids) > 150]
    assert len({prompt[:150] for prompt in long}) == 1
    assert len({prompt[150] for prompt in long}) == len(long)
    assert len({request.prompt_token_ids[0] for request in planned(300)}) == 300


def test_ids_are_plain_text_even_of_a_tiny_vocabulary():
    for size in (8, 300, 150_000):
        ids = {token for request in planned(20, vocabulary=Vocabulary(size)) for token in request.prompt_token_ids}
        assert size // 4 <= min(ids)
        assert max(ids) < 3 * size // 4


def test_what_is_too_long_is_cut_to_the_context():
    requests = planned(200, context=120)
    assert max(len(request.prompt_token_ids) + request.output_tokens for request in requests) == 120
    assert min(len(request.prompt_token_ids) for request in requests) >= 1
    with pytest.raises(UserInputError, match="no room"):
        planned(1, context=1)
