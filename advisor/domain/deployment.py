"""What may be deployed: a candidate is one replica's recipe, a deployment says how many replicas and for what."""

from dataclasses import dataclass, field, replace

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.engine import EngineSettings, Parallelism, RuntimeRef
from advisor.domain.hardware import Node
from advisor.domain.model import Checkpoint, Model
from advisor.domain.weights import WeightBytes


@dataclass(frozen=True, slots=True)
class Draft:
    """A smaller model that is served with the first and drafts tokens for it; `weights` are those of one rank."""

    model: Model
    quantization: str
    weights: WeightBytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """One replica: this checkpoint on this runtime, on `parallelism.devices` devices of this node, with these settings.

    For llama.cpp on several devices `parallelism.pipeline` counts the devices of the layer split.
    `why` gives the reason of a setting, keyed by the engine's flag name.
    """

    model: Model
    checkpoint: Checkpoint
    runtime: RuntimeRef
    node: Node
    parallelism: Parallelism
    settings: EngineSettings
    why: dict[str, str] = field(default_factory=dict)
    draft: Draft | None = None

    @property
    def cached_architecture(self) -> ModelArchitecture:
        """The model with the layers of its draft model, which share its blocks."""
        own = self.model.architecture
        return own if self.draft is None else replace(own, layer_groups=(*own.layer_groups, *self.draft.model.architecture.layer_groups))

    @property
    def on_cpu(self) -> bool:
        """True when the model lives in host memory: a CPU, a board, or an engine built without a device backend."""
        return self.node.device.is_cpu or self.runtime.backend == "cpu"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A candidate in service: a name, a role, how many replicas, and which share of the device each may use."""

    name: str
    candidate: Candidate
    replicas: int
    role: str = "serve"
    device_share: float = 1.0
