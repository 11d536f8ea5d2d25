"""Flags as the arguments of a server's command line. Nothing is ever joined into a shell line to be run."""

from collections.abc import Mapping, Sequence

from advisor.domain.engine_record import FlagFact
from advisor.engines.flags import is_switch
from advisor.engines.settings import FlagValue


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


def _text(value: FlagValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
