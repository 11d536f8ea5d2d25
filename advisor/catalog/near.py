"""Reads `catalog/calibration/near.{yaml,csv}`: what counts as near, and published series near which a prediction is scaled.

The table is read when the first candidate is timed that could use it, not with the catalog.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from advisor.catalog.layers import Layers, Root, layers_of
from advisor.catalog.records import csv_table
from advisor.documents import load, read_text
from advisor.domain.near import NearRules, NearSeries, Scale


@dataclass(frozen=True)
class Near:
    """What was measured near what is asked: the user's own measurements of this question, and the published ones."""

    layers: Layers
    own: tuple[Scale, ...] = ()
    _published: "_Published | None" = field(default=None, compare=False, repr=False)

    @cached_property
    def published(self) -> "_Published":
        """The tables, read once however many questions are asked."""
        return self._published or _Published(self.layers)

    @property
    def rules(self) -> NearRules:
        """What counts as near. Raises DataError for a fault in the file."""
        return self.published.rules

    def scales(self, engine: str, device: str) -> tuple[Scale, ...]:
        """Every scale of this engine on this device, the user's own first. Raises DataError for a fault in the table."""
        own = tuple(scale for scale in self.own if (scale.setup.engine, scale.setup.device) == (engine, device))
        return (*own, *self.published.scales.get((engine, device), ()))

    def with_own(self, own: tuple[Scale, ...]) -> "Near":
        """The same with the measurements of one question."""
        return Near(self.layers, own, self.published)


@dataclass(frozen=True)
class _Published:
    layers: Layers

    @cached_property
    def rules(self) -> NearRules:
        path = self.layers.file("calibration/near.yaml")
        return load(read_text(path), self.layers.shown(path), NearRules)

    @cached_property
    def scales(self) -> Mapping[tuple[str, str], tuple[Scale, ...]]:
        path = self.layers.file("calibration/near.csv")
        found: dict[tuple[str, str], list[Scale]] = defaultdict(list)
        for series, _ in csv_table(self.layers, path, NearSeries) if path.exists() else ():
            found[(series.engine, series.device)].append(series.scale)
        return {key: tuple(scales) for key, scales in found.items()}


def near_of(root: Root) -> Near:
    """Nothing is read yet."""
    return Near(layers_of(root))
