"""Kubernetes objects read back: pods that run a model server, whatever wrote them, and what opens them to the outside."""

from collections.abc import Iterable, Iterator
from typing import Final

from advisor.documents import Document, Path_
from advisor.domain.engine_record import EngineRecord
from advisor.domain.position import Position
from advisor.errors import UserInputError
from advisor.manifests.blueprint import GPU_RESOURCES, MIG_RESOURCE
from advisor.manifests.found import Exposure, FoundDeployment, FoundImage, NotChecked, Parsed, Word
from advisor.manifests.images import parse_image
from advisor.manifests.launches import Started, read_flags, started, unreadable, written_keys
from advisor.manifests.words import Source, inner_commands
from advisor.manifests.yaml_reading import At

IDENTITY: Final = "llm-serving-advisor/"
_POD_SPECS: Final[dict[str, Path_]] = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"), ("spec", "template", "spec")),
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_NOT_READ: Final = frozenset({"LeaderWorkerSet", "InferenceService", "LLMInferenceService", "ServingRuntime", "RayService", "RayCluster"})
_GPU_LABELS: Final = ("nvidia.com/gpu.product", "amd.com/gpu.product-name", "cloud.google.com/gke-accelerator")
_PROBE_FAILURES, _PROBE_PERIOD_S = 3, 10  # Kubernetes' defaults


def parse_kubernetes(documents: Iterable[Document], source: Source, records: Iterable[EngineRecord]) -> Parsed:
    """Every model server in these objects, and what was not read."""
    known = tuple(records)
    deployments: list[FoundDeployment] = []
    not_checked: list[NotChecked] = []
    exposures: list[Exposure] = []
    for thing in _objects(documents):
        kind = (thing / "kind").text() or ""
        if kind in _NOT_READ:
            not_checked.append(NotChecked(thing.position, f"{kind}: its pods are made by a controller; not read in this version"))
        elif kind in _POD_SPECS:
            for found in _servers(thing, kind, source, known):
                (deployments if isinstance(found, FoundDeployment) else not_checked).append(found)  # type: ignore[arg-type]
        else:
            exposures += _exposures(thing, kind)
    return Parsed(tuple(deployments), tuple(not_checked), tuple(exposures))


def _objects(documents: Iterable[Document]) -> Iterator[At]:
    for document in documents:
        whole = At(document)
        yield from (whole / "items").items() if (whole / "kind").text() == "List" else iter((whole,))


def _servers(thing: At, kind: str, source: Source, records: tuple[EngineRecord, ...]) -> Iterator[FoundDeployment | NotChecked]:
    pod = thing
    for step in _POD_SPECS[kind]:
        pod = pod / step
    for container in (pod / "containers").items():
        image = _image(container / "image")
        if isinstance(image, NotChecked):
            yield image
            continue
        commands, in_shell = _commands(container, source)
        for words in commands:
            server = started(words, image.image if image else None, records, in_shell=in_shell)
            if server is not None:
                yield unreadable(server) or _deployment(thing, pod, container, server=server, image=image)
                break


def _image(at: At) -> FoundImage | NotChecked | None:
    text = at.text()
    if text is None:
        return None
    if "{{" in text or "$" in text:
        return NotChecked(at.position, f"a template: {text} is filled in later; render it first and check that")
    try:
        return FoundImage(parse_image(text), at.position)
    except UserInputError as error:
        return NotChecked(at.position, str(error))


def _commands(container: At, source: Source) -> tuple[list[list[Word]], bool]:
    """What the container may run: its words, or (True) the commands of the script that it hands to a shell."""
    words = [Word(word.text.replace("$$(", "$("), word.at) for word in [*(container / "command").words(), *(container / "args").words()]]
    return inner_commands(words, source) or ([words], False)


