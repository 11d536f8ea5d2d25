"""Model files from a Hugging Face hub or a mirror of it, at one commit, after the disk has been looked at.

Goes through huggingface_hub: HF_ENDPOINT, the stored or HF_TOKEN token, proxies and xet transfers work as everywhere else. A broken
connection is resumed where it broke; a finished file is not fetched again.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from advisor.errors import UserInputError, near_names
from advisor.intake.hub_errors import hub_errors
from advisor.units import gib_text

Progress = Callable[[int, int], None]  # bytes so far, bytes in total

_HUB: Final = "https://huggingface.co"
_OFFLINE_FLAGS: Final = ("ADVISOR_OFFLINE", "HF_HUB_OFFLINE")
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


def list_files(repo_id: str, *, revision: str | None = None) -> HubRepository:
    """The files of a repository at a branch, tag or commit, and which commit that is.

    Raises UserInputError: offline, hub not reachable, no such repository or revision, or access not granted.
    """
    _refuse_offline(repo_id)
    from huggingface_hub import HfApi

    with hub_errors(repo_id, revision=revision, endpoint=_endpoint()):
        found = HfApi(endpoint=_endpoint()).model_info(repo_id, revision=revision, files_metadata=True)
    if found.sha is None:
        raise UserInputError(f"{repo_id}: the hub at {_endpoint()} names no commit, so nothing can be pinned to it")
    files = (HubFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None) for file in found.siblings or ())
    return HubRepository(repo_id, found.sha, tuple(files))


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


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def _refuse_offline(repo_id: str) -> None:
    for flag in _OFFLINE_FLAGS:
        if os.environ.get(flag, "").strip().lower() in {"1", "true", "yes", "on"}:
            raise UserInputError(f"{repo_id}: not asked for, because {flag} is set: unset it, or name a local file")


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
