"""catalog/api_prices/*.csv -> ApiPrice: what not self-hosting would cost, dated."""

from dataclasses import dataclass
from pathlib import Path

from advisor.catalog.records import IsoDate, Usd, csv_records
from advisor.domain.money import ApiPrice
from advisor.domain.strict import STRICT


@dataclass(frozen=True, slots=True)
class ApiPriceRecord:
    """A row of a price table; `model` is a catalog id."""

    __pydantic_config__ = STRICT
    provider: str
    model: str
    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd
    as_of: IsoDate
    source: str
    cached_input_usd_per_mtok: Usd | None = None


def load_api_prices(root: Path) -> tuple[ApiPrice, ...]:
    """Every row."""
    return tuple(
        ApiPrice(
            provider=row.provider,
            model=row.model,
            input_usd_per_mtok=row.input_usd_per_mtok,
            output_usd_per_mtok=row.output_usd_per_mtok,
            cached_input_usd_per_mtok=row.cached_input_usd_per_mtok,
            as_of=row.as_of,
            source=row.source,
        )
        for row, _ in csv_records(root, "api_prices", ApiPriceRecord)
    )
