"""A runtime's own flags: names in any spelling to facts, text to values. What the engine does not know is refused by name."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar, cast

from advisor.domain.engine_record import EngineRecord, FlagFact, Runtime
from advisor.errors import UserInputError, did_you_mean

Value = int | float | bool | str | tuple[float, ...]

N = TypeVar("N", int, float)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgtKMGT])(i?[bB])?)?")
_FLAG: Final = re.compile(r"--?[A-Za-z]")  # -1 is a value
_TRUE: Final = frozenset({"true", "on", "yes", "1"})
_FALSE: Final = frozenset({"false", "off", "no", "0"})


@dataclass(frozen=True, slots=True)
class GivenFlag:
    """A flag that was given: which fact it is, under which name, and its value (False where it was switched off)."""

    fact: FlagFact
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Scanned:
    """A flag as it stands among arguments, from word `first` to word `last`; `name` is None for a word that belongs to no flag."""

    name: str | None
    value: str | bool
    first: int
    last: int


@lru_cache(maxsize=4096)
def normal_name(name: str) -> str:
    """`--n_ctx`, `n-ctx` and `-n-ctx` are the same flag."""
    return name.lstrip("-").replace("_", "-")


def find_runtime(record: EngineRecord, name: str) -> Runtime:
    """A runtime whose settings are known. Raises UserInputError for unknown ones and for those that are only listed."""
    runtime = record.runtimes.get(name)
    if runtime is None:
        raise UserInputError(f"runtime {name}: not a runtime of {record.id}; known: {', '.join(record.runtimes)}")
    if runtime.support == "listed":
        raise UserInputError(f"runtime {name}: listed only, not planned for. {runtime.why or ''}".rstrip())
    return runtime


def given_flags(record: EngineRecord, runtime_name: str, flags: Mapping[str, object], *, strict: bool = True) -> list[GivenFlag]:
    """The flags that fill a setting or the parallelism, parsed; a flag whose value is None was not given.

    Flags are known under the runtime's own names and under the name of the setting. With `strict` a flag whose effect is not
    estimated is refused; without, it is skipped (see `not_estimated_flags`). Unknown and removed ones are always refused.
    """
    runtime = find_runtime(record, runtime_name)
    table = _names(runtime)
    harmless = _normal((*runtime.harmless, *runtime.harmless_switches))
    found: list[GivenFlag] = []
    for name, given in flags.items():
        key = normal_name(name)
        if given is None or key in harmless:
            continue
        if key in table:
            fact, off = table[key]
            value = parse_value(fact, name, given)
            found.append(GivenFlag(fact, key, (not value) if off else value))
        elif strict or key not in _normal(runtime.not_estimated):
            _refuse(runtime_name, runtime, name, given)
    return found


def not_estimated_flags(runtime: Runtime, flags: Mapping[str, object]) -> dict[str, str]:
    """Those of the flags that move bytes or speed in a way the estimate does not follow, with what they do."""
    effects = {normal_name(name): effect for name, effect in runtime.not_estimated.items()}
    return {name: effects[normal_name(name)] for name in flags if normal_name(name) in effects}


def split_arguments(
    runtime: Runtime, arguments: Sequence[str], *, switches: frozenset[str] = frozenset()
) -> tuple[dict[str, object], list[str]]:
    """A server's arguments as flags (`--a b`, `--a=b`, `--switch`) and what is left over, the model for one. Later flags win.

    `switches` are more names that take no value than those of the runtime.
    """
    flags: dict[str, object] = {}
    rest: list[str] = []
    for each in scan_arguments(runtime, arguments, switches=switches):
        if each.name is None:
            rest.append(str(each.value))
        else:
            flags.pop(each.name, None)  # the last one given decides, also in the order
            flags[each.name] = each.value
    return flags, rest


def scan_arguments(runtime: Runtime, arguments: Sequence[str], *, switches: frozenset[str] = frozenset()) -> list[Scanned]:
    """Every flag in the order given, and the words that belong to none, each with where its first and last word stand."""
    table = _names(runtime)
    switches |= _normal(runtime.harmless_switches) | {name for name, (fact, off) in table.items() if off or is_switch(fact)}
    found: list[Scanned] = []
    index = 0
    while index < len(arguments):
        argument, following = arguments[index], arguments[index + 1 : index + 2]
        name, equals, value = argument.partition("=")
        if not _FLAG.match(argument):
            found.append(Scanned(None, argument, index, index))
        elif equals:
            found.append(Scanned(name.lstrip("-"), value, index, index))
        elif following and normal_name(name) not in switches and not _FLAG.match(following[0]):
            found.append(Scanned(name.lstrip("-"), following[0], index, index + 1))
        else:
            found.append(Scanned(name.lstrip("-"), True, index, index))
        index = found[-1].last + 1
    return found


def is_switch(fact: FlagFact) -> bool:
    """True for a flag that stands without a value."""
    return fact.kind == "switch" and not fact.values and fact.pin != "never"


def parse_value(fact: FlagFact, name: str, given: object) -> Value:
    """A value as the flag takes it: the word, the number, the switch; spelled as the setting spells it."""
    text = _text(given)
    if fact.kind == "switch" and not fact.values:
        return _switch(name, given)
    if fact.kind == "list":
        return _list(name, given)
    if fact.values:
        return _choice(name, text.lower(), tuple(fact.values), fact)
    if fact.choices:
        return _choice(name, text, fact.choices, fact)
    if text in fact.words:
        return text
    return text if fact.kind == "text" else _number(name, text, fact)


def plain_value(text: str) -> Value:
    """A default as the engine's record writes it, of a setting that no flag fills."""
    if text in ("on", "off"):
        return text == "on"
    if text == "":
        return ()
    return int(text) if text.isdigit() else text


