"""How far the advisor's speeds are from published measurements: schema `advisor.accuracy/1`, the figures of the page.

An error is |predicted / measured - 1|. Every group (source x device x model) counts once: `median_error` is the median of the groups'
medians, `p90_error` their 90th percentile. `coverage` is the share inside the 80 % range, `width` the range's high over its low.
"""

from dataclasses import dataclass
from typing import Final, Literal

from advisor.accuracy.peers import PeerLine
from advisor.domain.measurement import Split
from advisor.domain.published import PeerError
from advisor.domain.strict import STRICT

SCHEMA: Final = "advisor.accuracy/1"


@dataclass(frozen=True, slots=True)
class Line:
    """Errors of one metric of one engine, of a part of the runs; `of` names the part."""

    __pydantic_config__ = STRICT
    engine: str
    metric: str
    of: str
    rows: int
    groups: int
    median_error: float
    p90_error: float
    coverage: float | None = None
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Worst:
    """A group far off: its median error, and the median of predicted over measured."""

    __pydantic_config__ = STRICT
    engine: str
    metric: str
    source: str
    device: str
    model: str
    rows: int
    error: float
    predicted_over_measured: float
    likely: str
    address: str


@dataclass(frozen=True, slots=True)
class Excluded:
    """Rows, or one metric of rows, that are not judged, by the rule that says so."""

    __pydantic_config__ = STRICT
    engine: str
    what: Literal["row", "metric"]
    rows: int
    why: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of one engine: all of this side of the split, those with a device and a model of the catalog, those judged."""

    __pydantic_config__ = STRICT
    engine: str
    rows: int
    mapped: int
    judged: int


@dataclass(frozen=True, slots=True)
class Band:
    """The 80 % range of measured over predicted time that the calibration gives where this much was held out; of one backend or any."""

    __pydantic_config__ = STRICT
    engine: str
    backend: str | None
    metric: str
    level: str
    low: float
    high: float
    note: str


@dataclass(frozen=True, slots=True)
class OpenLoops:
    """Open loops: all, those predicted to be above capacity, and how many of these served nearly all that was offered."""

    __pydantic_config__ = STRICT
    rows: int
    predicted_saturated: int
    of_which_served: int


@dataclass(frozen=True, slots=True)
class Limit:
    """What is not known of so many of the judged rows."""

    __pydantic_config__ = STRICT
    what: str
    rows: int


@dataclass(frozen=True, slots=True)
class Study:
    """The whole answer of `advisor accuracy`."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.accuracy/1"]
    split: Split
    catalog_as_of: str
    counted: tuple[Counted, ...]
    headline: tuple[Line, ...]
    fixed_in_flight: tuple[Line, ...]  # closed loops and benchmarks alone
    device_classes: tuple[Line, ...]
    regions: tuple[Line, ...]
    bases: tuple[Line, ...]
    open_loops: OpenLoops
    unseen: tuple[Line, ...]  # by what of the group is in no row that was fitted
    without_near: tuple[Line, ...]  # the same rows, the published measurements near them not used
    before_one_point: tuple[Line, ...]
    after_one_point: tuple[Line, ...]
    bands: tuple[Band, ...]
    baselines: tuple[Line, ...]
    peers: tuple[PeerLine, ...]
    peers_published: tuple[PeerError, ...]
    worst: tuple[Worst, ...]
    excluded: tuple[Excluded, ...]
    limits: tuple[Limit, ...]
