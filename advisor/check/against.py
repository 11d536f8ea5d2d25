"""What a manifest is held against: the plan that is named, checked in the same run or near it; else a workload; else nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from advisor.assess import Case
from advisor.documents import Document
from advisor.domain.plan import Plan, PlannedDeployment
from advisor.errors import UserInputError
from advisor.files.plan import read_plan
from advisor.files.workload import read_workload
from advisor.manifests.found import FoundDeployment
from advisor.planning.case import case_of, workload_of

_UPWARD: Final = 6  # folders looked at above a manifest


@dataclass(frozen=True, slots=True)
class Against:
    """A case and, where there is a plan, its deployment. `case` None: neither plan nor workload."""

    label: str
    case: Case | None = None
    planned: PlannedDeployment | None = None
    document: Document | None = None


@dataclass
class Library:
    """Plans and workloads read so far in this run, each once."""

    rules: Sequence[Path]
    plan: Path | None = None
    workload: Path | None = None
    checked: Sequence[Path] = ()  # plans that are checked in the same run
    _plans: dict[Path, tuple[Plan, Document, Case]] = field(default_factory=dict)
    _cases: dict[Path, Case] = field(default_factory=dict)

    def against(self, found: FoundDeployment, file: Path) -> Against:
        """What this deployment is held against. Raises for a named plan that cannot be read; one that merely lies there is skipped."""
        if self.plan is not None:
            plan, document, case = self._read_plan(self.plan)
            return Against(str(self.plan), case, _match(found, plan, alone=True), document)
        if self.workload is None:
            for path in dict.fromkeys([*_plans_near(file), *self.checked]):
                try:
                    plan, document, case = self._read_plan(path)
                except UserInputError:
                    continue
                planned = _match(found, plan, alone=path.parent in (file.parent, file.resolve().parent))
                if planned is not None:
                    return Against(_short(path), case, planned, document)
            return Against("neither plan nor workload")
        if self.workload not in self._cases:
            self._cases[self.workload] = case_of(read_workload(self.workload)[0], self.rules)
        return Against(str(self.workload), self._cases[self.workload])

    def _read_plan(self, path: Path) -> tuple[Plan, Document, Case]:
        if path not in self._plans:
            plan, document = read_plan(path)
            self._plans[path] = (plan, document, case_of(workload_of(plan, path)[0], self.rules, plan))
        return self._plans[path]


def _short(path: Path) -> str:
    """The path from here, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _plans_near(file: Path) -> Iterator[Path]:
    """plan.yaml and capacity/<name>/plan.yaml beside the file and in each folder above, up to the repository's root."""
    folder = file.resolve().parent
    for above in [folder, *folder.parents][:_UPWARD]:
        yield from [path for path in (above / "plan.yaml",) if path.is_file()]
        yield from sorted(above.glob("capacity/*/plan.yaml"))
        if (above / ".git").exists():
            return


def _match(found: FoundDeployment, plan: Plan, *, alone: bool) -> PlannedDeployment | None:
    """The plan's deployment of this name; with `alone` also the only one of its engine, or the only one at all."""
    named = [planned for planned in plan.deployments if planned.name == found.name]
    if named or not alone:
        return named[0] if named else None
    same_engine = [planned for planned in plan.deployments if planned.engine.name == found.engine]
    if len(same_engine) == 1:
        return same_engine[0]
    return plan.deployments[0] if len(plan.deployments) == 1 else None
