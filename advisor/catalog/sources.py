"""catalog/sources/<id>.yaml -> PriceSource."""

from advisor.catalog.layers import Root
from advisor.catalog.records import yaml_records
from advisor.domain.price_source import PriceSource


def load_sources(root: Root) -> dict[str, PriceSource]:
    """Every source of prices by its id."""
    return {name: record for name, record, _ in yaml_records(root, "sources", PriceSource)}
