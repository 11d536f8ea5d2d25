"""catalog/api_prices/*.csv -> ApiPrice: what not self-hosting would cost, dated."""

from advisor.catalog.layers import Root
from advisor.catalog.records import newest_rows
from advisor.domain.money import ApiPrice


def load_api_prices(root: Root) -> tuple[ApiPrice, ...]:
    """Every row."""
    return tuple(row for row, _ in newest_rows(root, "api_prices", ApiPrice, lambda price: (price.provider, price.model)))
