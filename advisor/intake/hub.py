"""Model files from a Hugging Face hub or a mirror of it, at one commit, after the disk has been looked at.

Goes through huggingface_hub: HF_ENDPOINT, the stored or HF_TOKEN token, proxies and xet transfers work as everywhere else. A broken
connection is resumed where it broke; a finished file is not fetched again.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from advisor.errors import UserInputError, near_names
from advisor.intake import web
from advisor.intake.hub_errors import hub_errors
from advisor.units import gib_text

Progress = Callable[[int, int], None]  # bytes so far, bytes in total

_HUB: Final = "https://huggingface.co"
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_LISTING_BYTES: Final = 32 * 1024 * 1024
_LICENCE_TAG: Final = "license:"
_LONGEST_NAME: Final = 1024
_RESERVE_BYTES: Final = 64 * 1024 * 1024  # left free on the disk


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository; `sha256` only where the hub stores one (large files)."""

    name: str
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class HubRepository:
    """What a repository holds at one commit."""

    repo_id: str
    commit: str
    files: tuple[HubFile, ...]
    licence: str | None = None


def list_files(repo_id: str, *, revision: str | None = None) -> HubRepository:
    """The files of a repository at a branch, tag or commit, and which commit that is.

    Raises UserInputError: offline, hub not reachable, no such repository or revision, or access not granted.
    """
    web.refuse_offline(repo_id)
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    pinned = f"/revision/{quote(revision, safe='')}" if revision else ""
    at = f"{_endpoint()}/api/models/{repo_id}{pinned}?blobs=true"
    with hub_errors(repo_id, revision=revision, endpoint=_endpoint()):
        validate_repo_id(repo_id)
        answer = web.get(at, most_bytes=_MOST_LISTING_BYTES, headers=_headers())
        return _repository(repo_id, web.parsed_json(answer, _endpoint()))


def read_part(repository: HubRepository, name: str, *, start: int | None, most_bytes: int) -> web.Answer:
    """A file of the repository at its commit, whole or a range of it, without keeping it. Raises UserInputError as list_files does."""
    at = f"{_endpoint()}/{repository.repo_id}/resolve/{repository.commit}/{quote(name)}"
    with hub_errors(repository.repo_id, revision=repository.commit, endpoint=_endpoint()):
        return web.get(at, most_bytes=most_bytes, start=start, headers=_headers())


def _repository(repo_id: str, found: Any) -> HubRepository:  # noqa: ANN401 - a stranger's JSON
    """The listing, held against what one must say. Raises ValueError for anything else."""
    commit = found.get("sha") if isinstance(found, dict) else None
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ValueError(f"the hub at {_endpoint()} names no commit, so nothing can be pinned to it")
    entries = found.get("siblings")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"the hub at {_endpoint()} lists no files")
    return HubRepository(repo_id, commit, tuple(map(_file, entries)), _licence(found.get("tags")))


def _licence(tags: Any) -> str | None:  # noqa: ANN401
    """The licence that the page states, as its tag `license:…` has it."""
    texts = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return next((tag.removeprefix(_LICENCE_TAG)[:80] for tag in texts if tag.startswith(_LICENCE_TAG)), None)


def _file(entry: dict[str, Any]) -> HubFile:
    name, size, large = entry.get("rfilename"), entry.get("size"), entry.get("lfs")
    digest = large.get("sha256") if isinstance(large, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or (size is not None and type(size) is not int):
        raise ValueError(f"the hub at {_endpoint()} lists a file without a usable name and size")
    return HubFile(name, max(0, size or 0), digest if isinstance(digest, str) and _SHA256.fullmatch(digest) else None)


def download(
    repo_id: str,
    files: Sequence[str],
    *,
    revision: str | None,
    destination: Path,
    progress: Progress | None = None,
) -> tuple[HubRepository, tuple[Path, ...]]:
    """Fetch files into a folder; returns what was fetched (with the commit it is pinned to) and where it lies.

    Raises UserInputError as list_files does, for a file that is not there, for a disk that is too small, and for a file that is not what
    the hub's checksum says; that one is removed.
    """
    repository = list_files(repo_id, revision=revision)
    wanted = _select(repository, files)
    missing_bytes = sum(file.size_bytes for file in wanted if not _is_complete(destination, file))
    _check_disk(destination, missing_bytes, repo_id)
    from huggingface_hub import hf_hub_download

    total_bytes = sum(file.size_bytes for file in wanted)
    bar = _progress_bar(total_bytes, total_bytes - missing_bytes, progress)
    paths = []
    with hub_errors(repo_id, revision=revision, endpoint=_endpoint()):
        for file in wanted:
            fetched = not _is_complete(destination, file)
            at = hf_hub_download(
                repo_id, file.name, revision=repository.commit, local_dir=destination, endpoint=_endpoint(), tqdm_class=bar
            )
            paths.append(Path(at))
            if fetched:
                _require_checksum(repo_id, Path(at), file)
    return HubRepository(repo_id, repository.commit, wanted), tuple(paths)


def _headers() -> dict[str, str]:
    """With the token of the environment or of huggingface_hub's store, where there is one; it goes into this header and nowhere else."""
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    return dict(build_hf_headers())


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def _select(repository: HubRepository, names: Sequence[str]) -> tuple[HubFile, ...]:
    by_name = {file.name: file for file in repository.files}
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserInputError(f"{repository.repo_id}: {name!r} is not a path inside a repository")
        if name not in by_name:
            near = near_names(name, by_name)
            hint = f"near names: {', '.join(near)}" if near else f"it holds {len(by_name)} files"
            raise UserInputError(f"{repository.repo_id}: no file {name!r} at commit {repository.commit[:12]}; {hint}")
    return tuple(by_name[name] for name in dict.fromkeys(names))


def _is_complete(destination: Path, file: HubFile) -> bool:
    path = destination / file.name
    return path.is_file() and path.stat().st_size == file.size_bytes


def _require_checksum(repo_id: str, path: Path, file: HubFile) -> None:
    """The transfer compares sizes only."""
    if file.sha256 is None:
        return
    with path.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    if found != file.sha256:
        path.unlink()
        raise UserInputError(
            f"{repo_id}: {file.name} has the sha256 {found[:12]}…, the hub says {file.sha256[:12]}…: it was removed, fetch it again"
        )


def _check_disk(destination: Path, needed_bytes: int, repo_id: str) -> None:
    existing = next(folder for folder in (destination, *destination.absolute().parents) if folder.exists())
    free_bytes = shutil.disk_usage(existing).free
    if needed_bytes + _RESERVE_BYTES > free_bytes:
        raise UserInputError(
            f"{repo_id}: {gib_text(needed_bytes)} to fetch, {gib_text(free_bytes)} free at {destination}: free some, or move"
        )


def _progress_bar(total_bytes: int, done_bytes: int, progress: Progress | None) -> type[Any]:
    """A silent progress bar class that counts for all files together; the library makes one bar a file and updates it."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    done = done_bytes

    class Counter(tqdm):  # type: ignore[misc]
        """Counts bytes instead of drawing."""

        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(disable=True)

        def update(self, n: float | None = 1) -> bool | None:
            """More bytes have arrived (fewer when a server makes the transfer start again)."""
            nonlocal done
            done += int(n or 0)
            if progress:
                progress(done, total_bytes)
            return None

    return Counter
