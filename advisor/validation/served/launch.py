"""A planned server as it is started here: the rendered command with this machine's program, model file and port in their places."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO

from advisor.domain.engine_record import EngineRecord, Launch, Readiness, Runtime
from advisor.domain.plan import PlannedDeployment
from advisor.engines.find import FoundServer
from advisor.engines.llama_server_log import read_llama_server_log
from advisor.engines.ports import LOOPBACK
from advisor.engines.server import Program
from advisor.engines.vllm_log import read_vllm_log
from advisor.errors import UserInputError
from advisor.manifests.arguments import launch_arguments, with_address


@dataclass(frozen=True, slots=True)
class Served:
    """How a planned server is started and spoken to. `key` is a made-up one of this run, empty where the server takes none.

    `variables` are what the engine needs on this kind of device. `extra` are flags beyond the rendered ones; whoever gives some must say
    so in the evidence.
    """

    planned: PlannedDeployment
    runtime: Runtime
    found: FoundServer
    model_path: str
    key: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def model_name(self) -> str:
        """What requests call the model."""
        launch = _launch(self.planned, self.runtime)
        return self.planned.model.id if launch.name_flag else self.model_path

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def served(
    planned: PlannedDeployment, runtime: Runtime, found: FoundServer, model_path: str, *, variables: Mapping[str, str] | None = None
) -> Served:
    """With a new key where the deployed server has one. Raises UserInputError for a runtime that is no server."""
    _launch(planned, runtime)
    return Served(planned, runtime, found, model_path, secrets.token_hex(16) if runtime.container else "", variables or {})


def launch_command(server: Served, port: int) -> tuple[list[str], dict[str, str]]:
    """The words and the variables of the command that `render --target command` writes, model path, host, port and program replaced.

    Raises UserInputError for a runtime that is no server.
    """
    planned, runtime = server.planned, server.runtime
    launch = _launch(planned, runtime)
    arguments = launch_arguments(launch, runtime.flags, planned, server.model_path)
    addressed = with_address(arguments, host=LOOPBACK, port=port, joined=launch.equals)
    program = [str(server.found.binary), *launch.command[1:]]
    words = [*program, *(word for argument in addressed for word in argument.words)]
    return [*words, *(f"--{flag}={value}" for flag, value in server.extra.items())], _environment(server, launch)


def program(server: Served, *, name: str, port: int | None = None, record: EngineRecord | None = None) -> Program:
    """What the runner of servers starts; with the engine's `record` it is told why the engine would not start."""
    _, environment = launch_command(server, 0)
    readiness = server.runtime.readiness or Readiness("/health")
    return Program(name, lambda chosen: launch_command(server, chosen)[0], readiness, environment, port, partial(_refusal, record))


def _refusal(record: EngineRecord | None, lines: Sequence[str]) -> str | None:
    """Why the engine would not start, by its log."""
    if record is None:
        return None
    log = BytesIO("\n".join(lines).encode())
    read = read_vllm_log if record.id == "vllm" else read_llama_server_log
    return read(log, record.log_patterns).refusal


def _environment(server: Served, launch: Launch) -> dict[str, str]:
    deployed = dict(server.runtime.container.env) if server.runtime.container else {}
    if server.runtime.container and server.key:
        deployed[server.runtime.container.api_key_env] = server.key
    return {**server.found.environment, **server.variables, **deployed, **launch.watched}


def _launch(planned: PlannedDeployment, runtime: Runtime) -> Launch:
    if runtime.launch is None:
        raise UserInputError(f"{planned.name}: runtime {planned.engine.runtime} is not a server that can be started")
    return runtime.launch
