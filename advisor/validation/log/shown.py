"""What a start-up log shows about a planned deployment, whichever engine wrote it: numbers by claim name, and what is not as planned."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from advisor.domain.hardware import Node
from advisor.units import gib_text
from advisor.validation.subject import Subject

# addresses, paths, IP addresses, keys: evidence tells nothing about whose machine it was
_PLACES: Final = re.compile(r"\w+://\S+|(?<!\w)(?:[A-Za-z]:)?[\\/][^\s'\",;)]+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\b(?:sk|hf)[-_]\w{6,}")
_LONGEST_MESSAGE: Final = 400
_MEMORY_APART: Final = 0.03  # what a driver reserves differs a little; two kinds of device differ more


@dataclass(frozen=True, slots=True)
class LogShown:
    """`values` are by claim name, in the claim's unit; what the log does not tell is absent.

    `differs` says in words why the log is of another deployment than the planned one: then nothing in it is held against the plan.
    `remarks` are what else a reader should know, `reasons` why a number is absent, by claim name.
    """

    engine: dict[str, Any]
    device: str | None  # a catalog id or the log's own word, where it names one
    values: dict[str, float]
    differs: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    silence: str = "not in a log"  # why any other number is absent
    synthetic: bool = False
    parts_bytes: Mapping[str, float] = field(default_factory=dict)  # of one device's memory: what took it


@dataclass(frozen=True, slots=True)
class Names:
    """The catalog's devices by every spelling, to find the one that a log names."""

    spellings: Mapping[str, str]  # as `plain` writes them

    def id_of(self, name: str) -> str | None:
        """The device's id; a name that the catalog does not know is no fact about the device."""
        words = name.replace("_", " ")
        return self.spellings.get("-".join(words.split()).casefold())


def device_differs(subject: Subject, names: Names, *, named: str | None, memory_bytes: float | None) -> str:
    """In what the device of the log is not the planned one; empty where it is, or where the log does not tell."""
    node = subject.candidate.node
    if named is not None and (found := names.id_of(named)) is not None and found not in (node.device.id, _parent(node, names)):
        return f"device {node.device.id} -> {found}"
    if memory_bytes is None or subject.planned.hardware.share != 1:
        return ""
    if abs(memory_bytes / node.device.memory_bytes - 1) > _MEMORY_APART:
        return f"device {node.device.id} with {gib_text(node.device.memory_bytes, 2)} -> one with {gib_text(memory_bytes, 2)}"
    return ""


def _parent(node: Node, names: Names) -> str | None:
    """A machine's own device record carries the driver's name; the catalog may know it by another id."""
    return names.id_of(node.device.name)


def context_differs(subject: Subject, context_tokens: int | None, *, given: bool = False) -> tuple[str, str]:
    """(why it is another deployment, remark): a context below what requests need is refuted, any other than planned is not the plan's.

    `given` is true when the log shows that this context was asked for.
    """
    planned = subject.memory.context_per_request_tokens
    if context_tokens is None or context_tokens == planned:
        return "", ""
    moved = f"context per request {planned:,} -> {context_tokens:,} tokens"
    if context_tokens < min(planned, subject.demand.longest_tokens):
        return (moved, "") if given else ("", f"{moved}: smaller than planned, and nobody was told")
    return moved, ""


def message_of(text: str) -> str:
    """An engine's own words without the places in them."""
    return _PLACES.sub("…", text)[:_LONGEST_MESSAGE]
