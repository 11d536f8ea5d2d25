"""How the quantised formats of a checkpoint store a linear weight: the tensors that vLLM's loaders look for, by name, shape and type.

vLLM 0.32: model_executor/layers/quantization/{awq,auto_gptq,fp8}.py, compressed_tensors/schemes/. Codes are random; zero points and
scales centre them on zero with the usual spread.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from advisor.domain.quantization import Quantization
from advisor.errors import UserInputError
from advisor.synthesis.hf_tensors import Content, Dtype, HfTensor

WEIGHT_SPREAD: Final = 0.02  # what initialised transformers use; keeps activations and logits finite at any depth
GROUP: Final = 128
_BLOCK: Final = 128
_PACKED: Final = 8  # codes of 4 bits in a word of 32
_PACKED_BYTES: Final = 4  # codes of 8 bits likewise
_INT4_SCALE: Final = WEIGHT_SPREAD / 4.6  # over the spread of uniform codes
_INT8_SCALE: Final = WEIGHT_SPREAD / 74
_FP8_SCALE: Final = WEIGHT_SPREAD / 1.2  # codes of 0.5 to 1.9, either sign
_EIGHTS: Final = 0x88888888 - 2**32  # as signed words: every zero point 8, the middle of 4 bits
_SEVENS: Final = 0x77777777  # GPTQ stores the zero point less one
Store = Callable[[str, int, int], Iterator[HfTensor]]


def stored_tensors(tensors: Iterable[HfTensor], quantization: Quantization) -> Iterator[HfTensor]:
    """The checkpoint's tensors in this format. Raises UserInputError for a format or a shape that it does not hold."""
    method = _method(quantization)
    store = _STORES.get(method)
    if store is None and method != "":
        raise UserInputError(f"{quantization.id}: random weights in this format are not written; known: {', '.join(filter(None, _STORES))}")
    dtype: Dtype = "F16" if quantization.config_json.get("torch_dtype") == "float16" else "BF16"
    for tensor in tensors:
        if store is not None and tensor.linear:
            yield from _stored(store, tensor, quantization)
        else:
            yield HfTensor(tensor.name, tensor.shape, tensor.content, dtype if tensor.dtype == "BF16" else tensor.dtype)


def _method(quantization: Quantization) -> str:
    """The words of quantization_config that decide how weights are stored; empty for 16 bits."""
    stated = quantization.config_json.get("quantization_config", {})
    block = "block" if stated.get("weight_block_size") else ""
    wide = "8" if stated.get("format") == "pack-quantized" and not _four_bits(quantization) else ""
    return " ".join(filter(None, (stated.get("quant_method"), stated.get("format"), block, wide)))


def _four_bits(quantization: Quantization) -> bool:
    return quantization.scheme is not None and quantization.scheme.weight_bits == 4


def _stored(store: Store, tensor: HfTensor, quantization: Quantization) -> Iterator[HfTensor]:
    outputs, inputs = tensor.shape
    if _four_bits(quantization) and (inputs % GROUP or outputs % _PACKED):
        raise UserInputError(
            f"{tensor.name}: {outputs} x {inputs} cannot be stored as {quantization.id}: "
            f"inputs come in groups of {GROUP}, outputs in words of {_PACKED}"
        )
    yield from store(tensor.name.removesuffix(".weight"), outputs, inputs)


def _awq(name: str, outputs: int, inputs: int) -> Iterator[HfTensor]:
    groups = inputs // GROUP
    yield HfTensor(f"{name}.qweight", (inputs, outputs // _PACKED), dtype="I32")
    yield HfTensor(f"{name}.qzeros", (groups, outputs // _PACKED), _EIGHTS, "I32")
    yield HfTensor(f"{name}.scales", (groups, outputs), _INT4_SCALE, "F16")


def _gptq(name: str, outputs: int, inputs: int) -> Iterator[HfTensor]:
    groups = inputs // GROUP
    yield HfTensor(f"{name}.qweight", (inputs // _PACKED, outputs), dtype="I32")
    yield HfTensor(f"{name}.qzeros", (groups, outputs // _PACKED), _SEVENS, "I32")
    yield HfTensor(f"{name}.scales", (groups, outputs), _INT4_SCALE, "F16")
    yield HfTensor(f"{name}.g_idx", (inputs,), "groups", "I32")


def _packed(name: str, outputs: int, inputs: int) -> Iterator[HfTensor]:
    yield HfTensor(f"{name}.weight_packed", (outputs, inputs // _PACKED), dtype="I32")
    yield HfTensor(f"{name}.weight_scale", (outputs, inputs // GROUP), _INT4_SCALE)
    yield HfTensor(f"{name}.weight_shape", (2,), (outputs, inputs), "I64")


def _packed_rows(name: str, outputs: int, inputs: int) -> Iterator[HfTensor]:
    yield HfTensor(f"{name}.weight_packed", (outputs, -(-inputs // _PACKED_BYTES)), dtype="I32")
    yield HfTensor(f"{name}.weight_scale", (outputs, 1), _INT8_SCALE)
    yield HfTensor(f"{name}.weight_shape", (2,), (outputs, inputs), "I64")


def _by_row(dtype: Dtype, scale: Content) -> Store:
    def store(name: str, outputs: int, inputs: int) -> Iterator[HfTensor]:
        yield HfTensor(f"{name}.weight", (outputs, inputs), dtype=dtype)
        yield HfTensor(f"{name}.weight_scale", (outputs, 1), scale)

    return store


def _fp8(name: str, outputs: int, inputs: int) -> Iterator[HfTensor]:
    yield HfTensor(f"{name}.weight", (outputs, inputs), dtype="F8_E4M3")
    yield HfTensor(f"{name}.weight_scale", (), _FP8_SCALE, "F32")


def _fp8_blocks(name: str, outputs: int, inputs: int) -> Iterator[HfTensor]:
    yield HfTensor(f"{name}.weight", (outputs, inputs), dtype="F8_E4M3")
    yield HfTensor(f"{name}.weight_scale_inv", (-(-outputs // _BLOCK), -(-inputs // _BLOCK)), _FP8_SCALE, "F32")


_STORES: Final[dict[str, Store]] = {
    "awq": _awq,
    "gptq": _gptq,
    "compressed-tensors pack-quantized": _packed,
    "compressed-tensors pack-quantized 8": _packed_rows,
    "compressed-tensors int-quantized": _by_row("I8", _INT8_SCALE),
    "compressed-tensors float-quantized": _by_row("F8_E4M3", _FP8_SCALE),
    "fp8": _fp8,
    "fp8 block": _fp8_blocks,
}
