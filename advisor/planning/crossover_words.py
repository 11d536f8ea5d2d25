"""A predicted crossover in one sentence, and the command that measures it."""

from advisor.estimate.crossing import Crossing, times
from advisor.planning.crossover import FIRST, LOADS, SECOND, Crossover, Faced
from advisor.units import significant


def crossover_sentence(found: Crossover) -> str:
    """From how many requests at once which engine is ahead, and by how much where most are at once."""
    if found.why_not:
        return f"one engine only on {found.device}: {found.why_not}"
    most = found.points[-1]
    if found.crossing is None:
        assert found.comparison is not None  # noqa: S101 - it comes with the points
        return f"{_sides(found)}: {found.comparison.sentence().partition(': ')[0]}; {_ahead(most)}"
    crossing = found.crossing
    users = found.users(crossing.concurrency)
    also = f", about {significant(users)} users" if users else ""
    overtakes = f"{crossing.overtakes} overtakes {crossing.overtaken} from about {significant(crossing.concurrency)} requests at once"
    return f"{_sides(found)}: {overtakes} ({_range(crossing)}, modelled){also}; {_ahead(most)}"


def measuring_command(found: Crossover) -> str:
    """What to type on a machine with both engines."""
    lengths = f"--input-tokens {found.input_tokens} --output-tokens {found.output_tokens}"
    return f"advisor crossover {found.model} --quantization {found.first},{found.second} {lengths}"


def _sides(found: Crossover) -> str:
    first, second = found.devices
    on = f"{first} x {found.device}" if first == second else f"{first} and {second} x {found.device}"
    return f"{FIRST} {found.first} and {SECOND} {found.second} on {on}"


def _ahead(point: Faced) -> str:
    """How far apart they are with so many at once, with the range."""
    engine, value, low, high = (
        (SECOND, point.ratio.value, point.ratio.low, point.ratio.high)
        if point.ratio.value >= 1
        else (FIRST, 1 / point.ratio.value, 1 / point.ratio.high, 1 / point.ratio.low)
    )
    return f"with {point.at_once} at once {engine} serves {times(value)} as much ({times(low)}-{times(high)})"


def _range(crossing: Crossing) -> str:
    low = "below 1" if crossing.low is None else significant(crossing.low)
    high = f"beyond {LOADS[-1]}" if crossing.high is None else significant(crossing.high)
    return f"{low}-{high}" if crossing.low is not None and crossing.high is not None else f"{low} to {high}"
