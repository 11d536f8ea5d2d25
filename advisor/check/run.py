"""One run of `advisor check`: every file once, every fault of every file, nothing executed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from advisor.catalog import load_catalog
from advisor.catalog.catalog import Catalog
from advisor.check.against import Library
from advisor.check.manifest_file import Bench, exposed, manifest_findings
from advisor.check.plan_file import check_plan
from advisor.check.report import Checked, CheckReport
from advisor.documents import read_text
from advisor.domain.finding import Finding
from advisor.domain.plan import SCHEMA as PLAN_SCHEMA
from advisor.domain.workload import SCHEMA as WORKLOAD_SCHEMA
from advisor.errors import DataError, Fault, UserInputError
from advisor.files.workload import read_workload
from advisor.manifests.found import Exposure, FoundDeployment, NotChecked, Parsed
from advisor.manifests.reading import parse_manifest
from advisor.rules.load import load_rules

STDIN: Final = "<stdin>"
_ENDINGS: Final = (".yaml", ".yml", ".sh")
_SKIPPED: Final = frozenset({"node_modules", "venv", "build", "dist", "__pycache__"})


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What the command line fixes for every file."""

    plan: Path | None = None
    workload: Path | None = None
    device: str | None = None
    rules: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """A file to check; `named` when the user named it, and not only its folder."""

    path: Path
    named: bool
    text: str | None = None  # given for standard input


def check_files(inputs: Sequence[Input], options: CheckOptions) -> CheckReport:
    """Check every file. Faults of unreadable files are collected in the report; the others are judged all the same."""
    report = CheckReport()
    manifests: list[tuple[Input, Parsed]] = []
    catalog = load_catalog()
    for given in inputs:
        try:
            parsed = _plan_or_parsed(given, options, catalog, report)
        except DataError as error:
            report.faults += error.faults
        except UserInputError as error:
            report.faults.append(Fault(str(given.path), str(error).removeprefix(f"{given.path}: ")))
        else:
            if parsed is not None:
                manifests.append((given, parsed))
    if any(parsed.deployments for _, parsed in manifests):
        _check_manifests(manifests, Bench(catalog, load_rules(options.rules), options.device), options, report)
    return report


def _plan_or_parsed(given: Input, options: CheckOptions, catalog: Catalog, report: CheckReport) -> Parsed | None:
    """Check a plan or a workload on the spot; hand back what a manifest holds."""
    text = read_text(given.path) if given.text is None else given.text
    schema = _schema(text)
    if schema == PLAN_SCHEMA:
        check_plan(given.path, options.rules, report)
        return None
    if schema == WORKLOAD_SCHEMA:
        read_workload(given.path)
        report.workloads.append(str(given.path))
        return None
    parsed = parse_manifest(text, str(given.path), catalog.engines.values())
    report.not_checked += [each for each in parsed.not_checked if given.named or not _uninteresting(each)]
    return parsed


def _schema(text: str) -> str:
    for line in text.splitlines():
        if line.startswith("schema:"):
            return line.removeprefix("schema:").split("#")[0].strip().strip("'\"")
    return ""


def _uninteresting(each: NotChecked) -> bool:
    return each.reason.startswith(("no model server", "neither a plan"))


def _check_manifests(manifests: Sequence[tuple[Input, Parsed]], bench: Bench, options: CheckOptions, report: CheckReport) -> None:
    library = Library(options.rules, options.plan, options.workload, [Path(each.file) for each in report.checked if each.what == "plan"])
    exposures = [exposure for _, parsed in manifests for exposure in parsed.exposures]
    for given, parsed in manifests:
        for found in parsed.deployments:
            _check_one(exposed(found, _outside(found, exposures)), given, library, bench, report)


def _check_one(found: FoundDeployment, given: Input, library: Library, bench: Bench, report: CheckReport) -> None:
    against = library.against(found, given.path)
    if library.plan is not None and against.planned is None:
        report.not_checked.append(NotChecked(found.at, f"{found.name}: {library.plan} has no deployment of this name"))
        return
    report.checked.append(Checked(str(given.path), found.kind, found.name, against.label))
    for each in manifest_findings(found, against, bench):
        if isinstance(each, Finding):
            report.findings.append(each)
        else:
            report.not_checked.append(each)


def _outside(found: FoundDeployment, exposures: Sequence[Exposure]) -> bool | None:
    """Whether a Service or Ingress of this run opens the deployment's pods; None when none selects them."""
    mine = [e for e in exposures if e.selector and all(found.labels.get(key) == value for key, value in e.selector.items())]
    names = {exposure.service for exposure in mine}
    routed = [e for e in exposures if not e.selector and e.service in names]
    return any(exposure.outside for exposure in [*mine, *routed]) if mine else None


# ---- files


def inputs_of(paths: Sequence[Path]) -> Iterator[Input]:
    """The files to check: those named, and plans, manifests and scripts below the folders named, in a fixed order."""
    for path in paths:
        if path.is_dir():
            yield from (Input(found, named=False) for found in sorted(_below(path)))
        else:
            yield Input(path, named=True)


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        hidden = path.name.startswith(".") or path.name in _SKIPPED
        if path.is_dir() and not hidden and not path.is_symlink():
            yield from _below(path)
        elif path.suffix in _ENDINGS and not hidden and path.is_file():
            yield path
