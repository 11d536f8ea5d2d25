"""Which files of a repository are the planned ones, GGUF or folder, and that nothing is fetched before it was agreed to."""

from pathlib import Path

import pytest

from advisor.domain.plan import PlannedModel
from advisor.errors import UserInputError
from advisor.intake.hub import HubFile, HubRepository
from advisor.validation import download as module
from advisor.validation.download import fetch, fetch_folder, folder_files, planned_files
from tests.unit.intake.fake_hub import COMMIT, Hub

NAMES = ("README.md", "m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "big-q8_0-00001-of-00002.gguf", "big-q8_0-00002-of-00002.gguf", "m-IQ4_XS.gguf")
REPOSITORY = HubRepository("org/m-GGUF", "c" * 40, tuple(HubFile(name, 10, None) for name in NAMES))


@pytest.mark.parametrize(
    ("quantization", "files", "expected"),
    [
        ("Q4_K_M", (), ("m-Q4_K_M.gguf",)),
        ("Q8_0", (), ("big-q8_0-00001-of-00002.gguf", "big-q8_0-00002-of-00002.gguf")),
        ("Q4_K_M", ("named.gguf",), ("named.gguf",)),
    ],
)
def test_the_planned_files(quantization, files, expected):
    assert planned_files(REPOSITORY, PlannedModel("org/m", quantization, files=files)) == expected


def test_a_quantisation_that_is_not_there_is_refused_by_name():
    with pytest.raises(UserInputError, match="no GGUF of Q4_K at commit cccccccccccc; it holds big-q8_0"):
        planned_files(REPOSITORY, PlannedModel("org/m", "Q4_K"))


def test_the_download_is_pinned_and_agreed_to(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "models_folder", lambda: tmp_path)
    monkeypatch.setattr(module, "list_files", lambda repo_id, *, revision: REPOSITORY)
    calls = []

    def download(repo_id, names, *, revision, destination, progress):
        calls.append((repo_id, names, revision, destination))
        return REPOSITORY, tuple(Path(destination) / name for name in names)

    monkeypatch.setattr(module, "download", download)
    model = PlannedModel("org/m", "Q4_K_M", repo_id="org/m-GGUF")
    agreed = []
    path = fetch(model, agree=lambda *told: agreed.append(told))
    destination = tmp_path / "org--m-GGUF" / ("c" * 40)
    assert calls == [("org/m-GGUF", ("m-Q4_K_M.gguf",), "c" * 40, destination)] and path == destination / "m-Q4_K_M.gguf"
    assert agreed == [("m-Q4_K_M.gguf of org/m-GGUF at commit cccccccccccc", 10, 10)]

    def refuse(*_):
        raise UserInputError("no")

    with pytest.raises(UserInputError):
        fetch(model, agree=refuse)
    assert len(calls) == 1


# ---- the folder that vLLM loads

FOLDER = (
    "README.md",
    "config.json",
    "consolidated.safetensors",
    "generation_config.json",
    "merges.txt",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "modeling_custom.py",
    "onnx/model.safetensors",
    "pytorch_model.bin",
    "tokenizer.json",
)


def repository(*names):
    return HubRepository("org/m", "c" * 40, tuple(HubFile(name, 10, None) for name in names))


def test_a_folder_without_code_and_without_second_copies():
    assert folder_files(repository(*FOLDER), PlannedModel("org/m", "bf16")) == (
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "config.json",
        "generation_config.json",
        "merges.txt",
        "model.safetensors.index.json",
        "tokenizer.json",
    )
    named = PlannedModel("org/m", "bf16", files=("consolidated.safetensors",))
    assert folder_files(repository(*FOLDER), named)[:2] == ("consolidated.safetensors", "config.json")
    assert folder_files(repository("config.json", "consolidated.safetensors"), PlannedModel("org/m", "bf16"))[0].startswith("consolidated")


@pytest.mark.parametrize(("names", "lacking"), [(("config.json", "a.bin"), "no safetensors"), (("a.safetensors",), "no config.json")])
def test_what_vllm_could_not_load_is_refused_before_it_is_fetched(names, lacking):
    with pytest.raises(UserInputError, match=f"org/m: {lacking} at commit cccccccccccc"):
        folder_files(repository(*names), PlannedModel("org/m", "bf16"))


SERVED = {"config.json": b"{}", "tokenizer.json": b"{}", "modeling.py": b"raise SystemExit", "model.safetensors": bytes(range(256)) * 4096}


def test_a_folder_is_fetched_at_its_commit_and_kept(mirror, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "models_folder", lambda: tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    Hub.content = SERVED
    agreed = []
    folder = fetch_folder(PlannedModel("org/model", "bf16", revision="main"), agree=lambda *told: agreed.append(told))
    assert folder == tmp_path / "org--model" / COMMIT
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == {
        name: data for name, data in SERVED.items() if not name.endswith(".py")
    }
    size_bytes = len(SERVED["model.safetensors"])
    assert agreed == [(f"model.safetensors and 2 small files of org/model at commit {COMMIT[:12]}", size_bytes + 4, size_bytes)]
    assert not any("modeling.py" in path for _, path, _, _ in Hub.requests)
    Hub.requests.clear()
    assert fetch_folder(PlannedModel("org/model", "bf16", revision=COMMIT), agree=lambda *_: None) == folder
    assert [path for method, path, _, _ in Hub.requests if method == "GET" and "/resolve/" in path] == []


@pytest.mark.parametrize(("name", "says"), [("gated", "accept the terms"), ("private", "or a private one")])
def test_a_folder_that_may_not_be_read(mirror, monkeypatch, tmp_path, name, says):
    monkeypatch.setattr(module, "models_folder", lambda: tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(UserInputError, match=says) as refused:
        fetch_folder(PlannedModel(f"org/{name}", "bf16"), agree=lambda *_: None)
    assert "hf_secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
