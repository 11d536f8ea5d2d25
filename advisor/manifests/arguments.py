"""The arguments of a planned server: the model, the address, every pinned setting. The one place for manifests and for validation."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.engine_record import FlagFact, Launch
from advisor.domain.plan import PlannedDeployment
from advisor.engines.command import flag_arguments


@dataclass(frozen=True, slots=True)
class Argument:
    """One flag with its value, as one word or two, and why it is what it is."""

    words: tuple[str, ...]
    why: str = ""


def flag_argument(flag: str, value: str | None = None, *, joined: bool) -> Argument:
    """A flag; with its value in the same word where the program takes it so."""
    if value is None:
        return Argument((flag,))
    return Argument((f"{flag}={value}",) if joined else (flag, value))


def launch_arguments(launch: Launch, flags: Sequence[FlagFact], planned: PlannedDeployment, model_path: str) -> tuple[Argument, ...]:
    """The model, its name in the API, every pinned setting with its reason, then what this runtime is always given."""
    written = [Argument((f"--{launch.model_flag}", model_path) if launch.model_flag else (model_path,))]
    if launch.name_flag:
        written.append(_argument(launch, [f"--{launch.name_flag}", planned.model.id]))
    for flag, setting in planned.settings.items():
        words = flag_arguments({flag: setting.value}, flags)
        if words:
            written.append(_argument(launch, words, setting.why))
    written += [_argument(launch, [f"--{flag}", value] if value else [f"--{flag}"]) for flag, value in launch.fixed.items()]
    return tuple(written)


def with_address(arguments: Sequence[Argument], *, host: str, port: int, joined: bool) -> tuple[Argument, ...]:
    """The model first, then where to listen, then every setting."""
    first, *settings = arguments
    address = (flag_argument("--host", host, joined=joined), flag_argument("--port", str(port), joined=joined))
    return (first, *address, *settings)


def _argument(launch: Launch, words: Sequence[str], why: str = "") -> Argument:
    return Argument(("=".join(words),) if launch.equals else tuple(words), why)
