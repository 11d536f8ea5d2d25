"""What a server would really run with, flag by flag, whoever chose it: the user, the runtime or the engine's own laws."""

import dataclasses

from advisor.domain.engine import EngineSettings, LlamaCppSettings, Parallelism
from advisor.domain.engine_record import EngineRecord
from advisor.engines.flags import find_runtime
from advisor.engines.settings import FlagValue, written
from advisor.engines.settings_llama_cpp import python_load_flags


def effective_flags(
    settings: EngineSettings, record: EngineRecord, runtime: str, *, parallelism: Parallelism
) -> dict[str, FlagValue | None]:
    """Every setting under the runtime's flag name (its own name with hyphens where the runtime has no flag for it); None is unset."""
    facts = find_runtime(record, runtime)
    by_setting = {fact.setting: fact for fact in facts.flags if fact.setting is not None and fact.pin != "never"}
    found: dict[str, FlagValue | None] = {}
    for field in dataclasses.fields(settings):
        value, fact = getattr(settings, field.name), by_setting.get(field.name)
        if fact is None:
            found[field.name.replace("_", "-")] = value
        else:
            found[fact.names[0]] = None if value is None else written(fact, value)
    for fact in facts.flags:
        if fact.parallelism is not None:
            found[fact.names[0]] = written(fact, getattr(parallelism, fact.parallelism))
    if isinstance(settings, LlamaCppSettings) and "load_mode" not in by_setting:
        del found["load-mode"]
        found |= python_load_flags(settings.load_mode)
    return found
