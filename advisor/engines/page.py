"""One page of a running server, fetched once: bounded in time and size, no redirect followed, no proxy for this machine's own servers."""

import ipaddress
import json
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpx2

from advisor.errors import NotProven, TimedOut, UserInputError

_TIME_LIMIT_S: Final = 10.0
_MOST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered. `text` is decoded leniently: it may be anything."""

    status: int
    text: str
    location: str  # where a redirect points, else empty

    def json(self) -> Any:  # noqa: ANN401 - whatever the server sent
        """The page as JSON, None when it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


def read_page(url: str, *, api_key: str | None = None, time_limit_s: float = _TIME_LIMIT_S, most_bytes: int = _MOST_BYTES) -> Page:
    """GET it.

    Raises UserInputError for an address that is none and for a page beyond the bound, NotProven when nobody answers, TimedOut.
    """
    address = checked_address(url)
    headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {api_key}"} if api_key else {})}
    deadline_s = time.monotonic() + time_limit_s
    try:
        with (
            httpx2.Client(timeout=time_limit_s, trust_env=not is_loopback(address.hostname or "")) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            body = bytearray()
            for part in response.iter_raw():
                body += part
                if len(body) > most_bytes:
                    raise UserInputError(f"{url}: answers with more than {most_bytes:,} bytes: not the page that was meant")
                if time.monotonic() > deadline_s:
                    raise TimedOut(f"{url}: the answer did not end within {time_limit_s:g} s")
            return Page(response.status_code, body.decode("utf-8", "replace"), response.headers.get("location", ""))
    except httpx2.TimeoutException:
        raise TimedOut(f"{url}: no answer within {time_limit_s:g} s") from None
    except httpx2.InvalidURL:
        raise _no_address(url) from None
    except httpx2.HTTPError as error:
        raise NotProven(f"{url}: nobody answers there ({str(error) or type(error).__name__})") from None


def checked_address(url: str) -> SplitResult:
    """The parts of an http or https address. Raises UserInputError for anything else, and for one that holds a password."""
    try:
        address = urlsplit(url)
        known = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        raise _no_address(url) from None
    if not known or any(character.isspace() or not character.isprintable() for character in url):
        raise _no_address(url)
    if address.username is not None or address.password is not None:
        raise UserInputError("the address holds a user name or password, which would end up in files: give the key by --api-key-env NAME")
    return address


def is_loopback(host: str) -> bool:
    """True for this machine's own loopback, by number or as localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _no_address(url: str) -> UserInputError:
    return UserInputError(f"{url[:200]}: not an address of a server; write it like http://127.0.0.1:8000")
