"""Compose files read back: services that run a model server, one or several a deployment."""

import dataclasses
import re
from collections.abc import Iterable
from typing import Final

from advisor.documents import Document
from advisor.domain.engine_record import EngineRecord
from advisor.domain.position import Position
from advisor.errors import UserInputError
from advisor.manifests.found import FoundDeployment, FoundImage, NotChecked, Parsed, Word
from advisor.manifests.images import parse_image
from advisor.manifests.launches import Started, read_flags, started, unreadable, written_keys
from advisor.manifests.words import Source, inner_commands, shell_commands
from advisor.manifests.yaml_reading import At

IDENTITY: Final = "llm-serving-advisor."


def parse_compose(document: Document, source: Source, records: Iterable[EngineRecord]) -> Parsed:
    """Every model server in a compose file; services of one rendered deployment are its replicas."""
    known = tuple(records)
    services = At(document) / "services"
    found: list[FoundDeployment] = []
    not_checked: list[NotChecked] = []
    for name in services.keys():  # noqa: SIM118 - not a dict
        result = _service(services / name, name, source, known)
        if isinstance(result, NotChecked):
            not_checked.append(result)
        elif result is not None:
            found.append(result)
    return Parsed(tuple(_grouped(found)), tuple(not_checked))


def _service(service: At, name: str, source: Source, records: tuple[EngineRecord, ...]) -> FoundDeployment | NotChecked | None:
    image_at = service / "image"
    text = image_at.text()
    if text is not None and re.search(r"(?<!\$)\$[\w{]", text):
        return NotChecked(image_at.position, f"{text} is filled in from the environment; check what `docker compose config` prints")
    try:
        image = FoundImage(parse_image(_unescaped(text)), image_at.position) if text is not None else None
    except UserInputError as error:
        return NotChecked(image_at.position, str(error))
    commands, in_shell = _commands(service, source)
    for words in commands:
        server = started(words, image.image if image else None, records, in_shell=in_shell)
        if server is not None:
            return unreadable(server) or _deployment(service, name, server=server, image=image)
    return None


def _commands(service: At, source: Source) -> tuple[list[list[Word]], bool]:
    words: list[Word] = []
    for name in ("entrypoint", "command"):
        part = service / name
        script = part.text()
        if script is None:
            words += part.words()
        else:
            words += [word for command in shell_commands(script, source, part.position) for word in command]
    return inner_commands(_escapes(words), source) or ([_escapes(words)], False)


def _escapes(words: list[Word]) -> list[Word]:
    return [word if re.search(r"(?<!\$)(?:\$\$)*\$[\w{]", word.text) else Word(_unescaped(word.text), word.at) for word in words]


def _unescaped(text: str) -> str:
    return text.replace("$$", "$")


def _deployment(service: At, name: str, *, server: Started, image: FoundImage | None) -> FoundDeployment:
    flags, model = read_flags(server)
    labels = _pairs(service / "labels")
    identity = {key.removeprefix(IDENTITY): _unescaped(value) for key, value in labels.items() if key.startswith(IDENTITY)}
    replicas = service / "deploy" / "replicas" if (service / "deploy" / "replicas").value else service / "scale"
    devices, devices_at = _devices(service)
    stated = identity.get("devices", "")
    key_name = server.facts.container.api_key_env if server.facts.container else ""
    environment = _pairs(service / "environment")
    secret = environment.get(key_name)
    keyed = key_name in environment or any(flag.name in server.facts.guards for flag in flags)
    written = (service / "environment").position if secret and "$" not in secret else None
    return FoundDeployment(
        name=identity.get("deployment", name),
        kind="Compose service",
        at=service.document.key_position(service.path),
        engine=server.record.id,
        runtime=server.runtime,
        flags=flags,
        flags_at=service.document.key_position((service / "command").path),
        version=server.version or identity.get("version"),
        backend=server.backend or identity.get("backend"),
        model=model,
        image=image,
        replicas=replicas.number() or 1,
        replicas_at=replicas.position,
        devices=int(stated) if stated.isdigit() and devices is None else devices,
        devices_at=devices_at,
        identity=identity,
        labels=labels,
        api_key=keyed or (None if (service / "env_file").value else False),
        secrets=(*((written,) if written else ()), *written_keys(flags)),
        logs_prompts=any(flag.name in server.facts.logs_prompts for flag in flags),
        exposed=_published(service),
        probe_allows_s=None,
    )


def _grouped(found: list[FoundDeployment]) -> Iterable[FoundDeployment]:
    """Services that name the same deployment in their labels are its replicas; the first stands for all."""
    groups: dict[str, list[FoundDeployment]] = {}
    for index, each in enumerate(found):
        groups.setdefault(each.identity.get("deployment", f"#{index}"), []).append(each)
    for group in groups.values():
        first = group[0]
        yield dataclasses.replace(first, replicas=sum(each.replicas for each in group)) if len(group) > 1 else first


def _devices(service: At) -> tuple[int | None, Position]:
    reserved = service / "deploy" / "resources" / "reservations" / "devices"
    gpus = service / "gpus"
    for entry in [*reserved.items(), *gpus.items()]:
        ids = list((entry / "device_ids").items())
        if ids:
            return len(ids), (entry / "device_ids").position
        if (entry / "count").number() is not None:
            return (entry / "count").number(), (entry / "count").position
    none = reserved.value is None and gpus.value is None and (service / "devices").value is None
    return (0 if none else None), service.position


def _pairs(at: At) -> dict[str, str]:
    """`key: value` or `- key=value`."""
    listed = [word.text.partition("=") for word in at.words()]
    return {name: value for name, _, value in listed} if listed else at.mapping()


def _published(service: At) -> bool:
    """A port is open to other machines: published, and not on the loopback address alone."""
    if (service / "network_mode").text() == "host":
        return True
    short = [word.text for word in (service / "ports").words()]
    ips = [(port / "host_ip").text() or "" for port in (service / "ports").items() if isinstance(port.value, dict)]
    loopback = ("127.", "[::1]", "localhost")
    return any(not text.startswith(loopback) for text in short) or any(not ip.startswith(("127.", "::1")) for ip in ips)
