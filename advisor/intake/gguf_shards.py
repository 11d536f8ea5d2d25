"""A model whose GGUF was split (llama-gguf-split): `name-00001-of-00003.gguf` and its siblings, read as one."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from advisor.errors import UserInputError
from advisor.intake.gguf_file import GgufHeader, read_gguf_header

_NAME: Final = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_MAX_SHARDS: Final = 1_000


def read_gguf_model(path: Path) -> GgufHeader:
    """The header of a file, or of all shards of a split model: metadata of the first, tensors and bytes of all.

    Raises UserInputError like read_gguf_header, and for a shard that is missing or belongs to another model.
    """
    return join_parts(
        path.name,
        str(path),
        read=lambda name: read_gguf_header(path.with_name(name)),
        holds=lambda name: path.with_name(name).is_file(),
    )


def join_parts(name: str, where: str, *, read: Callable[[str], GgufHeader], holds: Callable[[str], bool]) -> GgufHeader:
    """The model of the file `name` and of its siblings, wherever `read` finds them. Raises UserInputError as read_gguf_model does."""
    header = read(name)
    count = header.metadata.get("split.count", 0)
    if not isinstance(count, int) or count <= 1:
        return header
    parts = part_names(name, where, count, holds)
    headers = [header if part == name else read(part) for part in parts]
    for number, (part, one) in enumerate(zip(parts, headers, strict=True)):
        if one.metadata.get("split.count") != count or one.metadata.get("split.no") != number:
            raise UserInputError(f"{part}: not part {number + 1} of {count} by its own header: download it again")
    tensors = tuple(tensor for one in headers for tensor in one.tensors)
    total = headers[0].metadata.get("split.tensors.count", len(tensors))
    if total != len(tensors):
        raise UserInputError(f"{where}: the parts hold {len(tensors):,} tensors, the first says {total:,}: parts of different models")
    return dataclasses.replace(
        headers[0],
        tensors=tensors,
        tensor_bytes=sum(one.tensor_bytes for one in headers),
        file_bytes=sum(one.file_bytes for one in headers),
    )


def stem_of_parts(name: str) -> str:
    """What the parts of one model have in common; the name without its ending for a file that is whole."""
    named = _NAME.fullmatch(name)
    return named["stem"] if named else name.removesuffix(".gguf")


def part_names(name: str, where: str, count: int, holds: Callable[[str], bool]) -> list[str]:
    """Every part, in order. Raises UserInputError for a name that does not tell, and for parts that are not there."""
    named = _NAME.fullmatch(PurePosixPath(name).name)
    if named is None or int(named["count"]) != count or count > _MAX_SHARDS:
        raise UserInputError(
            f"{where}: one of {count:,} parts of a split model, but not named NAME-00001-of-{count:05d}.gguf like llama.cpp's"
        )
    siblings = [f"{named['stem']}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
    parts = [str(PurePosixPath(name).with_name(sibling)) for sibling in siblings]
    absent = [part for part in parts if not holds(part)]
    if absent:
        shown = ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
        raise UserInputError(f"{where}: {len(absent)} of {count} parts of this split model are missing here: {shown}")
    return parts
