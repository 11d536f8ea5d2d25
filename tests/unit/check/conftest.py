"""Manifests of the two plans (see tests/unit/conftest.py)."""

import pytest

from advisor.cli.rendering import render_plan
from advisor.manifests.writing import write_rendered


@pytest.fixture
def rendered(case):
    """The same with the manifests of a target beside the plan."""

    def render(name, target):
        folder = case(name)
        write_rendered(render_plan(folder / "plan.yaml", target), folder)
        return folder

    return render
