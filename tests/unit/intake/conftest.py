"""A network of one computer: the hub is whatever the test serves, and no token of this user is sent to it."""

import pytest


@pytest.fixture
def hub_at(monkeypatch, tmp_path):
    """A function that makes an address the hub."""
    for flag in ("ADVISOR_OFFLINE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(flag, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    return lambda address: monkeypatch.setenv("HF_ENDPOINT", address)
