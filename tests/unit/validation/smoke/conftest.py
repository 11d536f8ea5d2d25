"""A server that streams as its script says, and requests for it."""

import importlib.util
from pathlib import Path

import pytest

from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.target import Target

FAKE = Path(__file__).parents[3] / "fakes" / "openai_server.py"


@pytest.fixture(scope="session")
def fake_server():
    """The class: `with fake_server(script=[...]) as server`."""
    spec = importlib.util.spec_from_file_location("openai_server", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FakeServer


def requests(count, *, prompt=5, output=4):
    return [PlannedRequest(tuple(range(100 + number, 100 + number + prompt)), output) for number in range(count)]


def target(server, **changes):
    return Target(**{"base_url": server.url, "model": "fake", **changes})
