"""Two plans whose claims are computed when the tests start, so that they test `check` and not the calibration of the day."""

from pathlib import Path

import pytest

from advisor.cli.planning import update_plan
from advisor.cli.rendering import render_plan
from advisor.manifests.writing import write_rendered

CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The cases with their derived halves filled in."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("letters", "notes"):
        (folder / name).mkdir()
        for file in ("workload.yaml", "plan.yaml"):
            (folder / name / file).write_text((CASES / name / file).read_text())
        try:
            update_plan(folder / name / "plan.yaml", [], quiet=True)
        except Exception as error:  # typer.Exit: not everything is likely
            assert type(error).__name__ == "Exit"
    return folder


@pytest.fixture
def case(made, tmp_path):
    """A function that gives a folder with plan.yaml and workload.yaml of its own to edit."""

    def copy(name):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("workload.yaml", "plan.yaml"):
            (folder / file).write_text((made / name / file).read_text())
        return folder

    return copy


@pytest.fixture
def rendered(case):
    """The same with the manifests of a target beside the plan."""

    def render(name, target):
        folder = case(name)
        write_rendered(render_plan(folder / "plan.yaml", target), folder)
        return folder

    return render
