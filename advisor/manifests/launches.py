"""Which engine a command starts, and its flags: from the words of a command, or from the image that runs it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from advisor.domain.engine_record import EngineRecord, Launch, Runtime
from advisor.domain.position import Position
from advisor.engines.flags import normal_name, scan_arguments
from advisor.manifests.found import FoundFlag, NotChecked, Word
from advisor.manifests.images import Image, published
from advisor.manifests.words import SHELLS

# vLLM's server under its older name
_OLDER: Final = {("python", "-m", "vllm.entrypoints.openai.api_server"): ("vllm", "serve")}
_MODEL_FLAGS: Final = ("model", "m", "hf-repo", "hf", "hfr")


@dataclass(frozen=True, slots=True)
class Started:
    """A server that a command starts: the engine's record, its runtime's name, and the words behind the program's name."""

    record: EngineRecord
    runtime: str
    arguments: tuple[Word, ...]
    backend: str | None = None
    version: str | None = None

    @property
    def facts(self) -> Runtime:
        """What is known of the runtime."""
        return self.record.runtimes[self.runtime]


def started(words: Sequence[Word], image: Image | None, records: Iterable[EngineRecord], *, in_shell: bool = False) -> Started | None:
    """The server behind these words and this image; None when neither is one.

    Words of a shell's script name their program; others may be arguments for the image's own.
    """
    known = tuple(records)
    inside = published(image, known) if image else None
    by_words = _by_words(words, known)
    if by_words is not None:
        same = inside is not None and inside.runtime == by_words.runtime
        version, backend = (inside.version, inside.backend) if inside and same else (None, None)
        return Started(by_words.record, by_words.runtime, by_words.arguments, backend, version)
    if inside is None or in_shell or (words and not words[0].text.startswith("-") and _is_program(words[0].text)):
        return None
    return Started(inside.record, inside.runtime, tuple(words), inside.backend, inside.version)


def read_flags(server: Started) -> tuple[tuple[FoundFlag, ...], Word | None]:
    """The flags with their places, and the model: a word of its own or behind a flag."""
    words = server.arguments
    flags: list[FoundFlag] = []
    model: Word | None = None
    for each in scan_arguments(server.facts, [word.text for word in words]):
        if each.name is None:
            model = model or Word(str(each.value), words[each.first].at)
        elif each.name in _MODEL_FLAGS and isinstance(each.value, str):
            model = Word(each.value, words[each.last].at)
        else:
            flags.append(FoundFlag(each.name, each.value, words[each.first].at, joined="=" in words[each.first].text))
    return tuple(flags), None if model and _filled_in_later(model.text) else model


def written_keys(flags: Iterable[FoundFlag]) -> tuple[Position, ...]:
    """Where a key is written out as a flag's value."""
    return tuple(flag.at for flag in flags if flag.name == "api-key" and isinstance(flag.value, str))


def unreadable(server: Started) -> NotChecked | None:
    """A flag that decides something and whose value only a template engine or a shell could fill in; None when there is none."""
    facts = server.facts
    harmless = {normal_name(name) for name in (*facts.harmless, *facts.harmless_switches, *_MODEL_FLAGS)}
    for each in scan_arguments(facts, [word.text for word in server.arguments]):
        word = server.arguments[each.last]
        if each.name is None or normal_name(each.name) in harmless or not _filled_in_later(word.text):
            continue
        if "{{" in word.text:
            return NotChecked(word.at, f"a template: {word.text} is filled in later; render it first and check that")
        return NotChecked(word.at, f"{word.text} is filled in when it runs; check what that gives")
    return None


def _filled_in_later(text: str) -> bool:
    return "{{" in text or re.search(r"\$(\{?\w|\(|$)|`", text) is not None


def _by_words(words: Sequence[Word], records: Sequence[EngineRecord]) -> Started | None:
    texts = _plain_program([word.text for word in words])
    for older, newer in _OLDER.items():
        if tuple(texts[: len(older)]) == older:
            texts = [*newer, *texts[len(older) :]]
            words = [*words[: len(newer)], *words[len(older) :]]
    for record in records:
        for name, runtime in record.runtimes.items():
            if runtime.launch and _starts(texts, runtime.launch):
                return Started(record, name, tuple(words[len(runtime.launch.command) :]))
    return None


def _starts(texts: Sequence[str], launch: Launch) -> bool:
    return list(texts[: len(launch.command)]) == list(launch.command)


def _plain_program(texts: list[str]) -> list[str]:
    """`/usr/bin/python3.12` is `python`, `/app/llama-server` is `llama-server`."""
    if not texts:
        return texts
    program = PurePosixPath(texts[0]).name
    return ["python" if re.fullmatch(r"python(3(\.\d+)?)?", program) else program.removesuffix(".exe"), *texts[1:]]


def _is_program(text: str) -> bool:
    """A word that names another program than the image's own: `bash`, `/bin/sh`, `sleep`; a model has a slash inside or an ending."""
    return PurePosixPath(text).name in {*SHELLS, "sleep", "python", "python3", "tail", "cat"}
