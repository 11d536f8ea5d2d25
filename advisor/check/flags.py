"""Flags one by one: what the engine refuses, what nobody knows, and what moves numbers that are not estimated."""

from collections.abc import Iterator

from advisor.check.codes import FLAG_NOT_ESTIMATED, FLAG_REFUSED, FLAG_UNKNOWN, KEY_WRITTEN, VERSION_UNKNOWN
from advisor.domain.engine_record import EngineRecord, Runtime
from advisor.domain.finding import Finding
from advisor.domain.quantity import Basis
from advisor.engines.flags import given_flags, normal_name, not_estimated_flags
from advisor.errors import UserInputError
from advisor.manifests.found import FoundDeployment, FoundFlag
from advisor.rules.versions import in_range


def flag_findings(found: FoundDeployment, record: EngineRecord) -> Iterator[Finding]:
    """What is to be said about single flags, about the version, and about keys in the file."""
    known_version = version_known(found, record)
    if not known_version:
        at = found.image.at if found.image else found.at
        yield Finding(at, "note", VERSION_UNKNOWN, Basis.EXACT, _version_text(found, record))
    for flag in found.flags:
        finding = _flag_finding(found, flag, record)
        if finding is not None and (known_version or finding.rule == FLAG_NOT_ESTIMATED):
            yield finding
    for at in found.secrets:
        yield Finding(at, "warn", KEY_WRITTEN, Basis.EXACT, "a key is written out here: whoever reads the file has it. Use a Secret")


def version_known(found: FoundDeployment, record: EngineRecord) -> bool:
    """True when what is known of the engine holds for the manifest's version, or it names none."""
    versions = record.versions
    if found.version is None:
        return True
    wanted = f">={versions.minimum}" + (f",<{versions.below}" if versions.below else "")
    try:
        return in_range(record.id, found.version, wanted)
    except (UserInputError, ValueError):
        return False


def usable_flags(found: FoundDeployment, record: EngineRecord) -> dict[str, object]:
    """The flags that can be estimated; those with findings of their own are left out."""
    return {flag.name: flag.value for flag in found.flags if _fills(found, flag, record)}


def _fills(found: FoundDeployment, flag: FoundFlag, record: EngineRecord) -> bool:
    try:
        return bool(given_flags(record, found.runtime, {flag.name: flag.value}, strict=False))
    except UserInputError:
        return False


def _flag_finding(found: FoundDeployment, flag: FoundFlag, record: EngineRecord) -> Finding | None:
    runtime = record.runtimes[found.runtime]
    if flag.joined and runtime.launch and not runtime.launch.equals:
        text = f"--{flag.name}={flag.value}: {found.runtime} refuses a flag and its value in one word. Write them as two"
        return Finding(flag.at, "block", FLAG_REFUSED, Basis.EXACT, text)
    effect = not_estimated_flags(runtime, {flag.name: flag.value}).get(flag.name)
    if effect is not None:
        text = f"--{flag.name} {effect}: not estimated, so the numbers for this deployment are those without it"
        return Finding(flag.at, "note", FLAG_NOT_ESTIMATED, Basis.EXACT, text)
    try:
        given_flags(record, found.runtime, {flag.name: flag.value}, strict=False)
    except UserInputError as error:
        unknown = not _named(flag, runtime)
        severity, rule = ("warn", FLAG_UNKNOWN) if unknown else ("block", FLAG_REFUSED)
        return Finding(flag.at, severity, rule, Basis.EXACT, f"--{error}")  # type: ignore[arg-type]
    return None


def _named(flag: FoundFlag, runtime: Runtime) -> bool:
    """True for a flag that this runtime is known to take, or known to have dropped."""
    names = [name for fact in runtime.flags for name in (*fact.names, *fact.off)]
    dropped = [name for removed in runtime.removed for name in removed.names]
    return normal_name(flag.name) in {normal_name(name) for name in (*names, *dropped)}


def _version_text(found: FoundDeployment, record: EngineRecord) -> str:
    versions = record.versions
    until = f" to before {versions.below}" if versions.below else ""
    return (
        f"{record.title} {found.version}: what is known holds from {versions.minimum}{until}; "
        f"flags were not checked for this version, numbers are those of {versions.default}"
    )
