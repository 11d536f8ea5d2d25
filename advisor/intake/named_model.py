"""A model as a person names it on a command line: as find_model finds it, on the hub, or by its likeness to a known one.

Only here may naming a model use the network, and only by a form that says so; a name in a file never does.
"""

import dataclasses
import re
from pathlib import Path
from typing import Final

from advisor.catalog import Catalog
from advisor.domain.model import Checkpoint, Model
from advisor.errors import UserInputError
from advisor.intake.models import find_model

HUB_SCHEME: Final = "hf://"
_REPOSITORY: Final = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
_PINNED: Final = re.compile(rf"{_REPOSITORY.pattern}@[\w./-]{{1,96}}", re.ASCII)
_LICENCE: Final = "not stated"


def named_model(reference: str, catalog: Catalog, like: str | None = None) -> Model:
    """The model of `reference`; with `like`, `reference` is just a name, of a private model that is built as that one is.

    Raises UserInputError as find_model and the hub do.
    """
    if like is not None:
        return _named_like(reference, find_model(like, catalog))
    if is_hub_reference(reference):
        from advisor.intake.hub_models import find_hub_model  # the hub's library is not loaded to plan offline

        return find_hub_model(reference.removeprefix(HUB_SCHEME), catalog)
    try:
        return find_model(reference, catalog)
    except UserInputError as unknown:
        if not _REPOSITORY.fullmatch(reference) or Path(reference).exists():
            raise
        raise UserInputError(
            f"{unknown}; to ask the hub write {HUB_SCHEME}{reference}; for a private one that is built alike, --like ID"
        ) from None


def is_hub_reference(reference: str) -> bool:
    """True for `hf://organisation/repository` and `organisation/repository@revision`, whose form says that the hub is to be asked."""
    return reference.startswith(HUB_SCHEME) or (bool(_PINNED.fullmatch(reference)) and not Path(reference).exists())


def _named_like(name: str, model: Model) -> Model:
    """The other's architecture and formats under this name; nothing is published of it, and its licence is its owner's matter."""
    formats = {checkpoint.quantization: checkpoint for checkpoint in model.checkpoints}.values()
    source = f"--like {model.id}: stated, not read from a file"
    own = tuple(Checkpoint(name, one.format, one.quantization, imatrix=one.imatrix, published=False, source=source) for one in formats)
    return dataclasses.replace(model, id=name, aliases=(), licence=_LICENCE, checkpoints=own, source=source)
