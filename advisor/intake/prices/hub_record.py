"""A model's record from its repository on a hub, so that plans can name it offline: `models/<org>/<repo>.yaml` at one commit."""

from typing import Any, Final

import yaml

from advisor.architectures import from_config
from advisor.catalog import Catalog
from advisor.catalog.json_values import json_value
from advisor.documents import parse
from advisor.domain.model import Model
from advisor.errors import UserInputError
from advisor.intake.hub import list_files
from advisor.intake.hub_models import find_hub_model, hub_json
from advisor.intake.prices.refresh import Refreshed
from advisor.intake.prices.tables import Differences

_FORMAT_KEYS: Final = ("quantization_config", "compression_config")  # the checkpoint says it
_LICENCE: Final = "not-stated"


def hub_record(reference: str, catalog: Catalog, *, today: str) -> Refreshed:
    """The record of `org/repo` or `org/repo@revision`. Raises UserInputError for a repository that cannot be planned with."""
    repo, _, revision = reference.partition("@")
    repository = list_files(repo, revision=revision or None)
    model = find_hub_model(f"{repo}@{repository.commit}", catalog)
    if not model.checkpoints:
        raise UserInputError(f"{reference}: {model.source}")
    config = {key: value for key, value in hub_json(repository, "config.json").items() if key not in _FORMAT_KEYS}
    text = _text(model, config, today)
    _check_same(text, model, reference)
    known = (repo,) if repo in catalog.models else ()
    changes = Differences(() if known else (repo,), (), (), len(known))
    return Refreshed(f"hub {reference}", f"models/{repo}.yaml", text, 1, today, changes)


def _text(model: Model, config: dict[str, Any], today: str) -> str:
    (own,) = model.checkpoints
    checkpoint = {
        "repo": own.repo_id,
        "quantization": own.quantization,
        "revision": own.revision,
        "weights_bytes": own.weights_bytes,
        "source": own.source,
    }
    record = {
        "licence": _LICENCE if " " in model.licence else model.licence,
        "as_of": today,
        "source": model.source,
        "config": config,
        "checkpoints": [{key: value for key, value in checkpoint.items() if value is not None}],
    }
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True, default_flow_style=None, width=140)


def _check_same(text: str, model: Model, where: str) -> None:
    """What was written is read back as the same architecture: a record that means something else is worse than none."""
    raw = parse(text, where).raw
    if from_config(json_value(raw["config"]), where) != model.architecture:
        raise UserInputError(f"{where}: its config.json cannot be kept as a record without loss; name it as hf://{where} instead")
