"""A model a user may name: its architecture, other spellings of its id, and the files it is published as."""

from dataclasses import dataclass
from typing import Literal

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.quantization import Part, PartFormat

LossBand = Literal["none", "slight", "some", "large"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One published or local set of weight files of a model in one quantisation.

    `weights_bytes` is the exact tensor bytes where they were read from the files; None means they are computed from the
    architecture. `published` is False for a quantisation that the user would have to make (llama-quantize). `parts` and `group_size` are
    where a publisher departs from the quantisation's rule: parts of the model in other formats, weights per scale.
    """

    repo_id: str
    format: Literal["gguf", "safetensors"]
    quantization: str
    revision: str | None = None
    weights_bytes: int | None = None
    files: tuple[str, ...] = ()
    imatrix: bool = False
    published: bool = True
    source: str = ""
    parts: tuple[tuple[Part, PartFormat], ...] = ()
    group_size: int | None = None
    loss: LossBand | None = None  # in place of the quantisation's band: a model released in this format loses nothing in it


@dataclass(frozen=True, slots=True)
class Model:
    """A model record: the id is the Hugging Face id of the 16-bit release."""

    id: str
    architecture: ModelArchitecture
    licence: str
    checkpoints: tuple[Checkpoint, ...]
    aliases: tuple[str, ...] = ()
    support: str = "planned"
    source: str = ""
