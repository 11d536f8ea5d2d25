"""A decision that a team commits: `plan.yaml`, schema `advisor.plan/1`."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from advisor.domain.engine import EngineName
from advisor.domain.measured import MeasuredPoint
from advisor.domain.quantity import Basis
from advisor.domain.strict import STRICT, FieldFault, name_fault, plain_scalar

SCHEMA: Final = "advisor.plan/1"
_MOST: Final = 1024  # devices or ranks of a replica, beyond any deployment
_MOST_REPLICAS: Final = 10**6


def _count(owner: object, *names: str, most: int = _MOST) -> None:
    for name in names:
        value = getattr(owner, name)
        if not 1 <= value <= most:
            shown = str(value) if len(str(value)) <= 20 else f"a number of {len(str(value))} digits"
            raise FieldFault(name, f"{shown}: must be from 1 to {most:,}")


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """Which weights, pinned."""

    __pydantic_config__ = STRICT
    id: str
    quantization: str
    revision: str | None = None
    repo_id: str | None = None
    files: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedEngine:
    """Which program in which version."""

    __pydantic_config__ = STRICT
    name: EngineName
    runtime: str
    version: str
    backend: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """The container image, by tag and where known by digest."""

    __pydantic_config__ = STRICT
    ref: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedHardware:
    """What one replica runs on. `node` embeds the facts of a machine that is not in the catalog (this machine)."""

    __pydantic_config__ = STRICT
    device: str
    devices: int = 1
    share: float = 1.0
    acquisition: Literal["owned", "rent", "buy", "this_machine"] = "owned"
    node: dict[str, Any] | None = None
    offer: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        _count(self, "devices")
        if not 0 < self.share <= 1:
            raise FieldFault("share", f"{self.share:g}: must be above 0 and at most 1, the whole device")


@dataclass(frozen=True, slots=True)
class PlannedParallelism:
    """How one replica is spread."""

    __pydantic_config__ = STRICT
    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: bool = False

    def __post_init__(self) -> None:
        _count(self, "tensor", "pipeline", "data")


@dataclass(frozen=True, slots=True)
class Setting:
    """One engine flag with its reason."""

    __pydantic_config__ = STRICT
    value: bool | int | float | str
    why: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", plain_scalar(self.value))


@dataclass(frozen=True, slots=True)
class PlannedDeployment:
    """One deployment of the plan; `settings` are keyed by the engine's own long flag name without dashes in front."""

    __pydantic_config__ = STRICT
    name: str
    model: PlannedModel
    engine: PlannedEngine
    hardware: PlannedHardware
    settings: dict[str, Setting]
    replicas: int = 1
    role: str = "serve"
    image: PlannedImage | None = None
    parallelism: PlannedParallelism = field(default_factory=PlannedParallelism)

    def __post_init__(self) -> None:
        _count(self, "replicas", most=_MOST_REPLICAS)
        fault = name_fault(self.name) or ("total: is what claims about the whole plan are called" if self.name == "total" else None)
        if fault:
            raise FieldFault("name", fault)


@dataclass(frozen=True, slots=True)
class Claim:
    """One derived number; `at_most`/`at_least` are the requirement it is held against."""

    __pydantic_config__ = STRICT
    expect: float
    basis: Basis
    low: float | None = None
    high: float | None = None
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class Instead:
    """The best of a family that lost, and what it lost on."""

    __pydantic_config__ = STRICT
    option: str
    lost_on: str
    expect: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    basis: Basis | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What made the plan, so that a later difference can be explained."""

    __pydantic_config__ = STRICT
    advisor: str
    catalog: str
    workload_sha256: str
    policy: str | None = None
    deployments_sha256: str | None = None  # tells an edit of the upper half from an edit of a claim


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole file. `deployments` is yours to edit; everything from `claims` on is derived and recomputed by check."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.plan/1"]
    workload: str
    decision: str
    deployments: tuple[PlannedDeployment, ...]
    claims: dict[str, dict[str, Claim]]
    made_with: MadeWith
    router: dict[str, Any] | None = None
    evidence_required: tuple[str, ...] = ()
    instead: tuple[Instead, ...] = ()
    changes_if: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    measured: tuple[MeasuredPoint, ...] = ()  # by which predictions were scaled

    def __post_init__(self) -> None:
        if not self.deployments:
            raise FieldFault("deployments", "the list is empty: a plan has at least one deployment")
        names = [deployment.name for deployment in self.deployments]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise FieldFault("deployments", f"two are named {twice}: claims and evidence are found by name")
