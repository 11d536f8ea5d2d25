"""Weight formats by the words people and files use: ids and aliases of the catalog, and what a config.json says about itself."""

from collections.abc import Iterator
from typing import Any

from advisor.catalog import Catalog
from advisor.catalog.lookup import plain
from advisor.domain.engine_record import EngineRecord
from advisor.domain.quantization import Quantization
from advisor.errors import UserInputError


def find_quantization(text: str, catalog: Catalog, record: EngineRecord) -> Quantization:
    """The format that `text` means for this engine: `bf16` is a scheme for vLLM and a file type for llama.cpp.

    Raises UserInputError for an unknown word (with near ones) and for a format that the engine cannot load.
    """
    exact = catalog.quantizations.get(text)
    if exact is not None and exact.format in record.formats:
        return exact
    for quantization in catalog.quantizations.values():
        spellings = {plain(name) for name in (quantization.id, *quantization.aliases)}
        if quantization.format in record.formats and plain(text) in spellings:
            return quantization
    found = catalog.quantization(text)
    raise UserInputError(f"quantization {text}: {found.id} is a {found.format} format. {record.format_note}")


def quantization_of_config(config: dict[str, Any], catalog: Catalog) -> str | None:
    """The catalog id of what a config.json says about its weights, None where it says nothing that the catalog knows."""
    for word in _words(config):
        try:
            found = catalog.quantization(word)
        except UserInputError:
            continue
        if found.format == "safetensors":
            return found.id
    return None


def _words(config: dict[str, Any]) -> Iterator[str]:
    """Names for the scheme, the most precise first: a method with its variant, bits of weights and activations, the plain type."""
    text = config.get("text_config")
    nested = text if isinstance(text, dict) else {}
    scheme = config.get("quantization_config") or nested.get("quantization_config") or config.get("compression_config")
    if isinstance(scheme, dict):
        method = str(scheme.get("quant_method", ""))
        if scheme.get("weight_block_size"):
            yield f"{method}-block"
        yield from _compressed(scheme)
        yield method
        return
    for holder in (config, nested):
        for key in ("dtype", "torch_dtype"):
            if isinstance(holder.get(key), str):
                yield holder[key]


def _compressed(scheme: dict[str, Any]) -> Iterator[str]:
    """compressed-tensors: bits of weights and of activations of its first group."""
    groups = scheme.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict) or not isinstance(group, dict):
        return
    bits, kind = weights.get("num_bits"), weights.get("type")
    activations = group.get("input_activations")
    activation_bits = activations.get("num_bits") if isinstance(activations, dict) else 16
    if kind == "float":
        dynamic = isinstance(activations, dict) and activations.get("dynamic")
        yield from ([f"fp{bits}-dynamic"] if dynamic else [])
        yield f"fp{bits}"
    else:
        yield f"w{bits}a{activation_bits}"
