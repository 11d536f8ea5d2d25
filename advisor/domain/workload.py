"""What is asked of a deployment: `workload.yaml`, schema `advisor.workload/1`. Absent means no requirement."""

from dataclasses import dataclass, field
from typing import Final, Literal

from advisor.domain.numbers import not_negative as _not_negative
from advisor.domain.numbers import positive as _positive
from advisor.domain.running import Running
from advisor.domain.strict import STRICT, FieldFault, name_fault

SCHEMA: Final = "advisor.workload/1"
Task = Literal[
    "chat", "support", "email", "summarisation", "rag", "search", "extraction", "coding", "agents", "translation", "classification",
    "voice", "edge-voice", "batch",
]  # fmt: skip
Place = Literal["this_device", "premises", "own_cloud_account", "region", "anywhere"]
LossBand = Literal["none", "slight", "some", "any"]


_MOST_OF_A_BATCH: Final = 10**12
_MOST_GAPS_CV: Final = 100
_SHORTEST_BATCH_H: Final = 1 / 3600
_MOST_USD: Final = 10**12
_SHORTEST_AMORTISATION_YEARS: Final = 1 / 365
_MOST_PCT: Final = 10**6
_MOST_DEVICES: Final = 10**6
_MOST_GIB: Final = 10**4


@dataclass(frozen=True, slots=True)
class Users:
    """People who have it open at once (not accounts), each waiting `pause_s` between reading an answer and the next request."""

    __pydantic_config__ = STRICT
    active: int
    pause_s: float | None = field(default=None, metadata={"synonyms": ("think_time_s", "think_s", "pause")})

    def __post_init__(self) -> None:
        _positive(self, "active")
        _not_negative(self, "pause_s")


@dataclass(frozen=True, slots=True)
class Batch:
    """A pile of requests with a deadline."""

    __pydantic_config__ = STRICT
    requests: int
    finish_within_h: float

    def __post_init__(self) -> None:
        _positive(self, "requests", most=_MOST_OF_A_BATCH)
        _positive(self, "finish_within_h", most=10**6)
        if self.finish_within_h < _SHORTEST_BATCH_H:
            raise FieldFault("finish_within_h", f"{self.finish_within_h:g} h is under a second: give requests_per_s instead")


@dataclass(frozen=True, slots=True)
class Load:
    """The busiest quarter of an hour it must survive: exactly one of the first four.

    `gaps_cv`: coefficient of variation of the gaps at `requests_per_s` (gamma-distributed; 1 or absent: Poisson, above: bursts).
    `start: together`: all `users` or `in_flight` ask in the same moment, as a shift or a load generator begins.
    """

    __pydantic_config__ = STRICT
    users: Users | None = None
    requests_per_s: float | None = field(default=None, metadata={"synonyms": ("rps", "qps", "request_rate")})
    in_flight: int | None = field(default=None, metadata={"synonyms": ("concurrency", "concurrent_requests")})
    batch: Batch | None = None
    gaps_cv: float | None = None
    start: Literal["spread", "together"] = "spread"

    def __post_init__(self) -> None:
        given = [name for name in ("users", "requests_per_s", "in_flight", "batch") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"give exactly one of users, requests_per_s, in_flight, batch; found {found}")
        _positive(self, "requests_per_s", "in_flight")
        _positive(self, "gaps_cv", most=_MOST_GAPS_CV)
        if self.gaps_cv is not None and self.requests_per_s is None:
            raise FieldFault("gaps_cv", "only arrivals at requests_per_s have gaps; users and in_flight ask when they have their answer")
        if self.start == "together" and self.users is None and self.in_flight is None:
            raise FieldFault("start", "only users or in_flight start together; a batch always does, and requests_per_s arrive one by one")


@dataclass(frozen=True, slots=True)
class Volume:
    """What the bill is divided by; it says nothing about the peak."""

    __pydantic_config__ = STRICT
    requests_per_day: float
    days_per_month: float = 30

    def __post_init__(self) -> None:
        _positive(self, "requests_per_day", "days_per_month", most=_MOST_OF_A_BATCH)
        if self.days_per_month > 31:
            raise FieldFault("days_per_month", f"{self.days_per_month:g} days: a month has at most 31")


