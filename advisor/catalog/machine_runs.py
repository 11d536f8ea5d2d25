"""Reads `catalog/calibration/machine.yaml`: the models that a machine is calibrated with, which no plan chooses."""

from dataclasses import dataclass
from functools import cached_property

from advisor.architectures import from_config
from advisor.catalog.layers import Layers, Root, layers_of
from advisor.documents import load, read_text
from advisor.domain.machine_runs import MachineRuns
from advisor.domain.model import Model


@dataclass(frozen=True)
class Yardsticks:
    """The runs and their models, read when they are asked for."""

    layers: Layers

    @cached_property
    def runs(self) -> MachineRuns:
        """Raises DataError for a fault in the file."""
        path = self.layers.file("calibration/machine.yaml")
        return load(read_text(path), self.layers.shown(path), MachineRuns)

    def model(self, name: str) -> Model | None:
        """The model of this id; None where it is not one of them."""
        if "/" not in name or not self.layers.file("calibration/machine.yaml").is_file():
            return None
        config = self.runs.models.get(name)
        return None if config is None else Model(name, from_config(dict(config), name), "other", (), source="advisor calibrate")


def yardsticks_of(root: Root) -> Yardsticks:
    """Nothing is read yet."""
    return Yardsticks(layers_of(root))
