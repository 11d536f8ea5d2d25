"""Headers of weight files on a hub, by as few range requests as they need; no weight is fetched."""

from typing import Final

from advisor.errors import UserInputError
from advisor.intake.gguf_cursor import NeedsMore
from advisor.intake.gguf_file import GgufHeader, parse_gguf_header
from advisor.intake.gguf_shards import join_parts
from advisor.intake.hub import HubRepository, read_part
from advisor.intake.safetensors_files import INDEX, indexed_bytes, shard_names
from advisor.intake.safetensors_header import LENGTH_BYTES, MOST_HEADER_BYTES, header_length, parse_header

# A vocabulary of 128,000 with its merges takes 7 MB, one of 262,000 without them 7 MB: most headers come with the first request.
_FIRST_GGUF_BYTES: Final = 8 * 1024 * 1024
_LATER_PART_BYTES: Final = 256 * 1024  # of a split model: tensors alone
_MOST_GGUF_BYTES: Final = 64 * 1024 * 1024
_GROWTH: Final = 4
_MOST_REQUESTS: Final = 4  # for one header
_FIRST_SAFETENSORS_BYTES: Final = 256 * 1024  # some 2,000 tensors
_MOST_INDEX_BYTES: Final = 50_000_000


def read_hub_gguf(repository: HubRepository, name: str) -> GgufHeader:
    """The header of a GGUF, or of all parts of a split one. Raises UserInputError for a bad file and as `read_part` does."""
    sizes = {file.name: file.size_bytes for file in repository.files}

    def read(part: str) -> GgufHeader:
        return _grown(repository, part, sizes.get(part, 0), _FIRST_GGUF_BYTES if part == name else _LATER_PART_BYTES)

    return join_parts(name, f"{repository.repo_id}/{name}", read=read, holds=sizes.__contains__)


def _grown(repository: HubRepository, name: str, file_bytes: int, wanted_bytes: int) -> GgufHeader:
    """Ask for more until the header is whole."""
    where, data = f"{repository.repo_id}/{name}", b""
    for _ in range(_MOST_REQUESTS):
        answer = read_part(repository, name, start=len(data), most_bytes=min(wanted_bytes, _MOST_GGUF_BYTES) - len(data))
        data += answer.body
        size = answer.file_bytes or file_bytes
        try:
            return parse_gguf_header(data, file_bytes=max(size, len(data)), where=where)
        except NeedsMore:
            if len(data) >= _MOST_GGUF_BYTES:
                break
            wanted_bytes = max(len(data), wanted_bytes) * _GROWTH
    raise UserInputError(f"{where}: its header does not end within {len(data):,} bytes: hostile, or the server cuts it off")


def hub_tensor_bytes(repository: HubRepository) -> tuple[int | None, tuple[str, ...]]:
    """Tensor bytes of a repository's safetensors and the files they are in, in one or two requests; None where it has none."""
    sizes = {file.name: file.size_bytes for file in repository.files}
    if INDEX in sizes:
        text = read_part(repository, INDEX, start=None, most_bytes=_MOST_INDEX_BYTES).body
        where = f"{repository.repo_id}/{INDEX}"
        names = shard_names(text, where)
        return _believable(indexed_bytes(text, where), names, sizes, where), tuple(names)
    names = sorted(name for name in sizes if name.endswith(".safetensors") and "/" not in name and not name.startswith("adapter_"))
    if len(names) != 1:
        return None, tuple(names)
    return _single(repository, names[0], sizes[names[0]]), tuple(names)


def _believable(total_bytes: int | None, names: list[str], sizes: dict[str, int], where: str) -> int | None:
    """An index that says more than its files hold, or names files that are not there, is damaged."""
    absent = [name for name in names if name not in sizes]
    if absent:
        raise UserInputError(f"{where}: {len(absent)} of {len(names)} weight files are not in the repository: {absent[0][:80]}")
    held_bytes = sum(sizes[name] for name in names)
    if total_bytes is not None and held_bytes and total_bytes > held_bytes:
        raise UserInputError(f"{where}: says {total_bytes:,} bytes, but its files have {held_bytes:,}: damaged or hostile")
    return total_bytes


def _single(repository: HubRepository, name: str, listed_bytes: int) -> int:
    where = f"{repository.repo_id}/{name}"
    answer = read_part(repository, name, start=0, most_bytes=_FIRST_SAFETENSORS_BYTES)
    file_bytes = answer.file_bytes or listed_bytes
    length = header_length(answer.body, file_bytes=file_bytes, where=where)
    header = answer.body[LENGTH_BYTES : LENGTH_BYTES + length]
    if len(header) < length:
        rest = min(length, MOST_HEADER_BYTES) - len(header)
        header += read_part(repository, name, start=len(answer.body), most_bytes=rest).body
    return parse_header(header, file_bytes=file_bytes, where=where).tensor_bytes
