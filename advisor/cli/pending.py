"""Commands that are announced but not built yet. Each says so and ends with exit code 2; none pretends."""

from collections.abc import Callable
from typing import Final

import typer

from advisor.errors import NotBuiltYet

_PENDING: Final = {
    "init": "Write an advisor.yaml for this repository.",
    "diff": "Compare two plans: what changed in capacity, latency and cost.",
    "adopt": "Turn an existing manifest into a workload and a plan.",
    "sweep": "Measure a deployment over a range of loads.",
    "report": "Render a plan as one HTML page.",
    "compare": "Put several plans side by side.",
}
ANY_ARGUMENTS: Final = {"allow_extra_args": True, "ignore_unknown_options": True}


def not_built_yet(name: str) -> Callable[[], None]:
    """A command body that only says that it does not exist yet."""

    def command() -> None:
        raise NotBuiltYet(f"advisor {name}: not built yet in this version. Nothing was read or written.")

    return command


def register(app: typer.Typer, commands: dict[str, str] = _PENDING, prefix: str = "") -> None:
    """Add pending commands to a command tree; `prefix` is the group's name followed by a space."""
    for name, text in commands.items():
        app.command(name, help=f"{text} [dim](not built yet)[/dim]", context_settings=ANY_ARGUMENTS)(not_built_yet(prefix + name))
