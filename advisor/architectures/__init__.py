"""Raw config.json files and GGUF headers to ModelArchitecture; parameter counts; tensors of GGUF files. Refuses what it does not know."""

from collections.abc import Collection, Mapping
from typing import Any

from advisor.architectures.metadata import config_of_gguf
from advisor.architectures.registry import read_config
from advisor.domain.architecture import ModelArchitecture


def from_config(config: dict[str, Any], where: str) -> ModelArchitecture:
    """The architecture of a raw config.json; `where` names it in messages. Raises UserInputError for anything unknown."""
    return read_config(config, where)


def from_gguf(metadata: Mapping[str, Any], where: str, *, tensor_names: Collection[str] | None = None) -> ModelArchitecture:
    """The architecture of a GGUF header. Raises UserInputError for anything unknown.

    `tensor_names` are the file's tensors: a model without `output.weight` shares its embedding table, a router with
    `exp_probs_b` corrects its choice. Without them the family's usual release is assumed. `tokenizer.ggml.tokens` may be the
    list or its length.
    """
    return read_config(config_of_gguf(metadata, where, tensor_names=tensor_names), where)
