"""A server that streams completions as its script says (see tests/fakes/openai_server.py), and two plans.

Their claims are computed when the tests start, so that they test what is made of a plan and not the calibration of the day.
"""

import importlib.util
from pathlib import Path

import pytest

from advisor.cli.planning import update_plan
from tests.unit.intake.fake_hub import mirror  # noqa: F401 - a fixture

FAKE = Path(__file__).parents[1] / "fakes" / "openai_server.py"


@pytest.fixture(scope="session")
def fake_server():
    """The class: `with fake_server(script=[...]) as server`."""
    spec = importlib.util.spec_from_file_location("openai_server", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FakeServer


CASES = Path(__file__).parent / "check" / "cases"


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
