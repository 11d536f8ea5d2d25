"""Which reader understands which `model_type`. Adding a family is one reader and one line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from advisor.architectures.deepseek import GGUF_NAMES as LATENT_FAMILIES
from advisor.architectures.deepseek import read_deepseek
from advisor.architectures.fields import STRUCTURAL, Fields, unknown_fields
from advisor.architectures.gemma import read_gemma
from advisor.architectures.gemma4 import read_gemma4
from advisor.architectures.glm4_moe import read_ernie_moe, read_glm4_moe
from advisor.architectures.gpt_oss import read_gpt_oss
from advisor.architectures.granite import read_granite_hybrid
from advisor.architectures.lfm2 import read_lfm2
from advisor.architectures.llama import read_llama
from advisor.architectures.llama4 import read_llama4
from advisor.architectures.llama_families import FAMILIES
from advisor.architectures.mamba import read_mamba2
from advisor.architectures.mimo_v2 import read_mimo_v2
from advisor.architectures.nemotron_h import read_nemotron_h
from advisor.architectures.nemotron_nas import read_nemotron_nas
from advisor.architectures.qwen3_next import GGUF_NAMES as DELTA_FAMILIES
from advisor.architectures.qwen3_next import read_qwen3_next
from advisor.architectures.refused import NEEDED
from advisor.domain.architecture import ModelArchitecture
from advisor.errors import UnknownArchitecture, near_names

Reader = Callable[[Fields], ModelArchitecture]
READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        **dict.fromkeys(FAMILIES, read_llama),
        **dict.fromkeys(("gemma2", "gemma3_text"), read_gemma),
        "gemma4_text": read_gemma4,
        "gpt_oss": read_gpt_oss,
        **dict.fromkeys(LATENT_FAMILIES, read_deepseek),
        **dict.fromkeys(DELTA_FAMILIES, read_qwen3_next),
        "llama4_text": read_llama4,
        "glm4_moe": read_glm4_moe,
        "ernie4_5_moe": read_ernie_moe,
        **dict.fromkeys(("mimo_v2_flash", "mimo_v2"), read_mimo_v2),
        "nemotron_h": read_nemotron_h,
        "nemotron-nas": read_nemotron_nas,
        **dict.fromkeys(("lfm2", "lfm2_moe"), read_lfm2),
        "granitemoehybrid": read_granite_hybrid,
        "mamba2": read_mamba2,
    }
)
_NESTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "gemma3": "gemma3_text",
        "gemma4": "gemma4_text",
        "gemma4_unified": "gemma4_text",
        "qwen3_5": "qwen3_5_text",
        "qwen3_5_moe": "qwen3_5_moe_text",
        "qwen3_vl": "qwen3_vl_text",
        "qwen3_vl_moe": "qwen3_vl_moe_text",
        "llama4": "llama4_text",
        "kimi_k25": "kimi_k2",
    }
)
"""Models whose language part lies in `text_config`, and the model_type it has there."""
_WRAPPERS: Final = frozenset({"mistral3", "ministral3"})
"""Models whose language part lies in `text_config` and is of several families: it says itself which."""
WRAPPED: Final = _NESTED.keys() | _WRAPPERS
"""Every model_type whose language part is nested."""


def read_config(config: Mapping[str, Any], where: str) -> ModelArchitecture:
    """The architecture of a raw config.json. Raises UserInputError for an unknown model_type or structural field."""
    flat = _language_part(config)
    reader = READERS.get(str(flat.get("model_type")))
    if reader is None:
        raise UnknownArchitecture(_refusal(config, where))
    fields = Fields(flat, where)
    architecture = reader(fields)
    fields.refuse_unread()
    return architecture


def _language_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that describe the language model: the file itself, or its text_config with what stands above it."""
    inner, name = config.get("text_config"), str(config.get("model_type"))
    if not isinstance(inner, dict) or not (name in _NESTED or name in _WRAPPERS):
        return config
    expected = _NESTED.get(name) or inner.get("model_type", "mistral")
    return {**inner, **{key: value for key, value in config.items() if key != "text_config"}, "model_type": expected}


def _refusal(config: Mapping[str, Any], where: str) -> str:
    model_type = config.get("model_type")
    if model_type is None:
        return f"{where}: no model_type: not a config.json of a language model, or an incomplete one; known: {', '.join(sorted(READERS))}"
    return (
        f"{where}: architecture {str(model_type)!r} {_why(config, str(model_type))}"
        " Try its .gguf file with --ask-engine and a llama.cpp that knows it, or catalog/README.md#add-a-model"
    )


def _why(config: Mapping[str, Any], model_type: str) -> str:
    """What a family that is known by name would need; of another one its unknown fields and near names."""
    if model_type in NEEDED:
        return f"is refused, not guessed: it has {NEEDED[model_type]}, which this version does not describe."
    unknown = unknown_fields(config, STRUCTURAL)
    named = f" It has fields that no known architecture uses: {', '.join(map(repr, unknown[:6]))}." if unknown else ""
    near = near_names(model_type, READERS)
    known = f"Near names: {', '.join(near)}" if near else f"Known: {', '.join(sorted(READERS))}"
    return f"is not known to this version: refused, not guessed.{named} {known}."
