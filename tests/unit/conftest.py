"""A server that streams completions as its script says (see tests/fakes/openai_server.py)."""

import importlib.util
from pathlib import Path

import pytest

FAKE = Path(__file__).parents[1] / "fakes" / "openai_server.py"


@pytest.fixture(scope="session")
def fake_server():
    """The class: `with fake_server(script=[...]) as server`."""
    spec = importlib.util.spec_from_file_location("openai_server", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FakeServer
