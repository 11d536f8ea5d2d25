"""One stream becomes one answer, on a clock of the test's own."""

import json

import pytest

from advisor.validation.smoke.answer import BrokenStream, Transcript
from advisor.validation.smoke.events import EventReader
from advisor.validation.smoke.requests import PlannedRequest


def chunk(text, reason=None):
    return json.dumps({"choices": [{"text": text, "finish_reason": reason}]})


def usage(read, generated, **more):
    return json.dumps({"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": generated, **more}})


def heard(*events, output=3):
    """The answer to a request sent at second 10 of a load that began at second 8; event i comes at second 11 + i."""
    transcript = Transcript(PlannedRequest((1, 2), output), sent_s=10.0)
    for second, event in enumerate(events, start=11):
        transcript.hear(event, float(second))
    return transcript.answer(since_s=8.0)


def test_times_are_those_of_the_tokens():
    answer = heard(chunk("a"), chunk("b"), chunk("c", "length"), usage(2, 3), "[DONE]")
    assert answer.error is None
    assert (answer.start_s, answer.ttft_s, answer.itl_s, answer.e2e_s) == (2.0, 1.0, (1.0, 1.0), 3.0)
    assert (answer.input_tokens, answer.output_tokens, answer.tpot_s) == (2, 3, 1.0)


def test_a_last_chunk_without_text_is_no_token():
    answer = heard(chunk("a"), chunk("b"), chunk("c"), chunk("", "length"), usage(2, 3), "[DONE]")
    assert answer.itl_s == (1.0, 1.0)


def test_a_token_without_text_is_a_token():
    answer = heard(chunk("a"), chunk(""), chunk("c", "length"), usage(2, 3), "[DONE]")
    assert answer.itl_s == (1.0, 1.0)


def test_several_tokens_in_a_chunk_show_in_tpot():
    answer = heard(chunk("a"), chunk("b c d e", "length"), usage(2, 5), "[DONE]", output=5)
    assert (answer.itl_s, answer.tpot_s) == ((1.0,), 0.25)


def test_the_tokens_are_the_servers_count_with_its_cache():
    answer = heard(chunk("a", "length"), usage(2, 1, prompt_tokens_details={"cached_tokens": 1}), "[DONE]", output=1)
    assert (answer.cached_tokens, answer.tpot_s) == (1, None)


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([chunk("a"), chunk("b"), chunk("c", "length"), "[DONE]"], "no usage"),
        ([chunk("a"), chunk("b"), chunk("c", "length"), usage(2, 3)], "ended early"),
        ([chunk("a"), chunk("b", "length"), usage(2, 2), "[DONE]"], "2 tokens generated, 3 asked for"),
        ([chunk("a"), chunk("b"), chunk("c"), chunk("d", "length"), usage(2, 4), "[DONE]"], "4 tokens generated, 3 asked for"),
        ([usage(2, 0), "[DONE]"], "no token came"),
        ([chunk("a", "length"), usage(2, True), "[DONE]"], "no usage"),
        ([chunk("a", "length"), usage(-1, 3), "[DONE]"], "no usage"),
        ([chunk("a", "length"), usage("2", "3"), "[DONE]"], "no usage"),
        ([], "ended early"),
    ],
)
def test_what_is_not_whole_has_failed(events, fault):
    answer = heard(*events)
    assert fault in (answer.error or "")
    assert answer.tpot_s is None


def test_fewer_tokens_are_fine_when_the_model_stopped():
    answer = heard(chunk("a"), chunk("b", "stop"), usage(2, 2), "[DONE]")
    assert (answer.error, answer.output_tokens) == (None, 2)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ('{"choices": [{"te', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a completion"),
        ('{"error": {"message": "out of\\nmemory"}}', "the server said: out of memory"),
        ('{"choices": ["x"]}', "a choice that is none"),
    ],
)
def test_what_no_stream_holds(event, words):
    with pytest.raises(BrokenStream, match=words):
        heard(event)


def test_a_server_that_does_not_mind_the_limit_is_left():
    with pytest.raises(BrokenStream, match="more than the 3 tokens"):
        heard(*[chunk("a")] * 1000)


def test_events_come_in_pieces_of_any_size():
    text = b': ping\n\nevent: x\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata: \xc3\xa9\n\ndata: cut'
    for size in (1, 2, 7, 1000):
        reader = EventReader()
        events = [event for start in range(0, len(text), size) for event in reader.feed(text[start : start + size])]
        assert events == ['{"a":\n1}', "é"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"error: {} loading\n", "loading"),
        (b"data: " + b"x" * 2_000_000, "more than"),
        ((b"data: " + b"x" * 1000 + b"\n") * 2000, "more than"),
    ],
)
def test_events_that_are_none(text, words):
    with pytest.raises(BrokenStream, match=words):
        EventReader().feed(text)
