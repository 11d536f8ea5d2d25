"""Finds a thing by its id or an alias, matched whole and never by substring; says what was near or meant when it cannot."""

from collections.abc import Container, Iterable, Mapping
from typing import Protocol

from advisor.errors import UserInputError, near_names

_SHOWN = 12
_SHOWN_CHARACTERS = 80


class Named(Protocol):
    """A thing of the catalog with other spellings of its id."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other spellings."""


def plain(text: str) -> str:
    """A spelling as it is compared: case does not matter and a blank is a dash; nothing else is forgiven."""
    return "-".join(text.split()).casefold()


def index(things: Mapping[str, Named]) -> dict[str, str]:
    """Every spelling -> id. Ids win over aliases of other things."""
    spellings = {plain(alias): thing_id for thing_id, thing in things.items() for alias in thing.aliases}
    return spellings | {plain(thing_id): thing_id for thing_id in things}


def by_name(ids: Iterable[str]) -> dict[str, str]:
    """The spellings of things that have no aliases."""
    return {plain(thing_id): thing_id for thing_id in ids}


def id_of(text: str, ids: Container[str], spellings: Mapping[str, str]) -> str | None:
    """The id of this spelling, or None. An id in its own case comes first: file types and schemes may differ in nothing else."""
    return text if text in ids else spellings.get(plain(text))


def family(things: Iterable[str], text: str) -> list[str]:
    """The ids that a too short name may mean: it must end where a word of the id ends, so that `l4` is not `l40s`."""
    start = plain(text)
    return sorted(thing_id for thing_id in things if thing_id.startswith(start + "-") or thing_id.endswith("-" + start))


def unknown(kind: str, text: str, spellings: Mapping[str, str], hint: str) -> UserInputError:
    """The error for a name that means nothing here, with the ids whose spellings are near."""
    near = dict.fromkeys(spellings[name] for name in near_names(plain(text), spellings, most=3))
    ids = sorted(set(spellings.values()))
    known = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(ids[:_SHOWN])}{' …' if len(ids) > _SHOWN else ''}"
    return UserInputError(f"{kind} {_shortened(text)!r} is not in the catalog; {known} ({hint})")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
