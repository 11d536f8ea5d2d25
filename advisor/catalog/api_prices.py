"""catalog/api_prices/*.csv -> ApiPrice: what not self-hosting would cost, dated."""

from pathlib import Path

from advisor.catalog.records import csv_records
from advisor.domain.money import ApiPrice


def load_api_prices(root: Path) -> tuple[ApiPrice, ...]:
    """Every row."""
    return tuple(row for row, _ in csv_records(root, "api_prices", ApiPrice))