def _deployment(thing: At, pod: At, container: At, *, server: Started, image: FoundImage | None) -> FoundDeployment:
    flags, model = read_flags(server)
    replicas, limits = thing / "spec" / "replicas", container / "resources" / "limits"
    names = [*GPU_RESOURCES.values(), *(name for name in limits.mapping() if name.startswith(MIG_RESOURCE))]
    resource = next((limits / name for name in names if (limits / name).number() is not None), None)
    api_key, secrets = _key(container, server)
    allowed = _probe(container)
    annotations = {**(thing / "metadata" / "annotations").mapping(), **_node_labels(pod)}
    identity = {key.removeprefix(IDENTITY): value for key, value in annotations.items() if key.startswith(IDENTITY)}
    return FoundDeployment(
        name=(thing / "metadata" / "name").text() or "unnamed",
        kind=f"Kubernetes {(thing / 'kind').text()}",
        at=thing.position,
        engine=server.record.id,
        runtime=server.runtime,
        flags=tuple(flags),
        flags_at=_flags_at(container),
        version=server.version or identity.get("version"),
        backend=server.backend or identity.get("backend"),
        model=model,
        image=image,
        replicas=replicas.number() if replicas.number() is not None else 1,  # type: ignore[arg-type]
        replicas_at=replicas.position,
        devices=resource.number() if resource else 0,
        devices_at=resource.position if resource else limits.position,
        identity=identity,
        labels=(_template(thing) / "metadata" / "labels").mapping(),
        api_key=api_key or any(flag.name in server.facts.guards for flag in flags),
        secrets=(*secrets, *written_keys(flags)),
        logs_prompts=any(flag.name in server.facts.logs_prompts for flag in flags),
        exposed=True if (pod / "hostNetwork").text() == "true" or _host_port(container) else None,
        probe_allows_s=allowed[0] if allowed else None,
        probe_at=allowed[1] if allowed else None,
    )


def _flags_at(container: At) -> Position:
    for name in ("args", "command", "image"):
        if (container / name).value is not None:
            return container.document.key_position((container / name).path)
    return container.position


def _node_labels(pod: At) -> dict[str, str]:
    labels = (pod / "nodeSelector").mapping()
    product = next((labels[name] for name in _GPU_LABELS if name in labels), None)
    ours = {key: value for key, value in labels.items() if key.startswith(IDENTITY)}
    return ours or ({f"{IDENTITY}device": product} if product else {})


def _template(thing: At) -> At:
    template = thing / "spec" / "template"
    return template if template.value is not None else thing


def _host_port(container: At) -> bool:
    return any((port / "hostPort").value is not None for port in (container / "ports").items())


def _key(container: At, server: Started) -> tuple[bool, tuple[Position, ...]]:
    """Whether a key is set through the environment, and where one is written out."""
    name = server.facts.container.api_key_env if server.facts.container else ""
    for variable in (container / "env").items():
        if (variable / "name").text() == name:
            literal = (variable / "value").text()
            return True, ((variable / "value").position,) if literal else ()
    return bool(list((container / "envFrom").items())), ()


def _probe(container: At) -> tuple[float, Position] | None:
    """Seconds until the kubelet kills a container that is still starting."""
    for name in ("startupProbe", "livenessProbe"):
        probe = container / name
        if isinstance(probe.value, dict):
            failures = (probe / "failureThreshold").number() or _PROBE_FAILURES
            period = (probe / "periodSeconds").number() or _PROBE_PERIOD_S
            threshold = probe / "failureThreshold"
            return ((probe / "initialDelaySeconds").number() or 0) + failures * period, threshold.position
    return None


def _exposures(thing: At, kind: str) -> list[Exposure]:
    if kind == "Service":
        outside = (thing / "spec" / "type").text() in {"LoadBalancer", "NodePort"} or bool(list((thing / "spec" / "externalIPs").items()))
        return [Exposure((thing / "spec" / "selector").mapping(), (thing / "metadata" / "name").text(), outside)]
    if kind == "Ingress":
        paths = [path for rule in (thing / "spec" / "rules").items() for path in (rule / "http" / "paths").items()]
        return [Exposure(service=(path / "backend" / "service" / "name").text()) for path in paths]
    if kind == "HTTPRoute":
        backends = [ref for rule in (thing / "spec" / "rules").items() for ref in (rule / "backendRefs").items()]
        return [Exposure(service=(ref / "name").text()) for ref in backends]
    return []
