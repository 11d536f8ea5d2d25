"""workload.yaml: reading it."""

import hashlib
import json
from pathlib import Path

from advisor.documents import Document, parse, read_text, typed
from advisor.domain.workload import Workload


def read_workload(path: Path) -> tuple[Workload, Document]:
    """The workload and its document (for positions). Raises DataError with every fault, UserInputError when it cannot be read."""
    document = parse(read_text(path), str(path))
    return typed(document, Workload), document


def workload_sha256(document: Document) -> str:
    """A digest of what the file says, not of how it is laid out: comments and order do not count."""
    canonical = json.dumps(document.raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
