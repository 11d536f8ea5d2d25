"""A synthetic file is made once, announced by its size, and never left half written."""

from types import SimpleNamespace

import pytest

from advisor.errors import UserInputError
from advisor.resources import folder
from advisor.synthesis import whole_file
from advisor.validation import synthetic
from tests.unit.synthesis.tiny_models import TINY


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def schemes():
    from advisor.catalog.quantizations import load_quantizations

    return load_quantizations(folder("catalog"))


@pytest.fixture(scope="module")
def quantization(schemes):
    return schemes["Q8_0"]


ARCHITECTURE = next(iter(TINY.values()))


def test_made_once(quantization, monkeypatch):
    path = synthetic.make_synthetic(ARCHITECTURE, quantization)
    assert path == synthetic.synthetic_path(ARCHITECTURE, quantization)
    assert path.read_bytes()[:4] == b"GGUF"
    monkeypatch.setattr(synthetic, "write_gguf", lambda *_, **__: pytest.fail("must not be written twice"))
    assert synthetic.make_synthetic(ARCHITECTURE, quantization) == path


def test_other_tensors_other_file(quantization):
    others = {synthetic.synthetic_path(architecture, quantization) for architecture in TINY.values()}
    assert len(others) == len(TINY)


def test_a_failure_leaves_nothing(quantization, tmp_path):
    def fail(done_bytes, _):
        assert done_bytes > 0 and [path for path in tmp_path.rglob("*") if path.is_file()], "some of it was written"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthetic.make_synthetic(ARCHITECTURE, quantization, progress=fail)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_disk_is_looked_at_first(quantization, monkeypatch, tmp_path):
    monkeypatch.setattr(whole_file.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserInputError, match="free some"):
        synthetic.make_synthetic(ARCHITECTURE, quantization)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_is_made_once(schemes, monkeypatch):
    folder_ = synthetic.make_synthetic_folder(ARCHITECTURE, schemes["bf16"])
    assert folder_ == synthetic.synthetic_folder(ARCHITECTURE, schemes["bf16"])
    assert {file.name for file in folder_.iterdir()} == {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
    monkeypatch.setattr(synthetic, "write_hf_folder", lambda *_, **__: pytest.fail("must not be written twice"))
    assert synthetic.make_synthetic_folder(ARCHITECTURE, schemes["bf16"]) == folder_
    assert synthetic.synthetic_folder(ARCHITECTURE, schemes["awq-int4"]) != folder_


def test_a_failed_folder_leaves_nothing(schemes, monkeypatch, tmp_path):
    def fail(path, *_, **__):
        (path / "config.json").write_text("{")
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "write_hf_folder", fail)
    with pytest.raises(KeyboardInterrupt):
        synthetic.make_synthetic_folder(ARCHITECTURE, schemes["bf16"])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
