"""A synthetic file is made once, announced by its size, and never left half written."""

import pytest

from advisor.errors import UserInputError
from advisor.resources import folder
from advisor.validation import synthetic
from tests.unit.synthesis.tiny_models import TINY


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def quantization():
    from advisor.catalog.quantizations import load_quantizations

    return load_quantizations(folder("catalog"))["Q8_0"]


ARCHITECTURE = next(iter(TINY.values()))


def test_made_once(quantization, monkeypatch):
    path = synthetic.make_synthetic(ARCHITECTURE, quantization, expected_bytes=1)
    assert path == synthetic.synthetic_path(ARCHITECTURE, quantization)
    assert path.read_bytes()[:4] == b"GGUF"
    monkeypatch.setattr(synthetic, "write_gguf", lambda *_, **__: pytest.fail("must not be written twice"))
    assert synthetic.make_synthetic(ARCHITECTURE, quantization, expected_bytes=1) == path


def test_other_tensors_other_file(quantization):
    others = {synthetic.synthetic_path(architecture, quantization) for architecture in TINY.values()}
    assert len(others) == len(TINY)


def test_a_failure_leaves_nothing(quantization, monkeypatch, tmp_path):
    def fail(path, *_, **__):
        path.write_bytes(b"GG")
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "write_gguf", fail)
    with pytest.raises(KeyboardInterrupt):
        synthetic.make_synthetic(ARCHITECTURE, quantization, expected_bytes=1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_disk_is_looked_at_first(quantization):
    with pytest.raises(UserInputError, match="needed"):
        synthetic.make_synthetic(ARCHITECTURE, quantization, expected_bytes=10**18)