def positive(values: Mapping[str, Value], name: str) -> int:
    """A whole number among a setting's values. Raises UserInputError unless it is above 0."""
    number = cast("int", values[name])
    if number <= 0:
        raise UserInputError(f"{name.replace('_', '-')}: {number} must be above 0")
    return number


def _choice(name: str, text: str, allowed: tuple[str, ...], fact: FlagFact) -> str:
    if text in fact.values.values():  # the setting's own spelling is understood everywhere
        return text
    if text not in allowed:
        known = tuple(dict.fromkeys((*allowed, *fact.values.values())))
        raise UserInputError(f"{name}: {text!r} is not one of {', '.join(known)}{did_you_mean(text, known)}")
    return fact.values.get(text, text)


def _number(name: str, text: str, fact: FlagFact) -> int | float:
    words = f", or {' or '.join(fact.words)}" if fact.words else ""
    if fact.kind == "size":
        return _size(name, text, words)
    try:
        number = int(text) if fact.kind == "int" else float(text)
    except ValueError:
        wanted = "a whole number" if fact.kind == "int" else "a number"
        raise UserInputError(f"{name}: {_shown(text)} is not {wanted}{words}") from None
    return _bounded(name, text, number)


def _shown(text: str) -> str:
    """A flag without a value is scanned as a switch that is on."""
    return "nothing" if text == "true" else repr(text if len(text) <= 40 else text[:40] + "…")


def _bounded(name: str, text: str, number: N) -> N:
    """Engines keep them in 64 bits; what does not fit there is no setting."""
    if not abs(number) <= 2**63:
        raise UserInputError(f"{name}: {_shown(text)} is not a finite number that an engine can hold")
    return number


def _size(name: str, text: str, words: str) -> int:
    """`16k` is 16,000, `16K` and `16Ki` are 16,384: lower case counts in thousands, upper case in 1,024s, as vLLM reads them."""
    match = _SIZE.fullmatch(text.removeprefix("-"))
    if match is None:
        raise UserInputError(f"{name}: {text!r} is not a number such as 16384, 16k or 10GiB{words}")
    number, letter, suffix = match.groups()
    power = "kmgt".index(letter.lower()) + 1 if letter else 0
    binary = letter is not None and (letter.isupper() or (suffix or "").startswith("i"))
    size = _bounded(name, text, float(number) * (1024 if binary else 1000) ** power if letter else float(number))
    if size != int(size):
        raise UserInputError(f"{name}: {text!r} is not a whole number")
    return -int(size) if text.startswith("-") else int(size)


def _switch(name: str, given: object) -> bool:
    text = _text(given).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise UserInputError(f"{name}: {text!r} is neither on nor off")


def _list(name: str, given: object) -> tuple[float, ...]:
    parts = list(given) if isinstance(given, list | tuple) else [part for part in re.split(r"[,/]", str(given)) if part.strip()]
    try:
        numbers = tuple(float(str(part)) for part in parts)
    except ValueError:
        raise UserInputError(f"{name}: {given!r} is not a list of numbers such as 3,2") from None
    if any(not math.isfinite(number) or number < 0 for number in numbers):
        raise UserInputError(f"{name}: {given!r}: shares must be finite and not negative")
    return numbers


def _text(given: object) -> str:
    """A value as it would stand on the command line."""
    return str(given).lower() if isinstance(given, bool) else str(given).strip()


def _names(runtime: Runtime) -> dict[str, tuple[FlagFact, bool]]:
    """Every accepted name of every flag; the second value is True for names that switch it off."""
    table: dict[str, tuple[FlagFact, bool]] = {}
    for fact in runtime.flags:
        own = (fact.setting,) if fact.setting is not None and fact.pin != "never" else ()
        table |= {normal_name(name): (fact, False) for name in (*own, *fact.names)}
        table |= {normal_name(name): (fact, True) for name in fact.off}
    return table


def _normal(names: Mapping[str, object] | tuple[str, ...]) -> frozenset[str]:
    return frozenset(normal_name(name) for name in names)


def _refuse(runtime_name: str, runtime: Runtime, name: str, given: object) -> None:
    """Raise for a flag that fills nothing; return for one that states what this runtime always does anyway."""
    key = normal_name(name)
    for removed in runtime.removed:
        if key in _normal(removed.names):
            raise UserInputError(f"{name}: {runtime_name} does not take this flag; use {removed.use}")
    fixed = runtime.defaults.get(key.replace("-", "_"))
    if fixed is not None:
        if _same(fixed, _text(given)):
            return
        raise UserInputError(f"{name}: {runtime_name} has no such setting; it always runs with {fixed}. Use another runtime")
    effect = not_estimated_flags(runtime, {name: given}).get(name)
    if effect is not None:
        raise UserInputError(f"{name}: {effect}, which is not estimated. Leave it out")
    known = [*_names(runtime), *runtime.harmless, *runtime.harmless_switches]
    raise UserInputError(f"{name}: not a flag of {runtime_name}{did_you_mean(key, known)}")


def _same(one: str, other: str) -> bool:
    return one == other.lower() or (one in _TRUE and other in _TRUE) or (one in _FALSE and other in _FALSE)
