"""Prices that are not instance offers: what a device costs to buy, and what a hosted API charges."""

from dataclasses import dataclass

from advisor.domain.strict import STRICT, IsoDate, Usd


@dataclass(frozen=True, slots=True)
class Purchase:
    """Owning one device. Its host comes on top of the price as an overhead; all-in power holds the host, network and cooling share.

    The prices of an hour are other people's sums for owning (large and small clouds) and for renting three years: to compare with.
    """

    device: str
    usd_per_device: float | None  # None: no price is published
    all_in_kw_per_device: float | None
    all_in_source: str
    as_of: str
    source: str
    hyperscaler_usd_per_hour: float | None = None
    neocloud_usd_per_hour: float | None = None
    rented_3_years_usd_per_hour: float | None = None


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
