"""An environment is there whole or not at all; one install at a time; nothing is removed that the advisor did not make."""

import json
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from advisor.engines import install, install_llama_cpp, places
from advisor.engines.process import run
from advisor.errors import EngineFailed, Interrupted, NotProven, UserInputError
from advisor.units import MIB


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def make(name="llama.cpp-1.0-abc", engine="llama.cpp"):
    with install.whole_or_nothing(places.engines_folder() / name) as partial:
        (partial / "file").write_text("x" * 1000)
        return install.record(partial, engine, version="1.0", packages="")


def test_made_listed_removed():
    made = make()
    assert install.installed() == [made]
    assert made.disk_bytes == 1000
    assert install.remove("llama.cpp") == [made]
    assert install.installed() == []
    with pytest.raises(UserInputError, match="installed: none"):
        install.remove("llama.cpp")


def test_removing_one_leaves_the_other():
    make()
    other = make("llama.cpp-2.0-abc")
    install.remove("llama.cpp-1.0-abc")
    assert install.installed() == [other]


@pytest.mark.parametrize("fault", [EngineFailed("no"), Interrupted(15), KeyboardInterrupt()])
def test_a_failure_leaves_nothing(fault):
    with pytest.raises(type(fault)), install.whole_or_nothing(places.engines_folder() / "x") as partial:
        (partial / "file").write_text("x")
        raise fault
    assert list(places.engines_folder().iterdir()) == []


def test_two_at_once_are_refused_and_leftovers_swept():
    left = places.engines_folder() / ".partial-x"
    left.mkdir(parents=True)
    program = """
        from advisor.engines import install
        try:
            with install.one_install_at_a_time():
                print("got it")
        except Exception as error:
            print(error)
    """
    other = [sys.executable, "-c", textwrap.dedent(program)]
    with install.one_install_at_a_time():
        assert not left.exists()
        assert "is at work" in subprocess.run(other, capture_output=True, text=True, check=True).stdout
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == "got it\n"


def test_space_is_looked_at_first(tmp_path):
    install.require_space(tmp_path / "not" / "there", 1)
    with pytest.raises(UserInputError, match="needed"):
        install.require_space(tmp_path / "not" / "there", 10**18)


def test_the_plan_says_what_it_costs(tmp_path):
    plan = install_llama_cpp.plan_install()
    assert (plan.wheel, plan.already_there) == (None, False)
    assert plan.expected_s > 60
    assert plan.download_bytes > 90 * MIB
    key = plan.name.rpartition("-")[2]
    wheel = places.wheels_folder() / key / f"llama_cpp_python-{install_llama_cpp.VERSION}-py3-none-linux_x86_64.whl"
    wheel.parent.mkdir(parents=True)
    wheel.touch()
    assert install_llama_cpp.plan_install().wheel == wheel
    assert install_llama_cpp.plan_install().expected_s <= 30
    assert install_llama_cpp.plan_install().download_bytes < 30 * MIB
    assert install_llama_cpp.plan_install("-DGGML_CUDA=ON").wheel is None


def test_constraints_pin_the_version_that_is_built():
    assert f"llama-cpp-python=={install_llama_cpp.VERSION}" in install_llama_cpp.pins()


def test_no_compiler_is_said_before_anything_is_downloaded(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(install, "make_environment", lambda folder: folder / "bin" / "python")
    monkeypatch.setattr(install, "pip", lambda *_, **__: pytest.fail("pip must not run"))
    with pytest.raises(NotProven, match="build-essential"):
        install_llama_cpp.install_llama_cpp(install_llama_cpp.plan_install())
    assert install.installed() == []


@pytest.fixture
def pip_calls(monkeypatch):
    """What pip is told; the build leaves an empty wheel, and whatever is installed answers."""
    calls = []

    def pip(python, *arguments, environment=None, progress=None):
        calls.append(arguments)
        if arguments[0] == "wheel":
            store = arguments[arguments.index("--wheel-dir") + 1]
            name = f"llama_cpp_python-{install_llama_cpp.VERSION}-py3-none-any.whl"
            run(["/bin/sh", "-c", f"touch {store}/{name}"], name="touch", limits=install.LIMITS)
            assert "-DLLAMA_BUILD_SERVER=ON" in environment["CMAKE_ARGS"]

    monkeypatch.setattr(install, "make_environment", lambda folder: folder / "bin" / "python")
    monkeypatch.setattr(install, "pip", pip)
    monkeypatch.setattr(install_llama_cpp, "probe", lambda place: SimpleNamespace(version=install_llama_cpp.VERSION))
    monkeypatch.setattr(install_llama_cpp, "import_server", lambda engine: None)
    return calls


def test_from_a_cached_wheel(pip_calls):
    made = install_llama_cpp.install_llama_cpp(install_llama_cpp.plan_install())
    assert [call[0] for call in pip_calls] == ["wheel", "install"]
    assert pip_calls[-1][-1].endswith(".whl[server]")
    assert install_llama_cpp.plan_install().already_there
    install.remove(made.name)
    assert json.loads(json.dumps(made.packages)).count("==") >= 6
    install_llama_cpp.install_llama_cpp(install_llama_cpp.plan_install())
    assert [call[0] for call in pip_calls] == ["wheel", "install", "install"], "the wheel is built once"


def made_before_the_server():
    """An environment of a time when the list was shorter, its wheel gone from the cache."""
    name = install_llama_cpp.plan_install().name
    with install.whole_or_nothing(places.engines_folder() / name) as partial:
        (partial / "kept").write_text("")
        packages = f"# Names and versions.\nllama-cpp-python=={install_llama_cpp.VERSION}\nnumpy==1.0\n"
        return install.record(partial, "llama.cpp", version=install_llama_cpp.VERSION, packages=packages)


def test_an_environment_made_earlier_is_completed_without_a_build(pip_calls):
    before = made_before_the_server()
    plan = install_llama_cpp.plan_install()
    assert not plan.already_there
    assert {pin.partition("==")[0] for pin in plan.lacks} >= {"fastapi", "uvicorn", "starlette-context", "numpy"}
    assert not any(pin.startswith("llama-cpp-python") for pin in plan.lacks)
    assert (plan.expected_s <= 30, plan.download_bytes < 10 * MIB) == (True, True)
    made = install_llama_cpp.install_llama_cpp(plan)
    assert pip_calls == [("install", "--no-deps", *plan.lacks)]
    assert (places.engines_folder() / made.name / "kept").exists()
    assert (made.name, install.installed()) == (before.name, [made])
    assert install_llama_cpp.plan_install().already_there


@pytest.mark.parametrize("fault", [EngineFailed("no route"), Interrupted(2)])
def test_a_completion_that_fails_is_wanted_again(pip_calls, monkeypatch, fault):
    before = made_before_the_server()

    def fail(*_, **__):
        raise fault

    monkeypatch.setattr(install, "pip", fail)
    with pytest.raises(type(fault)):
        install_llama_cpp.install_llama_cpp(install_llama_cpp.plan_install())
    assert install.installed() == [before]
    assert install_llama_cpp.plan_install().lacks


@pytest.mark.parametrize(
    ("line", "steps"),
    [("  [12/380] Building CXX object a.o", (12, 380)), ("[1/2] x", (1, 2)), ("Collecting numpy", None), ("see [1/2]", None)],
)
def test_steps_of_a_build(line, steps):
    assert install_llama_cpp.steps_done(line) == steps
