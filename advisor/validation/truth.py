"""What a running server says about itself: sizes, context and settings, by the names of the claims; and which engine it is."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from advisor.engines.server import Server
from advisor.errors import EngineFailed
from advisor.validation.launch import Served

_ANSWER_S: Final = 30.0
_MOST_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Truth:
    """`values` in the claims' units, what was not told is absent. `engine` describes it for evidence.

    `differing` names the settings that the server does not run with as planned, each with what it took instead.
    """

    values: dict[str, float]
    engine: dict[str, Any]
    differing: tuple[str, ...] = ()
    notes: dict[str, float] = field(default_factory=dict)  # sizes beside the claims, for evidence


def pages(server: Server, served: Served, paths: tuple[str, ...]) -> dict[str, Any]:
    """What the server answers on these paths: JSON where it is that, else text; a path that it does not know is left out.

    Raises EngineFailed when it answers with something that cannot be read.
    """
    found: dict[str, Any] = {}
    with httpx2.Client(base_url=server.base_url, headers=served.headers, trust_env=False, timeout=_ANSWER_S) as client:
        for path in paths:
            try:
                with client.stream("GET", path) as response:
                    body = b""
                    for part in response.iter_bytes():
                        body += part
                        if len(body) > _MOST_BYTES:
                            raise EngineFailed(f"{server.name}: endless answer on {path}")
                    if response.status_code == httpx2.codes.OK:
                        found[path] = _read(server.name, path, response.headers.get("content-type", ""), body)
            except httpx2.HTTPError as error:
                raise EngineFailed(f"{server.name}: does not answer on {path} ({type(error).__name__})") from None
    return found


def _read(name: str, path: str, kind: str, body: bytes) -> Any:  # noqa: ANN401 - somebody else's JSON
    import json

    text = body.decode("utf-8", "replace")
    if "json" not in kind:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise EngineFailed(f"{name}: answers on {path} with {text[:60]!r}, which is not JSON") from None


def number(page: Any, *path: str | int) -> int | None:  # noqa: ANN401 - somebody else's JSON
    """A whole number somewhere in a page; None when the page is not shaped so."""
    for step in path:
        try:
            page = page[step]
        except (KeyError, IndexError, TypeError):
            return None
    return page if type(page) is int else None
