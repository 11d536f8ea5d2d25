"""Order of precedence, and honest words about what was looked at; interpreters are stand-ins written by the tests."""

import importlib.util
import os
import stat
import sys
from pathlib import Path

import pytest

from advisor.engines import find_llama_cpp as find
from advisor.engines import interpreters, places
from advisor.errors import NotProven, UserInputError

TOLD = '{"version": "%s", "site_folder": "%s", "system_info": "CPU : AVX2 = 1", "offloads": false}'


def interpreter(path, version=None, site="/site"):
    """A program that answers the probe like an interpreter with llama_cpp in `version`, or without it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = f"echo '{TOLD % (version, site)}'" if version else "echo \"ModuleNotFoundError: No module named 'llama_cpp'\" >&2; exit 1"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with nothing on it: own data folder, a PATH with no llama_cpp."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.delenv(find.PYTHON_VARIABLE, raising=False)
    monkeypatch.delenv(find.SERVER_VARIABLE, raising=False)
    monkeypatch.setattr(interpreters, "_THIS_PYTHON", interpreter(tmp_path / "this" / "python"))
    interpreter(tmp_path / "path" / "python3")
    interpreter(tmp_path / "path" / "python")
    return tmp_path


def install(machine, version="0.3.36"):
    folder = places.engines_folder() / f"llama.cpp-{version}-abc"
    return interpreter(folder / "bin" / "python", version, site=folder / "site")


def test_absent_says_what_was_looked_at_and_what_to_do(machine):
    with pytest.raises(NotProven) as raised:
        find.find_llama_cpp()
    text = str(raised.value)
    assert raised.value.exit_code == 3
    assert "PATH" in text
    assert "this environment" in text
    assert "No module named 'llama_cpp'" in text
    assert "advisor engines install llama.cpp" in text


def test_precedence(machine, monkeypatch):
    interpreter(machine / "path" / "python3", "0.1.0")
    assert (find.find_llama_cpp().origin, find.find_llama_cpp().version) == ("PATH", "0.1.0")
    install(machine)
    assert (find.find_llama_cpp().origin, find.find_llama_cpp().version) == (interpreters.INSTALLED, "0.3.36")
    monkeypatch.setenv(find.PYTHON_VARIABLE, str(interpreter(machine / "var" / "python", "0.2.0")))
    assert (find.find_llama_cpp().origin, find.find_llama_cpp().version) == (find.PYTHON_VARIABLE, "0.2.0")
    by_flag = find.find_llama_cpp(str(interpreter(machine / "flag" / "python", "0.4.0")))
    assert (by_flag.origin, by_flag.version) == (find.PYTHON_FLAG, "0.4.0")


def test_a_named_interpreter_without_the_engine_is_not_replaced_by_another(machine):
    install(machine)
    with pytest.raises(NotProven, match="--engine-python"):
        find.find_llama_cpp(str(interpreter(machine / "flag" / "python")))


def test_a_named_interpreter_that_is_not_there_is_a_usage_error(machine):
    with pytest.raises(UserInputError, match="is not a program"):
        find.find_llama_cpp(str(machine / "nowhere"))


def test_server_beside_the_installed_engine_with_its_libraries(machine):
    install(machine)
    folder = places.engines_folder() / "llama.cpp-0.3.36-abc"
    binary = interpreter(folder / "site" / "bin" / "llama-server")
    found = find.find_llama_server()
    assert found.binary == binary
    assert found.environment["LD_LIBRARY_PATH"].split(":")[0] == str(folder / "site" / "lib")


def test_server_on_path_and_by_variable(machine, monkeypatch):
    on_path = interpreter(machine / "path" / "llama-server")
    assert find.find_llama_server().binary == on_path
    other = interpreter(machine / "other" / "llama-server")
    monkeypatch.setenv(find.SERVER_VARIABLE, str(other))
    assert find.find_llama_server().binary == other
    monkeypatch.delenv(find.SERVER_VARIABLE)
    with pytest.raises(NotProven, match="built without it"):
        find.find_llama_server(engine_python=str(interpreter(machine / "flag" / "python", "0.3.36", site=machine / "none")))


@pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is not None, reason="this environment has llama_cpp")
def test_a_real_interpreter_without_the_engine(machine):
    with pytest.raises(NotProven, match="llama_cpp"):
        find.find_llama_cpp(os.fspath(Path(sys.executable)))
