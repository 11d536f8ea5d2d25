"""Which storage type llama-quantize gives each tensor: the rules come as data (GgufMix), the conditions are the closed set below.

Restates llama.cpp b11549, src/llama-quant.cpp: llama_tensor_get_type_impl, tensor_type_fallback, init_quantize_state_counters.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from advisor.architectures.tensors import MATRIX_ROLES, Tensor, gguf_tensors
from advisor.domain.architecture import GroupedAttention, LatentAttention, Mamba2, ModelArchitecture, ShortConvolution
from advisor.domain.ggml_types import ggml_type
from advisor.domain.quantization import GgufMix, MixStep, Quantization
from advisor.errors import UserInputError

_UNQUANTIZED: Final = frozenset({"F32", "F16", "BF16"})
_CALLED_70B: Final = frozenset({"qwen2", "deci"})
_VALUE_ROLES: Final = frozenset({"attn_v", "attn_qkv"})
_FALLBACK: Final = MappingProxyType(
    {
        **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
        **dict.fromkeys(("Q2_0", "Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
        "Q4_K": "Q5_0",
        "Q5_K": "Q5_1",
        "Q6_K": "Q8_0",
    }
)
"""What takes the place of a type whose blocks do not divide a row."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One tensor in the quantiser's order."""

    tensor: Tensor
    index: int  # of its layer; for values the running count, which the quantiser uses there
    layers: int
    counted: int  # tensors of this role so far, shared experts included


@dataclass(frozen=True, slots=True)
class _Situation:
    """What a condition may look at beside the tensor and its place: the model and the file type."""

    default_type: str
    query_groups: int
    experts: int
    seventy_billion: bool
    imatrix: bool


def _more_bits(at: _Place, _: _Situation) -> bool:
    eighth = at.layers // 8
    return at.index < eighth or at.index >= 7 * at.layers // 8 or (at.index - eighth) % 3 == 2


CONDITIONS: Final[Mapping[str, Callable[[_Place, _Situation], bool]]] = MappingProxyType(
    {
        "imatrix": lambda at, of: of.imatrix,
        "more_bits": _more_bits,
        "first_eighth": lambda at, of: at.index < at.layers // 8,
        "first_eighth_counted": lambda at, of: at.counted < at.layers // 8,
        "first_sixteenth": lambda at, of: at.index < at.layers // 16,
        "first_two": lambda at, of: at.index < 2,
        "first_four": lambda at, of: at.index < 4,
        "middle_layers": lambda at, of: at.layers // 8 <= at.index < 7 * at.layers // 8,
        "four_queries_per_key": lambda at, of: of.query_groups >= 4,
        "four_experts": lambda at, of: of.experts >= 4,
        "eight_experts": lambda at, of: of.experts == 8,
        "llama_70b": lambda at, of: of.seventy_billion,
        "experts_tensor": lambda at, of: len(at.tensor.shape) > 2 and at.tensor.shape[2] > 1,
        "row_not_whole_blocks": lambda at, of: at.tensor.shape[0] % ggml_type(of.default_type).block != 0,
    }
)
"""The conditions a MixStep may name; `not ` before one negates it."""


def tensor_types(architecture: ModelArchitecture, quantization: Quantization, *, imatrix: bool) -> dict[str, str]:
    """The ggml type of every tensor of the file. Raises UserInputError when the quantisation is not a GGUF file type."""
    mix = quantization.mix
    if mix is None:
        raise UserInputError(f"{quantization.id}: not a GGUF file type: it has no mixing rules")
    found = {tensor.name: "BF16" if tensor.role == "kept" else "F32" for tensor in gguf_tensors(architecture)}
    situation = _Situation(mix.default_type, _query_groups(architecture), architecture.experts, _is_70b(architecture), imatrix)
    steps = {role: _steps(role, mix, tied=architecture.tied_embeddings) for role in MATRIX_ROLES}
    for at in _places(architecture):
        found[at.tensor.name] = _stored_type(at, situation, steps[at.tensor.role])
    return found


@lru_cache(maxsize=16)  # the same for each file type
def _places(architecture: ModelArchitecture) -> tuple[_Place, ...]:
    """Quantisable tensors in the quantiser's order (by layer, then by name), each with its counters."""
    tensors = [tensor for tensor in gguf_tensors(architecture) if tensor.quantizable]
    tensors.sort(key=lambda tensor: (-1 if tensor.layer is None else tensor.layer, tensor.name))
    values = sum(tensor.role in _VALUE_ROLES for tensor in tensors)
    seen: Counter[str] = Counter()
    found = []
    for tensor in tensors:
        kind = "values" if tensor.role in _VALUE_ROLES else tensor.role
        by_count = kind == "values" or not architecture.experts
        index = seen[kind] if by_count else (tensor.layer or 0)
        layers = values if kind == "values" else architecture.layers
        found.append(_Place(tensor, index, layers, seen[kind]))
        seen[kind] += 1
    return tuple(found)


def _steps(role: str, mix: GgufMix, *, tied: bool) -> Sequence[MixStep]:
    """The rules for tensors of one role; a tied table is the output."""
    if mix.default_type in _UNQUANTIZED:
        return ()
    role = "output" if tied and role == "token_embd" else role
    return mix.roles.get("attn_v" if role in _VALUE_ROLES else role, mix.roles.get("any", ()))


def _stored_type(at: _Place, situation: _Situation, steps: Sequence[MixStep]) -> str:
    chosen = situation.default_type
    if chosen in _UNQUANTIZED:
        return chosen
    for step in steps:
        if _holds(step, at, situation):
            chosen = step.type
    return _fitting(chosen, at.tensor.shape[0])


def _holds(step: MixStep, at: _Place, situation: _Situation) -> bool:
    return all(CONDITIONS[name.removeprefix("not ")](at, situation) is not name.startswith("not ") for name in step.when)


def _fitting(chosen: str, row: int) -> str:
    """The type itself, or what replaces it when its blocks do not divide the row."""
    if row % ggml_type(chosen).block == 0:
        return chosen
    replacement = _FALLBACK.get(chosen, chosen)
    return "F16" if row % ggml_type(replacement).block else replacement


def _query_groups(architecture: ModelArchitecture) -> int:
    """Query heads per key-value head in the first layer, as the quantiser's n_gqa(): all of them with latent attention."""
    groups = sorted(architecture.layer_groups, key=lambda group: group.layers[0])
    for group in groups:
        match group.mixer:
            case Mamba2() | ShortConvolution():
                return 0
            case GroupedAttention(heads=heads, kv_heads=kv_heads):
                return heads // kv_heads
            case LatentAttention(heads=heads):
                return heads
    return 0


def _is_70b(architecture: ModelArchitecture) -> bool:
    """The models that the quantiser calls 70B: 80 layers of llama (with grouped queries, not 8 experts), of qwen2 or of deci."""
    if architecture.layers != 80:
        return False
    grouped = _query_groups(architecture) > 1 and architecture.experts != 8
    return (architecture.gguf_name == "llama" and grouped) or architecture.gguf_name in _CALLED_70B
