"""One replica's recipe: the settings that the sizing wants, then those that the rules decide, built as the engine would take them."""

import dataclasses
from collections.abc import Callable, Mapping

from advisor.assess import Case, facts_of
from advisor.domain.deployment import Candidate
from advisor.domain.engine import EngineName, Parallelism
from advisor.engines.flags import find_runtime
from advisor.errors import UserInputError
from advisor.intake.candidate import build_candidate
from advisor.planning.option import Prospect
from advisor.rules.build_facts import GRAPH_FACTS
from advisor.rules.judge import Configuration, configure

Reasons = Callable[[Candidate], dict[str, str]]


def configured_candidate(
    case: Case, prospect: Prospect, settings: Mapping[str, object], *, engine: EngineName, parallelism: Parallelism, why: Reasons
) -> Candidate:
    """The prospect with these settings and those of the rules that fire on it, which win; `why` gives the sizing's reasons.

    Raises UserInputError for what the engine would refuse, naming the rules where it is theirs.
    """

    def built(wanted: Mapping[str, object]) -> Candidate:
        candidate = build_candidate(
            case.catalog,
            model=prospect.model,
            quantization=prospect.checkpoint.quantization,
            engine=engine,
            runtime=None,
            version=None,
            node=prospect.available.node,
            devices=prospect.devices,
            parallelism=parallelism,
            flags=wanted,
        )
        return dataclasses.replace(candidate, why=why(candidate))

    candidate = built(settings)
    graph = case.rules.ask_for(GRAPH_FACTS, "configure")
    decided = configure(case.rules, facts_of(candidate, prospect.available, case, graph=graph))
    if not decided.settings:
        return candidate
    try:
        candidate = built({**settings, **{path.partition(".")[2]: value for path, value in decided.settings.items()}})
    except UserInputError as refusal:
        behind = ", ".join(sorted({decided.decided_by[path] for path in decided.settings}))
        raise UserInputError(f"{refusal} (set by {behind})") from None
    return dataclasses.replace(candidate, why=candidate.why | _reasons(case, candidate, decided))


def _reasons(case: Case, candidate: Candidate, decided: Configuration) -> dict[str, str]:
    """The rule's message behind each decided setting, by the flag that this runtime spells it with."""
    facts = find_runtime(case.catalog.engine(candidate.runtime.engine), candidate.runtime.runtime)
    flags = {fact.setting: fact.names[0] for fact in facts.flags}
    said = {verdict.rule: f"{verdict.message} [{verdict.rule}]" for verdict in decided.verdicts}
    names = {path.partition(".")[2]: rule for path, rule in decided.decided_by.items() if path in decided.settings}
    return {flags[name]: said[rule] for name, rule in names.items() if name in flags}
