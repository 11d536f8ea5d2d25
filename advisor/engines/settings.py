"""Between a runtime's flags and the settings that the estimates work on, both ways: reading back what was written changes nothing."""

from collections.abc import Mapping
from typing import Final

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.engine import EngineSettings, LlamaCppSettings, Parallelism
from advisor.domain.engine_record import EngineRecord, FlagFact, Runtime
from advisor.domain.hardware import Device
from advisor.engines.flags import find_runtime, given_flags, plain_value
from advisor.engines.settings_llama_cpp import llama_cpp_settings, python_load_flags
from advisor.engines.settings_vllm import RunsOn, device_defaults, vllm_settings
from advisor.errors import UserInputError

FlagValue = int | float | bool | str
NO_PARALLELISM: Final = Parallelism()


def settings_from_flags(
    record: EngineRecord,
    runtime: str,
    flags: Mapping[str, object],
    *,
    architecture: ModelArchitecture,
    device: Device,
    backend: str | None = None,
    parallelism: Parallelism = NO_PARALLELISM,
    strict: bool = True,
) -> EngineSettings:
    """Every setting of a runtime: what the flags fix, the runtime's default for the rest.

    Flags are the engine's own names with hyphens or underscores (short ones too) or the names of the settings; None means not given.
    `backend` defaults to the device's best one. Raises UserInputError for an unknown or removed flag, for a value out of range, and for
    what the engine itself refuses; with `strict` also for flags whose effect is not estimated.
    """
    facts = find_runtime(record, runtime)
    given = given_flags(record, runtime, flags, strict=strict)
    if record.id == "llama.cpp":
        return llama_cpp_settings(facts, given, architecture=architecture, device=device)
    return vllm_settings(record, facts, given, RunsOn(architecture, device, backend or best_backend(record, device), parallelism))


def best_backend(record: EngineRecord, device: Device) -> str:
    """The device's best backend that the engine has. Raises UserInputError where it has none."""
    for name in device.backends:
        if record.platform(name) is not None:
            return name
    runs_on = ", ".join(platform.backend for platform in record.platforms)
    raise UserInputError(f"device {device.id}: {record.title} does not run on it (backends of {record.title}: {runs_on})")


def parallelism_from_flags(record: EngineRecord, runtime: str, flags: Mapping[str, object]) -> Parallelism:
    """How the flags spread one replica; what they leave out is 1. Raises UserInputError for a number below 1."""
    chosen = {f.fact.parallelism: f.value for f in given_flags(record, runtime, flags, strict=False) if f.fact.parallelism is not None}
    sizes = {name: int(str(value)) for name, value in chosen.items() if name != "expert"}
    for name, size in sizes.items():
        if size < 1:
            raise UserInputError(f"{name} parallelism: {size} must be at least 1")
    return Parallelism(
        tensor=sizes.get("tensor", 1),
        pipeline=sizes.get("pipeline", 1),
        data=sizes.get("data", 1),
        expert=bool(chosen.get("expert", False)),
    )


def flags_of(
    settings: EngineSettings,
    record: EngineRecord,
    runtime: str,
    *,
    parallelism: Parallelism = NO_PARALLELISM,
    on: RunsOn | None = None,
) -> dict[str, FlagValue]:
    """The flags that pin everything that decides capacity, native names without dashes; a False switches the flag off.

    A setting whose fact says `pin: changed` is written only where it differs from the default; where the default depends on the
    device and `on` is not given, it is written.
    """
    facts = find_runtime(record, runtime)
    found: dict[str, FlagValue] = {}
    for fact in facts.flags:
        if fact.pin == "never" or (fact.setting is None and fact.parallelism is None):
            continue
        value = getattr(parallelism, fact.parallelism) if fact.parallelism else getattr(settings, str(fact.setting))
        if value is None or (fact.pin == "changed" and value == _default(record, facts, fact, on)):
            continue
        found[fact.names[0]] = written(fact, value)
    if isinstance(settings, LlamaCppSettings) and any("use_mmap" in fact.names for fact in facts.flags):
        found |= python_load_flags(settings.load_mode)
    return found


def _default(record: EngineRecord, runtime: Runtime, fact: FlagFact, on: RunsOn | None) -> object:
    """The value that needs no writing, None where that cannot be said."""
    if fact.parallelism is not None:
        return getattr(NO_PARALLELISM, fact.parallelism)
    name = str(fact.setting)
    if name in runtime.defaults:
        return plain_value(runtime.defaults[name])
    return None if on is None else device_defaults(record, on).get(name)


def written(fact: FlagFact, value: object) -> FlagValue:
    """A setting's value as its flag spells it."""
    if isinstance(value, tuple):
        return ",".join(f"{share:g}" for share in value)
    if fact.values:
        spelling = next(native for native, setting in fact.values.items() if setting == value)
        if fact.kind == "switch":
            return spelling == "true"
        return int(spelling) if spelling.isdigit() else spelling
    if isinstance(value, int | float | str):
        return value
    raise TypeError(f"{fact.names[0]}: {value!r} cannot be written on a command line")
