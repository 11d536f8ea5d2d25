"""catalog/licences/<id>.yaml -> Licence."""

from advisor.catalog.layers import Root
from advisor.catalog.records import yaml_records
from advisor.domain.licence import Licence
from advisor.errors import DataError


def load_licences(root: Root) -> dict[str, Licence]:
    """Every licence by its id. Raises DataError when a file's name and its id differ."""
    found: dict[str, Licence] = {}
    for name, record, document in yaml_records(root, "licences", Licence):
        if record.id != name:
            raise DataError.at(document.position(("id",)), f"id: {record.id}, but the file is named {name}: the path is the id")
        found[name] = record
    return found
