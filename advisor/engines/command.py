"""The command that starts a server for a candidate, as a list of arguments: nothing is ever joined into a shell line to be run."""

import shlex
from collections.abc import Mapping, Sequence

from advisor.domain.deployment import Candidate
from advisor.domain.engine_record import EngineRecord, FlagFact
from advisor.engines.flags import find_runtime, is_switch
from advisor.engines.settings import FlagValue, flags_of
from advisor.engines.settings_vllm import RunsOn
from advisor.errors import UserInputError


def command_line(candidate: Candidate, record: EngineRecord, *, model_path: str, host: str, port: int) -> list[str]:
    """Arguments for llama-server, `python -m llama_cpp.server` or `vllm serve`, every capacity-deciding setting pinned.

    Raises UserInputError for a runtime that is not a server.
    """
    runtime = find_runtime(record, candidate.runtime.runtime)
    launch = runtime.launch
    if launch is None:
        raise UserInputError(f"runtime {candidate.runtime.runtime}: not a server, so there is no command to start it")
    on = RunsOn(candidate.model.architecture, candidate.node.device, candidate.runtime.backend, candidate.parallelism)
    flags = flags_of(candidate.settings, record, candidate.runtime.runtime, parallelism=candidate.parallelism, on=on)
    model = [f"--{launch.model_flag}", model_path] if launch.model_flag else [model_path]
    address = ["--host", host, "--port", str(port)]
    return [*launch.command, *model, *address, *flag_arguments(flags, runtime.flags), *_fixed(launch.fixed)]


def flag_arguments(flags: Mapping[str, FlagValue], facts: Sequence[FlagFact]) -> list[str]:
    """Flags as arguments: `--ctx-size 8192`, `--kv-unified`, `--no-kv-unified`; a switch with values of its own gets its value."""
    by_name = {fact.names[0]: fact for fact in facts}
    arguments: list[str] = []
    for name, value in flags.items():
        fact = by_name.get(name)
        if fact is None or not is_switch(fact):
            arguments += [f"--{name}", _text(value)]
        elif value:
            arguments.append(f"--{name}")
        elif fact.off:
            arguments.append(f"--{fact.off[0]}")
    return arguments


def shell_line(arguments: Sequence[str]) -> str:
    """The same command quoted for a POSIX shell, to be shown or pasted."""
    return shlex.join(arguments)


def _fixed(fixed: Mapping[str, str]) -> list[str]:
    arguments: list[str] = []
    for name, value in fixed.items():
        arguments += [f"--{name}"] if value == "" else [f"--{name}", value]
    return arguments


def _text(value: FlagValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
