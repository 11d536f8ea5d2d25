"""How fast memory and arithmetic are, measured in a process of its own (validators/machine_rates.py)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from advisor.domain.calibrated import MachineRates
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.errors import EngineFailed
from advisor.validation.contention import RETRIES, Contention, undisturbed
from advisor.validation.smoke.host import watch_host

_VALIDATOR: Final = "machine_rates.py"
_NAME: Final = "the memory test"
_EACH_S: Final = 2.0  # reading, copying, multiplying
_LIMITS: Final = Limits(time_s=60.0, silence_s=30.0, output_bytes=1_000_000)


def measure_rates(python: Path, *, left_s: Callable[[], float], say: Callable[[str], None]) -> tuple[MachineRates, Contention]:
    """Measured again while others use the processors. `python` is best an engine's own, which has numpy.

    Raises EngineFailed for a report that is none, TimedOut, Interrupted.
    """

    def once() -> tuple[dict[str, Any], Contention]:
        with watch_host(()) as watched:
            told = ask_validator(python, _VALIDATOR, {"seconds": _EACH_S}, name=_NAME, limits=_LIMITS)
        return told, watched.contention([])

    say("memory and arithmetic")
    told, contention = undisturbed(once, disturbed=_disturbed, retries=RETRIES, left_s=left_s, say=say)
    try:
        names = ("threads", "read_bytes_per_s", "copy_bytes_per_s", "flops_per_s")
        return MachineRates(**{name: told[name] for name in names}), contention
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailed(f"{_NAME}: its report lacks or misshapes {error}") from None


def _disturbed(found: tuple[dict[str, Any], Contention]) -> str | None:
    contention = found[1]
    return contention.words() if contention.disturbed else None
