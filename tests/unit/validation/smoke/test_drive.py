"""Loads against a server that misbehaves as scripted: every failure is a failed answer, never a fast one."""

import os
import re
import signal
import threading
import time

import pytest

from advisor.errors import Interrupted
from advisor.validation.smoke.drive import drive
from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.target import Target

from .loads import requests, target


def sent(server, plan, **changes):
    return drive(target(server, **changes), plan, concurrency=1, time_limit_s=20)


def test_an_ordinary_load(fake_server):
    with fake_server() as server:
        answers = drive(target(server), requests(10), concurrency=4, time_limit_s=20)
    assert [answer.error for answer in answers] == [None] * 10
    assert {(answer.input_tokens, answer.output_tokens, len(answer.itl_s)) for answer in answers} == {(5, 4, 3)}
    assert server.most_running <= 4
    body = server.bodies[0]
    assert body["prompt"] == [100, 101, 102, 103, 104]
    assert (body["stream"], body["max_tokens"], body["ignore_eos"], body["stream_options"]) == (True, 4, True, {"include_usage": True})
    assert server.connections == 10


def test_words_for_a_server_that_takes_no_token_ids(fake_server):
    with fake_server() as server:
        answers = sent(server, requests(1), prompts="text", ignores_eos=False)
    assert (answers[0].error, answers[0].input_tokens) == (None, 5)
    assert server.bodies[0]["prompt"] == "100 101 102 103 104"
    assert "ignore_eos" not in server.bodies[0]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("no_usage", "no usage"),
        ("no_done", "ended early"),
        ("cut", "the stream broke"),
        ("unavailable", "HTTP 503: .*Loading model"),
        ("redirect", "HTTP 307"),
        ("page", "no stream but text/html"),
        ("garbage", "not JSON"),
        ("not_http", "the stream broke"),
        ("error_event", "the engine died"),
        ("few", "2 tokens generated, 4 asked for"),
        ("none", "no token came"),
        ("endless", "more than the 4 tokens"),
    ],
)
def test_every_fault_is_a_failed_request(fake_server, behaviour, words):
    with fake_server(script=["normal", behaviour, "normal"]) as server:
        first, faulty, last = sent(server, requests(3))
    assert (first.error, last.error) == (None, None)
    assert faulty.tpot_s is None
    assert re.search(words, faulty.error), faulty.error


@pytest.mark.parametrize("behaviour", ["close", "stop", "pings", "slow_first", "stall"])
def test_what_is_no_fault(fake_server, behaviour):
    with fake_server(script=[behaviour] * 2) as server:
        assert [answer.error for answer in sent(server, requests(2))] == [None, None]


def test_waits_are_seen_where_they_are(fake_server):
    with fake_server(script=["normal", "slow_first", "stall"]) as server:
        normal, slow, stalled = sent(server, requests(3))
    assert slow.ttft_s > normal.ttft_s + 0.2
    assert max(stalled.itl_s) > stalled.ttft_s
    assert stalled.tpot_s > normal.tpot_s


def test_a_key_is_sent_and_never_repeated(fake_server):
    with fake_server(script=["refused"]) as server:
        (answer,) = sent(server, requests(1), api_key="sk-secret")
        assert "Authorization: Bearer sk-secret" in server.heads[0]
    assert answer.error.startswith("HTTP 401")
    assert "sk-secret" not in answer.error
    assert "sk-secret" not in repr(target(server, api_key="sk-secret"))


def test_nobody_there():
    (answer,) = drive(Target("http://127.0.0.1:9", "none"), requests(1), concurrency=1, time_limit_s=20)
    assert answer.error.startswith("no connection")


def test_the_time_limit_cuts_what_hangs(fake_server):
    with fake_server(script=["hang", "hang"]) as server:
        answers = drive(target(server), requests(5), concurrency=2, time_limit_s=0.5)
    assert [answer.error for answer in answers] == ["not finished in the time limit"] * 2


def test_nothing_is_started_that_would_not_end_in_time(fake_server):
    with fake_server(ttft_s=0.4) as server:
        answers = drive(target(server), requests(50), concurrency=1, time_limit_s=3.0)
    assert 1 <= len(answers) < 8
    assert not [answer.error for answer in answers if answer.error]


def test_the_first_failure_may_end_it(fake_server):
    with fake_server(script=["normal", "unavailable"]) as server:
        answers = drive(target(server), requests(9), concurrency=1, time_limit_s=20, stop_at_failure=True)
    assert [bool(answer.error) for answer in answers] == [False, True]


def test_arrivals_follow_their_gaps_not_the_answers(fake_server):
    plan = [PlannedRequest(request.prompt_token_ids, 1, gap=gap) for request, gap in zip(requests(4), (0.0, 1.0, 0.0, 2.0), strict=True)]
    with fake_server(ttft_s=0.6) as server:
        answers = drive(target(server), plan, rate_per_s=10.0, time_limit_s=20)
    assert server.most_running == 4
    starts = [answer.start_s for answer in answers]
    assert starts == sorted(starts)
    assert starts[1] >= 0.1
    assert starts[3] >= 0.3


def test_one_way_of_pacing():
    with pytest.raises(ValueError, match="one of"):
        drive(Target("http://127.0.0.1:9", "none"), [], time_limit_s=1)


def test_a_signal_ends_it_at_once(fake_server):
    with fake_server(script=["hang"]) as server:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        began = time.monotonic()
        with pytest.raises(Interrupted) as stopped:
            sent(server, requests(1))
    assert stopped.value.exit_code == 143
    assert time.monotonic() - began < 15
