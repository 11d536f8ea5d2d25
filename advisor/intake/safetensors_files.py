"""Tensors of local safetensors files, one or many with their index, from their headers alone."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from advisor.errors import UserInputError
from advisor.intake.safetensors_header import LENGTH_BYTES, SafetensorsHeader, header_length, parse_header

INDEX: Final = "model.safetensors.index.json"
_MOST_INDEX_BYTES: Final = 50_000_000


def read_safetensors(paths: Iterable[Path]) -> SafetensorsHeader:
    """All tensors of the files together. Raises UserInputError for a file that is truncated, hostile or not safetensors."""
    headers = [_read(path) for path in paths]
    sizes: Counter[str] = Counter()
    for header in headers:
        sizes.update(header.bytes_by_type)
    return SafetensorsHeader(dict(sorted(sizes.items())), sum(header.tensors for header in headers))


def shards_of(folder: Path) -> tuple[Path, ...]:
    """The weight files of a folder: those that its index names, else every one. Raises UserInputError for one that is missing."""
    index = folder / INDEX
    if not index.exists():
        return tuple(sorted(folder.glob("*.safetensors")))
    try:
        text = index.read_bytes()[: _MOST_INDEX_BYTES + 1]
    except OSError as error:
        raise UserInputError(f"{index}: {error.strerror or error}") from None
    names = shard_names(text, str(index))
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise UserInputError(f"{folder}: {len(absent)} of {len(names)} weight files are missing here: {', '.join(absent[:3])}{more}")
    return tuple(folder / name for name in names)


def shard_names(text: bytes, where: str) -> list[str]:
    """The files that an index names. Raises UserInputError for an index that is none, or that points elsewhere."""
    files = _index(text, where).get("weight_map")
    if not isinstance(files, dict) or not files or not all(isinstance(name, str) for name in files.values()):
        raise UserInputError(f"{where}: no weight_map in it: not an index of safetensors files")
    names = sorted(set(files.values()))
    astray = [name for name in names if "/" in name or "\\" in name or not name.endswith(".safetensors")]
    if astray:
        raise UserInputError(f"{where}: names {astray[0][:80]!r}, which is no weight file beside it: damaged or hostile")
    return names


def indexed_bytes(text: bytes, where: str) -> int | None:
    """`total_size` of an index: tensor bytes of all its files, as their writer counted them."""
    metadata = _index(text, where).get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    return int(size) if isinstance(size, int | float) and 0 < size < 2**60 else None


def _index(text: bytes, where: str) -> dict[str, Any]:
    try:
        index = json.loads(text) if len(text) <= _MOST_INDEX_BYTES else None
    except (ValueError, RecursionError):
        index = None
    if not isinstance(index, dict):
        raise UserInputError(f"{where}: not a JSON object of a sane size: not an index of safetensors files")
    return index


def _read(path: Path) -> SafetensorsHeader:
    try:
        file_bytes = path.stat().st_size
        with path.open("rb") as file:
            length = header_length(file.read(LENGTH_BYTES), file_bytes=file_bytes, where=str(path))
            return parse_header(file.read(length), file_bytes=file_bytes, where=str(path))
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
