"""What was found at one place: an engine, or the reason why not. The rows of `advisor engines list`."""

from dataclasses import dataclass
from typing import Protocol

from advisor.domain.engine import EngineName
from advisor.engines.interpreters import Place


class Found(Protocol):
    """An engine that answered, whichever it is."""

    @property
    def version(self) -> str:
        """Its own version."""
        ...

    def facts(self) -> dict[str, object]:
        """What else is known, for JSON; paths are this machine's."""
        ...

    def describe(self) -> str:
        """The same in words."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """One place that was looked at for an engine, with what was there; `reason` says why nothing was."""

    engine: EngineName
    place: Place
    found: Found | None
    reason: str = ""
    facts: tuple[str, ...] = ()  # what is known of an engine that answers, null here when none did

    def as_dict(self) -> dict[str, object]:
        """For JSON; paths are this machine's."""
        facts = self.found.facts() if self.found else dict.fromkeys(self.facts)
        return {
            "engine": self.engine,
            "found": self.found is not None,
            "origin": self.place.origin,
            "python": str(self.place.python),
            "version": self.found.version if self.found else None,
            **facts,
            "reason": self.reason or None,
        }

    def __str__(self) -> str:
        where = f"{self.place.origin}: {self.place.python}"
        if self.found is None:
            return f"-          no {self.engine} in {where}: {self.reason}"
        return f"{self.engine:<9}  {where}: {self.found.describe()}"
