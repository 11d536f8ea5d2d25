"""Prices that are not instance offers: what a device costs to buy, and what a hosted API charges."""

from dataclasses import dataclass

from advisor.domain.strict import STRICT, IsoDate, Usd


@dataclass(frozen=True, slots=True)
class Purchase:
    """Buying one device, alone: its host comes on top as an overhead. All-in power holds the host, network and cooling share."""

    device: str
    usd_per_device: float
    all_in_kw_per_device: float
    all_in_source: str
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class ApiPrice:
    """What a hosted API charges for a model (a catalog id), in USD per million tokens: the price of not self-hosting."""

    __pydantic_config__ = STRICT
    provider: str
    model: str
    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd
    as_of: IsoDate
    source: str
    cached_input_usd_per_mtok: Usd | None = None
