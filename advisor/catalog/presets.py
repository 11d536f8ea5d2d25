"""catalog/workloads/<task>.yaml -> Preset: what a task usually looks like, with the origin of every figure."""

import dataclasses
from dataclasses import dataclass, field
from typing import Final, cast, get_args

from advisor.catalog.layers import Root
from advisor.catalog.records import yaml_records
from advisor.domain.demand import Lengths
from advisor.domain.preset import Preset
from advisor.domain.strict import STRICT, FieldFault, IsoDate
from advisor.domain.workload import LossBand, ServiceLevel, Task, TokenLengths
from advisor.errors import DataError

_EXPLAINED: Final = ("input_tokens", "output_tokens", "shared_prefix_tokens", "pause_s", "service_level", "quantization_loss")


@dataclass(frozen=True, slots=True)
class PresetRecord:
    """A preset's file. `reasons` explains each figure: its source, or `assumed: why`."""

    __pydantic_config__ = STRICT
    name: str
    input_tokens: TokenLengths
    output_tokens: TokenLengths
    pause_s: float
    quantization_loss: LossBand
    reasons: dict[str, str]
    as_of: IsoDate
    shared_prefix_tokens: int = 0
    service_level: ServiceLevel = field(default_factory=ServiceLevel)
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("input_tokens", "output_tokens"):
            lengths = getattr(self, name)
            if lengths.p95 is None or lengths.max is None:
                raise FieldFault(name, "a preset gives p50, p95 and max")
        missing = [name for name in _EXPLAINED if name not in self.reasons]
        if missing:
            raise FieldFault("reasons", f"say where the figures of {', '.join(missing)} come from")


def load_presets(root: Root) -> dict[str, Preset]:
    """Every preset by its task."""
    presets: dict[str, Preset] = {}
    for task, record, document in yaml_records(root, "workloads", PresetRecord):
        if task not in get_args(Task):
            raise DataError.at(document.position(), f"{task} is not a task; known: {', '.join(get_args(Task))}")
        presets[task] = _preset(cast(Task, task), record)
    return presets


def _preset(task: Task, record: PresetRecord) -> Preset:
    values = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    lengths = {name: _lengths(values[name]) for name in ("input_tokens", "output_tokens")}
    return Preset(task=task, **(values | lengths))


def _lengths(tokens: TokenLengths) -> Lengths:
    return Lengths(tokens.p50, tokens.p95 or tokens.p50, tokens.max or tokens.p50)
