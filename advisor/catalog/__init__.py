"""The catalog: everything the advisor knows about the world, read once from the files of the `catalog` folder."""

from advisor.catalog.catalog import Catalog, load_catalog

__all__ = ["Catalog", "load_catalog"]
