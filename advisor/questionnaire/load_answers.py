"""Answers about the load and the lengths of texts."""

import re
from pathlib import Path
from typing import Final, Literal

from advisor.domain.demand import Lengths
from advisor.domain.workload import TokenLengths
from advisor.errors import UserInputError
from advisor.intake.lengths import read_lengths
from advisor.planning.demand import usual_lengths
from advisor.questionnaire.parsing import count, number, seconds
from advisor.questionnaire.question import Situation, Understood
from advisor.units import significant

_RATE: Final = re.compile(r"(.+?)\s*(?:requests?\s*)?(?:/\s*s|per second|rps|req/s)")
_IN_FLIGHT: Final = re.compile(r"(.+?)\s*(?:requests?\s*)?(?:in flight|concurrent|at once)")
_BATCH: Final = re.compile(r"(.+?)\s*(?:requests?\s*)?(?:in|within)\s+(.+?)\s*(?:h|hours?)")
_USERS: Final = re.compile(r"(.+?)\s*(?:users?|people|persons?)?")
_SAMPLES: Final = (".jsonl", ".json", ".ndjson", ".prom", ".txt")


def parse_load(text: str, _: Situation) -> Understood:
    """`240` people, `3/s`, `16 in flight`, or `10000 in 8 h`."""
    asked = text.strip().casefold()
    if match := _BATCH.fullmatch(asked):
        batch = {"load.batch.requests": count(match[1], "requests"), "load.batch.finish_within_h": _above_zero(match[2], "8")}
        return Understood(batch, said="A pile with a deadline: nobody waits for a single answer.")
    if match := _IN_FLIGHT.fullmatch(asked):
        return Understood({"load.in_flight": count(match[1], "requests in flight")})
    if match := _RATE.fullmatch(asked):
        return Understood({"load.requests_per_s": _above_zero(match[1], "3")})
    match = _USERS.fullmatch(asked)
    if match is None:
        raise UserInputError("give a number of people, such as 240")
    return Understood({"load.users.active": count(match[1], "people (or write 3/s, 16 in flight, 10000 in 8 h)")})


def _above_zero(text: str, example: str) -> float:
    value = number(text, example)
    if value <= 0:
        raise UserInputError(f'"{text}": must be above 0')
    return value


def parse_pause(text: str, situation: Situation) -> Understood:
    """Seconds between reading an answer and the next request."""
    pause_s = seconds(text)
    people = situation.values["load.users.active"]
    if not isinstance(people, int):
        raise UserInputError("say first how many people there are")
    if pause_s == 0:
        said = f"Nobody pauses: {people:,} requests are in flight all the time."
    else:
        said = f"That is at most {significant(people / pause_s)} requests/s, less the time that the answers take."
        said += f" Half the pause nearly doubles the load: {significant(2 * people / pause_s)} requests/s."
    return Understood({"load.users.pause_s": pause_s}, said=said)


def parse_lengths(which: Literal["input_tokens", "output_tokens"], text: str, situation: Situation) -> Understood:
    """`4000/9000/15000` (median, 95th percentile, longest), the median alone, or a file that tells them (read_lengths)."""
    if text.strip().casefold().endswith(_SAMPLES):
        return _from_samples(Path(text.strip()).expanduser(), situation)
    parts = [count(part, "tokens (median/p95/longest)") for part in re.split(r"\s*/\s*|\s+", text.strip())]
    if len(parts) > 3:
        raise UserInputError(f'"{text}": give at most three numbers, median/p95/longest, such as 4000/9000/15000')
    usual = situation.preset.input_tokens if which == "input_tokens" else situation.preset.output_tokens
    lengths = _ordered(parts, usual)
    names = ("p50", "p95", "max")
    values: dict[str, object] = {f"request.{which}.{name}": getattr(lengths, name) for name in names}
    assumed = {f"request.{which}.{name}": "in the preset's proportion" for name in names[len(parts) :]}
    said = f"median {lengths.p50:,}, p95 {lengths.p95:,}, longest {lengths.max:,} tokens"
    return Understood(values, assumed, f"{said}{'; the rest in the proportion of the preset' if assumed else ''}.")


def _ordered(parts: list[int], usual: Lengths) -> Lengths:
    try:
        return usual_lengths(TokenLengths(*parts), usual)
    except ValueError as error:
        raise UserInputError(str(error)) from None


def _from_samples(path: Path, situation: Situation) -> Understood:
    samples = read_lengths(path, situation.catalog.engines.values())
    values: dict[str, object] = {}
    for which, lengths in (("input_tokens", samples.input_tokens), ("output_tokens", samples.output_tokens)):
        for name in ("p50", "p95", "max"):
            values[f"request.{which}.{name}"] = getattr(lengths, name)
    sent, made = samples.input_tokens, samples.output_tokens
    said = f"{samples.said}: in p50 {sent.p50:,} p95 {sent.p95:,} max {sent.max:,}, "
    return Understood(values, said=f"{said}out p50 {made.p50:,} p95 {made.p95:,} max {made.max:,} tokens.")


def preset_lengths(which: Literal["input_tokens", "output_tokens"], situation: Situation) -> str:
    """The preset's lengths as an answer."""
    lengths = situation.preset.input_tokens if which == "input_tokens" else situation.preset.output_tokens
    return f"{lengths.p50}/{lengths.p95}/{lengths.max}"
