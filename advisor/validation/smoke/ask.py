"""One streamed completion, timed from the moment it is sent on its open connection to its last token."""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

import h11

from advisor.validation.smoke.answer import NOT_FINISHED, Answer, BrokenStream, Transcript
from advisor.validation.smoke.connection import Connection, connected
from advisor.validation.smoke.events import EventReader
from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.target import Target

_ERROR_BYTES: Final = 2000
_ERROR_WORDS: Final = 200
_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Letter:
    """A request ready to be sent: writing it takes time that is not the server's."""

    request: PlannedRequest
    path: str
    headers: list[tuple[str, str]]
    body: bytes


def letter(target: Target, request: PlannedRequest) -> Letter:
    """The request in the words of the completions API."""
    ids = request.prompt_token_ids
    body: dict[str, Any] = {
        "model": target.model,
        "prompt": list(ids) if target.prompts == "token ids" else " ".join(map(str, ids)),
        "max_tokens": request.output_tokens,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if target.ignores_eos:
        body["ignore_eos"] = True
    address = urlsplit(target.base_url)
    headers = [("Host", address.netloc.rpartition("@")[2]), ("Content-Type", "application/json"), ("Accept", _STREAM)]
    if target.api_key:
        headers.append(("Authorization", f"Bearer {target.api_key}"))
    return Letter(request, f"{address.path.rstrip('/')}/v1/completions", headers, json.dumps(body).encode())


async def ask(target: Target, each: Letter, *, since_s: float, time_limit_s: float) -> Answer:
    """Send it and read its stream to the end. Never raises for what the server does: that is a failed answer."""
    transcript = Transcript(each.request, sent_s=perf_counter())
    try:
        async with asyncio.timeout(time_limit_s), connected(target.base_url) as connection:
            transcript.sent_s = perf_counter()
            await connection.send(each.path, each.headers, each.body)
            await _listen(connection, transcript)
    except TimeoutError:
        return transcript.failed(NOT_FINISHED, since_s=since_s)
    except BrokenStream as fault:
        return transcript.failed(target.without_key(str(fault)), since_s=since_s)
    except OSError as error:
        return transcript.failed(f"the connection broke: {error}", since_s=since_s)
    return transcript.answer(since_s=since_s)


async def _listen(connection: Connection, transcript: Transcript) -> None:
    """Write down the stream. Raises BrokenStream for any other answer."""
    response = await connection.response()
    if response.status_code != HTTPStatus.OK:
        raise BrokenStream(f"HTTP {response.status_code}: {await _first_words(connection)}")
    if not _kind(response).startswith(_STREAM):
        raise BrokenStream(f"no stream but {_kind(response) or 'something without a type'}: {await _first_words(connection)}")
    events = EventReader()
    async for part in connection.parts():
        now_s = perf_counter()
        for data in events.feed(part):
            transcript.hear(data, now_s)


def _kind(response: h11.Response) -> str:
    return next((value.decode("latin-1").lower() for name, value in response.headers if name == b"content-type"), "")


async def _first_words(connection: Connection) -> str:
    """The beginning of an error's body: it may be a page, or endless."""
    said = b""
    async for part in connection.parts():
        said += part
        if len(said) >= _ERROR_BYTES:
            break
    return " ".join(said[:_ERROR_BYTES].decode("utf-8", "replace").split())[:_ERROR_WORDS]
