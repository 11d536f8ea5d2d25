"""What a running server says about itself: sizes, context and settings, by the names of the claims; and which engine it is."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from advisor.engines.page import read_page
from advisor.engines.server import Server
from advisor.errors import EngineFailed
from advisor.validation.served.launch import Served

_ANSWER_S: Final = 30.0
METRICS: Final = "/metrics"


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
    """What the server answers on these paths: JSON, of METRICS the text; a path that it does not know is left out.

    Raises EngineFailed for something else than JSON, NotProven and TimedOut when it does not answer.
    """
    found: dict[str, Any] = {}
    for path in paths:
        page = read_page(f"{server.base_url}{path}", api_key=served.key or None, time_limit_s=_ANSWER_S)
        if page.status == httpx2.codes.OK:
            found[path] = page.text if path == METRICS else page.json()
            if found[path] is None:
                raise EngineFailed(f"{server.name}: answers on {path} with {page.text[:60]!r}, which is not JSON")
    return found


def number(page: Any, *path: str | int) -> int | None:  # noqa: ANN401 - somebody else's JSON
    """A whole number somewhere in a page; None when the page is not shaped so."""
    for step in path:
        try:
            page = page[step]
        except (KeyError, IndexError, TypeError):
            return None
    return page if type(page) is int else None
