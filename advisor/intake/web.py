"""Files of the network: one GET, whole or a range, bounded in time and size, every failure one sentence. Nothing is cached.

The caller has said that the network may be used; `refuse_offline` is asked first everywhere.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from advisor.engines.page import checked_address, is_loopback
from advisor.errors import UserInputError

OFFLINE_FLAGS: Final = ("ADVISOR_OFFLINE", "HF_HUB_OFFLINE")
_TIME_LIMIT_S: Final = 60.0  # from the first byte asked to the last one read
_SILENCE_S: Final = 10.0  # between two pieces
_MOST_REDIRECTS: Final = 5
_ADVICE: Final = {
    401: "the token is not accepted; set HF_TOKEN or run hf auth login",
    403: "the token may not read it; ask for access, or use another token",
    404: "there is no such file",
    429: "too many requests; wait{wait}, or set HF_TOKEN",
}


class Refused(UserInputError):
    """The server answered, but with no file: `status` and the hub's own `code` say why."""

    def __init__(self, message: str, status: int, code: str = "") -> None:
        self.status, self.code = status, code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `file_bytes` is the size of the whole file where the server says it, of a range as well."""

    body: bytes
    file_bytes: int | None
    date: str  # of the file, else of the answer, as the server's clock has it; empty where it does not say

    def text(self) -> str:
        """Decoded leniently."""
        return self.body.decode("utf-8", "replace")


def refuse_offline(what: str) -> None:
    """Raise UserInputError when a variable says that the network is not to be used."""
    for flag in OFFLINE_FLAGS:
        if os.environ.get(flag, "").strip().lower() in {"1", "true", "yes", "on"}:
            raise UserInputError(f"{what}: not asked for, because {flag} is set: unset it, or name a local file")


def get(
    address: str,
    *,
    most_bytes: int,
    start: int | None = None,
    headers: Mapping[str, str] | None = None,
    time_limit_s: float = _TIME_LIMIT_S,
) -> Answer:
    """A whole file of at most `most_bytes`; with `start`, only that many bytes from there on, fewer at the end of the file.

    Raises Refused for an answer that is no file, UserInputError for everything else that goes wrong, in bounded time.
    """
    host = checked_address(address).hostname or ""
    sent = {"Accept-Encoding": "identity", **(headers or {})}
    if start is not None:
        sent["Range"] = f"bytes={start}-{start + most_bytes - 1}"
    try:
        with (
            httpx2.Client(
                timeout=min(_SILENCE_S, time_limit_s),
                follow_redirects=True,
                max_redirects=_MOST_REDIRECTS,
                trust_env=not is_loopback(host),
            ) as client,
            client.stream("GET", address, headers=sent) as response,
        ):
            _check(response, address, start)
            body = _body(response, address, most_bytes, whole=start is None, deadline_s=time.monotonic() + time_limit_s)
    except httpx2.TimeoutException:
        raise UserInputError(f"{address}: no answer within {min(_SILENCE_S, time_limit_s):g} s: try again, or name a local file") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserInputError(f"{address} not reachable ({said}): name a local file, a mirror, or try again online") from None
    return Answer(body, _file_bytes(response), response.headers.get("last-modified") or response.headers.get("date") or "")


def parsed_json(answer: Answer, what: str) -> Any:  # noqa: ANN401 - whatever the server sent
    """The body as JSON. Raises UserInputError when it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise UserInputError(f"{what}: the answer is not JSON: a login page, a proxy, or another service") from None


def _check(response: httpx2.Response, address: str, start: int | None) -> None:
    status = response.status_code
    if status >= 300:
        raise Refused(f"{address} answered {status}: {_advice(response)}", status, response.headers.get("x-error-code", ""))
    if "text/html" in response.headers.get("content-type", ""):
        raise Refused(f"{address}: answers with a web page, not with a file: a login page or a proxy?", status)
    if start and status != 206:
        raise Refused(f"{address}: this server does not send parts of files: download the file and name it", status)


def _advice(response: httpx2.Response) -> str:
    seconds = response.headers.get("retry-after", "").strip()
    wait = f" {int(seconds):,} s, as it asks" if seconds.isdigit() and len(seconds) < 8 else ""
    return _ADVICE.get(response.status_code, f"try again{' in' + wait if wait else ' later'}, or name a mirror").format(wait=wait)


def _body(response: httpx2.Response, address: str, most_bytes: int, *, whole: bool, deadline_s: float) -> bytes:
    """Read until the end; of a range no more than was asked for, whatever the server sends."""
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > most_bytes and whole:
            raise Refused(f"{address}: answers with more than {most_bytes:,} bytes: not the file that was meant", response.status_code)
        if len(body) >= most_bytes and not whole:
            break
        if time.monotonic() > deadline_s:
            raise UserInputError(f"{address}: the answer did not end in time: try again, or name a local file")
    return bytes(body[:most_bytes])


def _file_bytes(response: httpx2.Response) -> int | None:
    total = response.headers.get("content-range", "").rpartition("/")[2]
    size = total if response.status_code == 206 else response.headers.get("content-length", "")
    return int(size) if size.isdigit() and len(size) < 19 else None
