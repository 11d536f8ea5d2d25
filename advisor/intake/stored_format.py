"""In which weight format a checkpoint is stored, by what its config.json and hf_quant_config.json say about it.

The catalog's ids and aliases are the words; a scheme that no one word names truly is refused by name, with what it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from advisor.catalog import Catalog
from advisor.errors import UserInputError

MODELOPT: Final = "hf_quant_config.json"
_MIXED: Final = "MIXED_PRECISION"
_IGNORED: Final = ("ignore", "exclude_modules", "modules_to_not_convert")
_FOUR_BITS: Final = ("awq", "gptq")  # the methods whose number of bits is a setting
_PACKED: Final = "-pack-quantized"
_FLOAT_PACKING: Final = f"fp4{_PACKED}"
_SHOWN: Final = 60
_NAMES_SHOWN: Final = 4

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredFormat:
    """The catalog's id of the format; None with `refused` for one that is not planned, and without where nothing is said.

    `kept_16bit` counts the patterns of modules that the file keeps out of the scheme.
    """

    id: str | None
    refused: str = ""
    kept_16bit: int = 0


def stored_format(config: Json, catalog: Catalog, modelopt: Json | None = None) -> StoredFormat:
    """What the two files of one checkpoint say; `modelopt` is hf_quant_config.json where there is one."""
    beside = _object(modelopt or {}, "quantization") or modelopt or {}
    schemes = [scheme for scheme in (_scheme(config), beside if beside.get("quant_algo") else {}) if scheme]  # none: the KV cache alone
    if not schemes:
        return StoredFormat(_known(_plain_types(config), catalog))
    kept = max(_ignored(scheme) for scheme in schemes)
    mixed = _mixture(schemes)
    if mixed:
        return StoredFormat(None, f"mixed precision ({mixed}): one format for all layers is planned", kept)
    words = [word for scheme in schemes for word in _words(scheme)]
    found = _known(words, catalog)
    name = next(iter(words), "without a name")[:_SHOWN]
    return StoredFormat(found, "" if found else f"quantization {name!r} is not planned (advisor catalog list quantizations)", kept)


def quantization_of_config(config: Json, catalog: Catalog, modelopt: Json | None = None) -> str | None:
    """The catalog id of what a config.json says about its weights, None where it says nothing that the catalog knows."""
    return stored_format(config, catalog, modelopt).id


def _known(words: list[str], catalog: Catalog) -> str | None:
    """The first word decides: a second, vaguer one would turn an unknown scheme into a known one."""
    for word in words[:1]:
        try:
            found = catalog.quantization(word)
        except UserInputError:
            return None
        return found.id if found.format == "safetensors" else None
    return None


def _object(holder: Json, key: str) -> Json:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def _scheme(config: Json) -> Json:
    keys = ((config, "quantization_config"), (_object(config, "text_config"), "quantization_config"), (config, "compression_config"))
    return next((found for holder, key in keys if (found := _object(holder, key))), {})


def _plain_types(config: Json) -> list[str]:
    holders = (config, _object(config, "text_config"))
    return [holder[key] for holder in holders for key in ("dtype", "torch_dtype") if isinstance(holder.get(key), str)][:1]


def _ignored(scheme: Json) -> int:
    return sum(len(scheme[key]) for key in _IGNORED if isinstance(scheme.get(key), list))


def _mixture(schemes: list[Json]) -> str:
    """The formats of a checkpoint that has several, empty for one that has one."""
    names = sorted({name for scheme in schemes for name in _parts(scheme)})
    return " and ".join(names[:_NAMES_SHOWN]) if len(names) > 1 else ""


def _parts(scheme: Json) -> Iterator[str]:
    """What each part of the weights is stored in, where a scheme tells parts apart."""
    if scheme.get("quant_algo") == _MIXED:
        yield from {str(layer.get("quant_algo")) for layer in _object(scheme, "quantized_layers").values() if isinstance(layer, dict)}
        yield "more"
    elif scheme.get("moe_quant_algo"):
        yield from (str(scheme["moe_quant_algo"]), f"{_method(scheme)} outside the experts")
    else:
        yield from (next(_compressed(group), "another") for group in _groups(scheme))


def _words(scheme: Json) -> Iterator[str]:
    """Names for the scheme, the most precise first."""
    algorithm = scheme.get("quant_algo")
    if isinstance(algorithm, str):
        yield algorithm.casefold()
    yield from _packed(scheme)
    for group in _groups(scheme)[:1]:
        yield from _compressed(group)
    method, bits = _method(scheme), scheme.get("bits", scheme.get("w_bit", 4))
    if method in _FOUR_BITS and bits != 4:
        yield f"{method} with {bits} bits"
    if scheme.get("weight_block_size"):
        yield f"{method}-block"
    yield method


def _method(scheme: Json) -> str:
    return str(scheme.get("quant_method", "")).casefold()


def _groups(scheme: Json) -> list[Json]:
    return [group for group in _object(scheme, "config_groups").values() if isinstance(group, dict)]


def _packed(group: Json) -> Iterator[str]:
    """compressed-tensors: `nvfp4-pack-quantized` tells two 4-bit float formats apart that have the same bits."""
    packing = group.get("format")
    if isinstance(packing, str) and packing.endswith(_FLOAT_PACKING):
        yield packing.removesuffix(_PACKED)


def _compressed(group: Json) -> Iterator[str]:
    """compressed-tensors: kind and bits of the weights, bits of the activations, whether their scales are found while running."""
    weights, activations = _object(group, "weights"), _object(group, "input_activations")
    bits = weights.get("num_bits")
    yield from _packed(group)
    if weights.get("type") == "float":
        variant = "-block" if weights.get("strategy") == "block" else "-dynamic" if activations.get("dynamic") else ""
        yield f"fp{bits}{variant}"
    elif weights:
        yield f"w{bits}a{activations.get('num_bits', 16)}"
