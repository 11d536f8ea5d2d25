"""Command lines read back: a script that starts a model server, or `docker run` of an image that holds one."""

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from advisor.domain.engine_record import EngineRecord
from advisor.domain.position import Position
from advisor.errors import UserInputError
from advisor.manifests.found import FoundDeployment, FoundImage, NotChecked, Parsed, Word
from advisor.manifests.images import parse_image, published
from advisor.manifests.launches import Started, read_flags, started, unreadable, written_keys
from advisor.manifests.words import Source, launched, shell_commands

_FACTS: Final = re.compile(r"^# llm-serving-advisor: (?P<facts>.+)$", re.MULTILINE)
_LOOPBACK: Final = ("127.", "localhost", "::1")


def parse_command(source: Source, records: Iterable[EngineRecord]) -> Parsed:
    """Every model server that a script starts."""
    known = tuple(records)
    deployments: list[FoundDeployment] = []
    not_checked: list[NotChecked] = []
    identity = _identity(source.text)
    for command in shell_commands(source.text, source, Position(source.file, 1, 1)):
        for server, image, at in _servers(launched(command), known):
            problem = unreadable(server)
            if problem:
                not_checked.append(problem)
            else:
                deployments.append(_deployment(server, image, at, identity))
    return Parsed(tuple(deployments), tuple(not_checked))


def _servers(words: list[Word], records: tuple[EngineRecord, ...]) -> Iterator[tuple[Started, FoundImage | None, Position]]:
    if not words:
        return
    contained = _contained(words, records)
    image, inner = contained or (None, words)
    server = started(inner, image.image if image else None, records)
    if server is not None:
        yield server, image, words[0].at


def _contained(words: list[Word], records: tuple[EngineRecord, ...]) -> tuple[FoundImage, list[Word]] | None:
    """The image of `docker run` and the words behind it: the first word that is an image of an engine."""
    if words[0].text.rsplit("/", 1)[-1] not in {"docker", "podman", "nerdctl"}:
        return None
    for index, word in enumerate(words[1:], 1):
        try:
            image = parse_image(word.text)
        except UserInputError:
            continue
        if published(image, records) is not None:
            return FoundImage(image, word.at), words[index + 1 :]
    return None


def _deployment(server: Started, image: FoundImage | None, at: Position, identity: dict[str, str]) -> FoundDeployment:
    flags, model = read_flags(server)
    host = next((flag for flag in reversed(flags) if flag.name == "host"), None)
    asks_for_key = bool(identity) and server.facts.container is not None  # as rendered: by a variable
    guarded = any(flag.name in server.facts.guards for flag in flags) or asks_for_key
    replicas, devices = identity.get("replicas", ""), identity.get("devices", "")
    return FoundDeployment(
        name=identity.get("name", server.runtime),
        kind="command",
        at=at,
        engine=server.record.id,
        runtime=server.runtime,
        flags=flags,
        flags_at=at,
        version=server.version or identity.get("version"),
        backend=server.backend or identity.get("backend"),
        model=model,
        image=image,
        replicas=int(replicas) if replicas.isdigit() else 1,
        devices=int(devices) if devices.isdigit() else None,
        identity={key: value for key, value in identity.items() if key not in {"name", "replicas", "devices"}},
        api_key=True if guarded else None,
        secrets=written_keys(flags),
        logs_prompts=any(flag.name in server.facts.logs_prompts for flag in flags),
        exposed=None if host is None or image else not str(host.value).startswith(_LOOPBACK),
    )


def _identity(text: str) -> dict[str, str]:
    match = _FACTS.search(text)
    if match is None:
        return {}
    try:
        pairs = [word.partition("=") for word in shlex.split(match["facts"])]
    except ValueError:
        return {}
    return {key: value for key, _, value in pairs}
