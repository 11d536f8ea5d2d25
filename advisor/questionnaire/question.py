"""What a question is: its words, what Enter and `u` mean, and how an answer becomes values of workload.yaml."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from advisor.catalog.catalog import Catalog
from advisor.domain.hardware import Node
from advisor.domain.preset import Preset
from advisor.errors import UserInputError

Values = Mapping[str, object]
"""Values of workload.yaml by their dotted path: `{"load.users.active": 240}`."""


@dataclass(frozen=True)
class Situation:
    """What is known when a question is asked. `find_machine` looks at this computer; UserInputError when it is not understood."""

    catalog: Catalog
    find_machine: Callable[[], Node]
    values: Values

    @cached_property
    def preset(self) -> Preset:
        """The usual figures of the task that was named."""
        return self.catalog.preset(str(self.values.get("task", "chat")))

    @cached_property
    def machine(self) -> Node | None:
        """This computer, where it is one of the machines that may be used."""
        if not self.values.get("hardware.this_machine"):
            return None
        try:
            return self.find_machine()
        except UserInputError:
            return None

    @property
    def place(self) -> object:
        """Where prompts may be processed."""
        return self.values.get("privacy.stays_on")

    def has(self, prefix: str) -> bool:
        """True when something was said about this path or below it."""
        return any(path == prefix or path.startswith(prefix + ".") for path in self.values)


@dataclass(frozen=True, slots=True)
class Understood:
    """An answer that was understood: its values, those of them that nobody stated (path -> why), and what to echo."""

    values: Values
    assumed: Mapping[str, str] = field(default_factory=dict)
    said: str = ""


def _always(_: Situation) -> bool:
    return True


def _nothing(_: Situation) -> None:
    return None


def _no_lines(_: Situation) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Question:
    """One question. Questions of the same `step` share a number; later ones of it are asked only when an earlier answer calls for them.

    `fact` marks a figure of the world, not a wish: taking the preset's is no confirmation, so it is recorded as assumed.
    """

    key: str
    step: str
    text: str
    why: str
    parse: Callable[[str, Situation], Understood]
    unknown: Callable[[Situation], str]  # what `u` assumes, as an answer
    default: Callable[[Situation], str | None] = _nothing  # what Enter takes; None: there is nothing to take
    applies: Callable[[Situation], bool] = _always
    choices: tuple[str, ...] = ()
    examples: str = ""
    about_default: Callable[[Situation], str | None] = _nothing  # said in the brackets instead of the default itself
    known: Callable[[Situation], tuple[str, ...]] = _no_lines  # more lines behind `?`
    from_preset: bool = False  # its default is the preset's
    fact: bool = False