@dataclass(frozen=True, slots=True)
class TokenLengths:
    """Tokens per request at the median, the 95th percentile and the longest; absent ones come from the preset's shape."""

    __pydantic_config__ = STRICT
    p50: int
    p95: int | None = None
    max: int | None = None

    def __post_init__(self) -> None:
        _positive(self, "p50", "p95", "max")
        if self.p95 is not None and self.p95 < self.p50:
            raise FieldFault("p95", f"p95 ({self.p95}) is below p50 ({self.p50}); p50 <= p95 <= max")
        floor = self.p95 or self.p50
        if self.max is not None and self.max < floor:
            raise FieldFault("max", f"max ({self.max}) is below {floor}; p50 <= p95 <= max")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: everything sent, everything generated (hidden reasoning included), and what it needs of the engine."""

    __pydantic_config__ = STRICT
    input_tokens: TokenLengths
    output_tokens: TokenLengths
    shared_prefix_tokens: int = 0
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _not_negative(self, "shared_prefix_tokens")
        if self.shared_prefix_tokens > self.input_tokens.p50:
            median = self.input_tokens.p50
            raise FieldFault("shared_prefix_tokens", f"{self.shared_prefix_tokens} is more than the median prompt ({median})")


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """Latency limits at the 95th percentile of requests, and how many replicas may be down while they hold."""

    __pydantic_config__ = STRICT
    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None
    e2e_p95_s: float | None = None
    with_replicas_down: int = 0

    def __post_init__(self) -> None:
        _positive(self, "ttft_p95_s", "tpot_p95_s", "e2e_p95_s")
        _not_negative(self, "with_replicas_down")


@dataclass(frozen=True, slots=True)
class Privacy:
    """Where prompts and answers may be processed. `data` is a label that selects rules; it is not legal advice."""

    __pydantic_config__ = STRICT
    stays_on: Place
    data: Literal["public", "internal", "personal", "patient"] = "internal"
    internet_at_runtime: bool | None = None


@dataclass(frozen=True, slots=True)
class OwnedHardware:
    """Devices that exist already. What one cost and draws, host and cooling included, replaces the catalog's figures."""

    __pydantic_config__ = STRICT
    device: str
    count: int = 1
    per_node: int | None = None
    usd_per_device: float | None = None
    all_in_kw_per_device: float | None = None
    in_use_gib: float | None = None  # what other processes hold of each device

    def __post_init__(self) -> None:
        _not_negative(self, "usd_per_device", "all_in_kw_per_device", most=_MOST_USD)
        _positive(self, "in_use_gib", most=_MOST_GIB)
        _positive(self, "count", most=_MOST_DEVICES)
        _positive(self, "per_node", most=1024)
        if self.per_node is not None and self.count % self.per_node:
            servers = f"{self.count} devices are not whole servers of {self.per_node}"
            raise FieldFault("per_node", f"{servers}: write one entry for each kind of server")


@dataclass(frozen=True, slots=True)
class RentedHardware:
    """Which offers may be used; empty lists mean any."""

    __pydantic_config__ = STRICT
    devices: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    spot: bool = False
    max_devices: int | None = None

    def __post_init__(self) -> None:
        _positive(self, "max_devices", most=_MOST_DEVICES)


@dataclass(frozen=True, slots=True)
class BoughtHardware:
    """Which devices may be bought."""

    __pydantic_config__ = STRICT
    devices: tuple[str, ...] = ()
    max_devices: int | None = None

    def __post_init__(self) -> None:
        _positive(self, "max_devices", most=_MOST_DEVICES)


@dataclass(frozen=True, slots=True)
class HardwareChoice:
    """Hardware that may be used: any combination."""

    __pydantic_config__ = STRICT
    owned: tuple[OwnedHardware, ...] = ()
    rent: RentedHardware | None = None
    buy: BoughtHardware | None = None
    this_machine: bool = False
    file: str | None = None

    def __post_init__(self) -> None:
        if self.file is not None:
            raise FieldFault(
                "file", "a separate hardware file is not read by this version: name the devices here, under owned, rent or buy"
            )
        if not (self.owned or self.rent or self.buy or self.this_machine):
            raise ValueError("names no machine: give owned, rent, buy or this_machine: true")


@dataclass(frozen=True, slots=True)
class CostTerms:
    """Money: the ceiling and what owned hardware costs to own; `sunk`: what was paid for it is not charged again."""

    __pydantic_config__ = STRICT
    budget_usd_per_month: float | None = None
    electricity_usd_per_kwh: float | None = None
    amortisation_years: float | None = None
    host_overhead_pct: float | None = None
    price_usd_per_hour: float | None = None
    capex: Literal["sunk", "amortise"] | None = None

    def __post_init__(self) -> None:
        _positive(self, "budget_usd_per_month", most=_MOST_USD)
        _positive(self, "amortisation_years", most=1000)
        if self.capex == "sunk" and self.amortisation_years is not None:
            raise FieldFault("capex", "sunk contradicts amortisation_years: what is sunk is not written off; leave one of the two out")
        if self.amortisation_years is not None and self.amortisation_years < _SHORTEST_AMORTISATION_YEARS:
            raise FieldFault("amortisation_years", f"{self.amortisation_years:g} is less than a day")
        _not_negative(self, "electricity_usd_per_kwh", "price_usd_per_hour", most=_MOST_USD)
        _not_negative(self, "host_overhead_pct", most=_MOST_PCT)


@dataclass(frozen=True, slots=True)
class Quality:
    """How much answer quality compression may cost."""

    __pydantic_config__ = STRICT
    quantization_loss: LossBand = "slight"


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload as its owner wrote it. `assumed` lists the dotted paths nobody has confirmed yet."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.workload/1"]
    load: Load
    request: Request
    privacy: Privacy
    name: str = "workload"
    task: Task = "chat"
    models: tuple[str, ...] | Literal["any"] | None = None
    quality: Quality = field(default_factory=Quality)
    volume: Volume | None = None
    growth_pct_per_year: float = 0.0
    service_level: ServiceLevel = field(default_factory=ServiceLevel)
    hardware: HardwareChoice | None = None
    cost: CostTerms = field(default_factory=CostTerms)
    running: Running | None = None
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if fault := name_fault(self.name):
            raise FieldFault("name", fault)
        if self.models is None and self.hardware is None:
            raise ValueError("give models, or hardware, or both: with neither there is nothing to decide between")
        if self.models == ():
            raise FieldFault("models", "the list is empty: name a model, or write `models: any`")
        if self.running is not None and self.running.scale_to_zero_after_s is not None and self.volume is None:
            text = "scale_to_zero_after_s needs volume: how often a request comes decides how long the machines are on"
            raise FieldFault("running", text)
        if not -100 < self.growth_pct_per_year <= _MOST_PCT:
            raise FieldFault("growth_pct_per_year", f"{self.growth_pct_per_year:g} % a year: above -100, at most {_MOST_PCT:,}")
