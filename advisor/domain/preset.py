"""What a task usually looks like: the figures that fill the gaps of a workload until its owner measures them."""

from dataclasses import dataclass

from advisor.domain.demand import Lengths
from advisor.domain.workload import LossBand, ServiceLevel, Task


@dataclass(frozen=True, slots=True)
class Preset:
    """A task's usual lengths, pause, service level and quality band. `reasons` says for each field where its figure comes from."""

    task: Task
    name: str
    input_tokens: Lengths
    output_tokens: Lengths
    shared_prefix_tokens: int
    pause_s: float
    service_level: ServiceLevel
    quantization_loss: LossBand
    needs: tuple[str, ...]
    reasons: dict[str, str]
    as_of: str
