"""The names in a workload file that must mean something in the catalog: each at its line, all in one run with the file's other faults."""

import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from advisor.documents import Document, Path_, dotted, parse, read_text, typed
from advisor.domain.workload import Workload
from advisor.errors import DataError, Fault, UserInputError, near_names

if typing.TYPE_CHECKING:
    from advisor.catalog.catalog import Catalog


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


def read_known_workload(path: Path, catalog: "Catalog") -> tuple[Workload, Document]:
    """The workload and its document. Raises DataError with every fault: of form, and of names that the catalog does not know."""
    document = parse(read_text(path), str(path))
    faults: list[Fault] = []
    try:
        workload = typed(document, Workload)
    except DataError as error:
        faults += error.faults
    faults += name_faults(document, catalog)
    if faults:
        raise DataError(faults)
    return workload, document


def name_faults(document: Document, catalog: "Catalog") -> Iterator[Fault]:
    """Models and devices that are unknown, ambiguous or named twice; providers and regions that nobody in the catalog offers."""
    raw = document.raw
    yield from _known(document, ("models",), _at(raw, "models"), catalog.model, once=True)
    owned = _at(raw, "hardware", "owned")
    for index, entry in enumerate(owned if isinstance(owned, list) else []):
        yield from _known(document, ("hardware", "owned", index), {"device": _at(entry, "device")}, catalog.device)
    for way in ("rent", "buy"):
        yield from _known(document, ("hardware", way, "devices"), _at(raw, "hardware", way, "devices"), catalog.device, once=True)
    for field, offered in (
        ("providers", {o.provider for o in catalog.offers}),
        ("regions", {o.region for o in catalog.offers if o.region}),
    ):
        yield from _offered(document, ("hardware", "rent", field), _at(raw, "hardware", "rent", field), offered)


def _at(value: Any, *path: str) -> Any:  # noqa: ANN401 - whatever the file holds there
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _texts(values: Any) -> list[tuple[int | str, str]]:  # noqa: ANN401
    pairs = enumerate(values) if isinstance(values, list) else values.items() if isinstance(values, dict) else ()
    return [(key, text) for key, text in pairs if isinstance(text, str)]


def _known(
    document: Document,
    parent: Path_,
    values: Any,  # noqa: ANN401
    find: Callable[[str], _Identified],
    *,
    once: bool = False,
) -> Iterator[Fault]:
    seen: dict[str, Path_] = {}
    for key, text in _texts(values):
        path = (*parent, key)
        place = document.position(path)
        try:
            found = find(text).id
        except UserInputError as error:
            yield Fault(str(place), f"{dotted(path)}: {error}")
            continue
        if once and found in seen:
            yield Fault(str(place), f"{dotted(path)}: {found} is in the list already ({dotted(seen[found])}): name it once")
        seen.setdefault(found, path)


def _offered(document: Document, parent: Path_, values: Any, offered: set[str]) -> Iterator[Fault]:  # noqa: ANN401
    for key, text in _texts(values):
        if text not in offered:
            path = (*parent, key)
            near = near_names(text, sorted(offered), most=3) or sorted(offered)[:12]
            yield Fault(
                str(document.position(path)), f"{dotted(path)}: no offer in the catalog names {text[:80]!r}; there are {', '.join(near)} …"
            )
