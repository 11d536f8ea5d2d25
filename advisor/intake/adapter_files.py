"""LoRA adapters that llama.cpp loads: `--lora FILE` read for its tensors' bytes, layer by layer."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from advisor.errors import UserInputError
from advisor.intake.gguf_file import read_gguf_header

_FLAGS: Final = ("lora", "lora-scaled")
_LAYER: Final = re.compile(r"blk\.(\d{1,6})\.")
_ALIGNMENT: Final = 32  # of a tensor in its buffer


def without_adapters(flags: Mapping[str, object]) -> tuple[dict[str, object], tuple[Path, ...]]:
    """The flags that are not about adapters, and the adapters' files: several are separated by commas, a scale follows a colon."""
    rest = {name: value for name, value in flags.items() if name not in _FLAGS}
    names = [part for flag in _FLAGS for part in str(flags.get(flag, "")).split(",") if part]
    return rest, tuple(Path(_without_scale(name)).expanduser() for name in names)


def _without_scale(name: str) -> str:
    path, colon, scale = name.rpartition(":")
    return path if colon and re.fullmatch(r"-?[0-9.]+", scale) else name


def adapter_layers(files: Sequence[Path], architecture: str | None, layers: int) -> tuple[int, ...]:
    """Bytes beside each layer, and last those beside the tables. Raises UserInputError for what is no adapter of this architecture."""
    sizes = [0] * (layers + 1)
    for file in files:
        header = read_gguf_header(file)
        kind, made_for = header.metadata.get("general.type"), header.metadata.get("general.architecture")
        if kind != "adapter" or header.metadata.get("adapter.type") != "lora":
            raise UserInputError(f"lora: {file} is no LoRA adapter for llama.cpp (general.type {kind!r})")
        if made_for != architecture:
            raise UserInputError(f"lora: {file} is for {made_for}, the model is {architecture}")
        for tensor in header.tensors:
            match = _LAYER.match(tensor.name)
            layer = int(match[1]) if match else layers
            if layer > layers or (match and layer == layers):
                raise UserInputError(f"lora: {file} changes layer {layer}, the model has {layers}")
            sizes[layer] += -(-tensor.bytes // _ALIGNMENT) * _ALIGNMENT
    return tuple(sizes) if files else ()
