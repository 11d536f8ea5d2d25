"""Container image references: taken apart, moved to a mirror, and matched with the images that an engine publishes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from advisor.domain.engine_record import EngineRecord
from advisor.errors import UserInputError

_REFERENCE = re.compile(r"(?P<repository>[^@]+?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
_REGISTRY = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*(?::\d{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Image:
    """`repository[:tag][@digest]`; the repository holds the registry's host where there is one."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        return self.repository + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """The last part of the repository, which a mirror keeps."""
        return self.repository.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Published:
    """What an image says about the engine inside."""

    record: EngineRecord
    runtime: str
    backend: str
    version: str | None  # None: the tag names none


def parse_image(reference: str) -> Image:
    """The parts of a reference. Raises UserInputError for what no registry would take."""
    match = _REFERENCE.fullmatch(reference)
    if match is None or not re.fullmatch(r"[A-Za-z0-9][\w.:/-]*", match["repository"]):
        raise UserInputError(f"image {reference!r}: not an image reference such as vllm/vllm-openai:v0.33.0")
    return Image(match["repository"], match["tag"], match["digest"])


def mirrored(image: Image, registry: str | None) -> Image:
    """The same image below `HOST/PATH` of a mirror; a registry's own host is dropped, its path is kept."""
    if registry is None:
        return image
    if not _REGISTRY.fullmatch(registry.rstrip("/")):
        raise UserInputError(f"--registry {registry!r}: write HOST[:PORT][/PATH] in lower case, such as registry.example/mirror")
    first, slash, rest = image.repository.partition("/")
    path = rest if slash and ("." in first or ":" in first or first == "localhost") else image.repository
    return Image(f"{registry.rstrip('/')}/{path}", image.tag, image.digest)


def checked_digest(digest: str | None) -> str | None:
    """The digest, if it is one."""
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise UserInputError(f"image digest {digest!r}: not sha256: and 64 hexadecimal digits")
    return digest


def published(image: Image, records: Iterable[EngineRecord]) -> Published | None:
    """The engine's image that this one is, also behind a mirror; None for images that no engine publishes."""
    loose: Published | None = None
    for record in records:
        for runtime, facts in record.runtimes.items():
            for backend, template in facts.images.items():
                repository, _, tag = template.rpartition(":")
                if repository.rsplit("/", 1)[-1] != image.name:
                    continue
                match = re.fullmatch(re.escape(tag).replace(r"\{version\}", r"(?P<version>b?\d[\w.]*?)"), image.tag or "")
                if match:
                    return Published(record, runtime, backend, match["version"])
                loose = loose or Published(record, runtime, backend, None)
    return loose
