"""A file of any kind as the model servers in it: which codec reads it is decided by what the file says, not by its name."""

from collections.abc import Iterable

from advisor.documents import parse_all
from advisor.domain.engine_record import EngineRecord
from advisor.domain.position import Position
from advisor.errors import DataError
from advisor.manifests.command_reading import parse_command
from advisor.manifests.compose_reading import parse_compose
from advisor.manifests.found import NotChecked, Parsed
from advisor.manifests.kubernetes_reading import parse_kubernetes
from advisor.manifests.words import Source


def parse_manifest(text: str, file: str, records: Iterable[EngineRecord]) -> Parsed:
    """Everything in a manifest. Raises DataError for YAML that cannot be read, unless it is a template."""
    source = Source(file, text)
    if file.endswith((".sh", ".bash")) or text.startswith("#!"):
        return _or_reason(parse_command(source, records), source, "no model server is started in it")
    try:
        documents = parse_all(text, file)
    except DataError:
        if "{{" not in text:
            raise
        return Parsed(not_checked=(NotChecked(Position(file, 1, 1), "a template: render it first (helm template … | advisor check -)"),))
    mappings = [document for document in documents if isinstance(document.raw, dict)]
    if any("apiVersion" in document.raw and "kind" in document.raw for document in mappings):
        return _or_reason(parse_kubernetes(mappings, source, records), source, "no model server in its objects")
    if len(mappings) == 1 and isinstance(mappings[0].raw.get("services"), dict):
        return _or_reason(parse_compose(mappings[0], source, records), source, "no model server among its services")
    return Parsed(not_checked=(NotChecked(Position(file, 1, 1), "neither a plan, nor Kubernetes objects, nor a compose file"),))


def _or_reason(parsed: Parsed, source: Source, reason: str) -> Parsed:
    if parsed.deployments or parsed.not_checked or parsed.exposures:
        return parsed
    return Parsed(not_checked=(NotChecked(Position(source.file, 1, 1), reason),))
