"""The tensors of a model's GGUF file: names, ne shapes and what each is for, exactly as llama.cpp's converter writes them.

Names and shapes as in llama.cpp b11549: gguf-py/gguf/constants.py, conversion/*.py, src/models/*.cpp (load_arch_tensors).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from advisor.architectures.gguf_layers import LayerTensor, layer_tensors
from advisor.domain.architecture import ModelArchitecture
from advisor.errors import UserInputError

MATRIX_ROLES: Final = frozenset(
    {"token_embd", "output", "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "ffn_up", "ffn_gate", "ffn_down", "other"}
)
"""Roles that the quantiser may store in another type; all others stay as the converter wrote them: F32, or 16 bits (`kept`)."""

LONG_AND_SHORT: Final = frozenset({"phi3"})
"""Families with two rope tables, one for contexts longer than the original."""
_OUTPUT_NORMS: Final = {"lfm2": "token_embd_norm.weight", "lfm2moe": "token_embd_norm.weight"}
"""Names of the last norm where they are others than output_norm."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: `shape` in ne order (the row length first), `layer` None for tables and the final norm.

    Roles of MATRIX_ROLES are the quantiser's categories; a `kept` matrix stays in the 16 bits of the original; the others say what an
    F32 tensor is: norm, bias, router, sinks, conv, ssm_a, ssm_d, ssm_dt, scale, rope_freqs.
    """

    name: str
    shape: tuple[int, ...]
    role: str
    layer: int | None

    @property
    def quantizable(self) -> bool:
        """True when the quantiser may choose its type."""
        return self.role in MATRIX_ROLES

    @property
    def is_expert(self) -> bool:
        """True for tensors of routed experts: the ones that --n-cpu-moe keeps in host memory, and their biases."""
        return "_exps" in self.name

    @property
    def elements(self) -> int:
        """How many weights it holds."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count


@lru_cache(maxsize=16)  # asked several times for each file type
def gguf_tensors(architecture: ModelArchitecture) -> tuple[Tensor, ...]:
    """Every tensor of the file, tables first, then layer by layer. Raises UserInputError when llama.cpp does not know the architecture."""
    if architecture.gguf_name is None:
        raise UserInputError(f"architecture {architecture.name!r} has no GGUF form: llama.cpp does not support it")
    width, rows = architecture.hidden_size, architecture.vocab_size
    last_norm = _OUTPUT_NORMS.get(architecture.gguf_name, "output_norm.weight")
    found = [Tensor("token_embd.weight", (width, rows), "token_embd", None), Tensor(last_norm, (width,), "norm", None)]
    if not architecture.tied_embeddings:
        found.append(Tensor("output.weight", (width, rows), "output", None))
    found += [*_token_table(architecture), *_rope_tables(architecture)]
    groups = {index: group for group in architecture.layer_groups for index in group.layers}
    for index in sorted(groups):
        found += [_placed(tensor, index) for tensor in layer_tensors(groups[index], width, architecture.gguf_name)]
    return tuple(found)


def _token_table(architecture: ModelArchitecture) -> list[Tensor]:
    """The layers' own embeddings, which the quantiser takes for embeddings; the projection beside them lies where the first layer lies.

    https://github.com/ggml-org/llama.cpp/pull/21612 and tensor_allows_quantization in src/llama-quant.cpp.
    """
    width = architecture.token_width
    if not width:
        return []
    one = next(group.token_width for group in architecture.layer_groups if group.token_width)
    return [
        Tensor("per_layer_token_embd.weight", (width, architecture.vocab_size), "token_embd", None),
        Tensor("per_layer_model_proj.weight", (architecture.hidden_size, width), "kept", 0),
        Tensor("per_layer_proj_norm.weight", (one,), "norm", 0),
    ]


def _rope_tables(architecture: ModelArchitecture) -> list[Tensor]:
    """One table, or a long and a short one (Phi 3)."""
    elements = architecture.rope_frequencies
    if not elements:
        return []
    if architecture.gguf_name in LONG_AND_SHORT:
        return [Tensor(f"rope_factors_{length}.weight", (elements // 2,), "rope_freqs", None) for length in ("long", "short")]
    return [Tensor("rope_freqs.weight", (elements,), "rope_freqs", None)]


def _placed(tensor: LayerTensor, layer: int) -> Tensor:
    name, shape, role = tensor
    return Tensor(f"blk.{layer}.{name}", shape, role, layer)
