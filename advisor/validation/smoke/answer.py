"""What one request got: the stream as it arrived, and why it counts as failed when it does."""

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from advisor.validation.smoke.requests import PlannedRequest

_SPARE_CHUNKS: Final = 64  # beyond the tokens asked for: then the server does not mind `max_tokens`
_WORDS: Final = 200
NOT_FINISHED: Final = "not finished in the time limit"  # ours, which says nothing about the server


@dataclass(frozen=True, slots=True)
class Answer:
    """Times of one request in seconds; `start_s` since the load began, the others since the request was sent.

    `itl_s` are the gaps between chunks with text (usually one token each), `e2e_s` ends with the last token. Token counts are the
    server's own; `cached_tokens` of the prompt came from its prefix cache, where it tells. `error` says why the request failed:
    its other numbers are then what was seen until it did.
    """

    start_s: float
    ttft_s: float | None = None
    itl_s: tuple[float, ...] = ()
    e2e_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    error: str | None = None

    @property
    def tpot_s(self) -> float | None:
        """(e2e - TTFT) / (output tokens - 1): None when failed or when there is only one token."""
        if self.error or self.e2e_s is None or self.ttft_s is None or (self.output_tokens or 0) < 2:
            return None
        return (self.e2e_s - self.ttft_s) / ((self.output_tokens or 0) - 1)


class BrokenStream(Exception):
    """The stream is not what was agreed; the message says how."""


class Transcript:
    """Writes down one stream, event by event. All times are on one clock, in seconds."""

    def __init__(self, request: PlannedRequest, *, sent_s: float) -> None:
        self._request = request
        self.sent_s = sent_s  # when the request went out, once the connection was open
        self._token_times_s: list[float] = []
        self._last_s: float | None = None
        self._usage: dict[str, Any] | None = None
        self._stopped_by_itself = False
        self._done = False

    def hear(self, data: str, now_s: float) -> None:
        """One event's data. Raises BrokenStream for what no completion stream holds."""
        if data.strip() == "[DONE]":
            self._done = True
            return
        chunk = _chunk(data)
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = usage
        if isinstance(choices := chunk.get("choices"), list) and choices:
            self._choice(choices[0], now_s)

    def _choice(self, choice: object, now_s: float) -> None:
        if not isinstance(choice, dict):
            raise BrokenStream(f"a choice that is none: {_words(choice)}")
        reason = choice.get("finish_reason")
        self._stopped_by_itself |= reason == "stop"
        self._last_s = now_s
        if choice.get("text") or not reason:  # a last chunk without text only says why the stream ends
            self._token_times_s.append(now_s)
        if len(self._token_times_s) > self._request.output_tokens + _SPARE_CHUNKS:
            raise BrokenStream(f"more than the {self._request.output_tokens} tokens asked for")

    def answer(self, *, since_s: float) -> Answer:
        """The whole answer once the stream has ended, failed where it is not whole. `since_s` is when the load began."""
        return replace(self._seen(since_s), error=self._fault())

    def failed(self, reason: str, *, since_s: float) -> Answer:
        """What was seen until the request failed."""
        return replace(self._seen(since_s), error=reason)

    def _seen(self, since_s: float) -> Answer:
        times_s = self._token_times_s
        return Answer(
            start_s=self.sent_s - since_s,
            ttft_s=times_s[0] - self.sent_s if times_s else None,
            itl_s=tuple(later - earlier for earlier, later in pairwise(times_s)),
            e2e_s=self._last_s - self.sent_s if self._last_s is not None else None,
            input_tokens=_count(self._usage, "prompt_tokens"),
            output_tokens=_count(self._usage, "completion_tokens"),
            cached_tokens=_count((self._usage or {}).get("prompt_tokens_details"), "cached_tokens"),
        )

    def _fault(self) -> str | None:
        if not self._done:
            return "the stream ended early"
        read, generated = _count(self._usage, "prompt_tokens"), _count(self._usage, "completion_tokens")
        if read is None or generated is None:
            return "no usage: the server did not say how many tokens it read and generated"
        if not self._token_times_s:
            return "no token came"
        asked = self._request.output_tokens
        if generated > asked or (generated < asked and not self._stopped_by_itself):
            return f"{generated} tokens generated, {asked} asked for"
        return None


def _chunk(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise BrokenStream(f"not JSON: {_words(data)}") from None
    if not isinstance(chunk, dict):
        raise BrokenStream(f"not a completion: {_words(data)}")
    if error := chunk.get("error"):
        raise BrokenStream(f"the server said: {_words(error)}")
    return chunk


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and value >= 0 else None  # no bool


def _words(said: object) -> str:
    """The message of an error object, else the text itself, cut."""
    text = said.get("message", said) if isinstance(said, dict) else said
    return " ".join(str(text).split())[:_WORDS]
