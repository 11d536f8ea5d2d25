"""What a manifest says about the model servers in it, each fact with its place. Nothing is executed, nothing is guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.domain.engine import EngineName
from advisor.domain.position import Position
from advisor.manifests.images import Image


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a command and where it stands."""

    text: str
    at: Position


@dataclass(frozen=True, slots=True)
class FoundFlag:
    """A flag as written, without its dashes; True for one without a value. `joined` is `--flag=value`."""

    name: str
    value: str | bool
    at: Position
    joined: bool = False


@dataclass(frozen=True, slots=True)
class FoundImage:
    """The container image and where it stands."""

    image: Image
    at: Position


@dataclass(frozen=True, slots=True)
class FoundDeployment:
    """One model server as a manifest describes it: what could not be read is None.

    `identity` holds what the advisor writes beside its own manifests: model, quantization, device, version, backend.
    """

    name: str
    kind: str  # "Kubernetes Deployment", "Compose service", "command"
    at: Position
    engine: EngineName
    runtime: str
    flags: tuple[FoundFlag, ...]
    flags_at: Position  # where a missing flag would have to be written
    version: str | None = None
    backend: str | None = None
    model: Word | None = None
    image: FoundImage | None = None
    replicas: int = 1
    replicas_at: Position | None = None
    devices: int | None = None
    devices_at: Position | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    api_key: bool | None = None
    secrets: tuple[Position, ...] = ()  # keys written out in the file
    exposed: bool | None = None
    logs_prompts: bool = False
    probe_allows_s: float | None = None
    probe_at: Position | None = None

    def flag(self, *names: str) -> FoundFlag | None:
        """The last flag given under one of these names, which is the one that counts."""
        wanted = {name.replace("_", "-") for name in names}
        return next((flag for flag in reversed(self.flags) if flag.name.replace("_", "-") in wanted), None)

    def values(self) -> dict[str, object]:
        """Every flag with its value; the last one given wins."""
        found: dict[str, object] = {}
        for flag in self.flags:
            found.pop(flag.name, None)
            found[flag.name] = flag.value
        return found


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something in a file that was not read, and why."""

    at: Position
    reason: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """A Service or Ingress that opens pods to the outside: by the pods' labels, or by the name of a Service."""

    selector: Mapping[str, str] = field(default_factory=dict)
    service: str | None = None
    outside: bool = True


@dataclass(frozen=True, slots=True)
class Parsed:
    """Everything found in one file."""

    deployments: tuple[FoundDeployment, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    exposures: tuple[Exposure, ...] = ()
