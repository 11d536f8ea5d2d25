"""From a prospect to a sized option: settings, memory, rules on the recipe, and a sharper bound on replicas and cost."""

import math
from dataclasses import replace

from advisor.assess import Case, Sized, judged, steps_of
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import Estimate
from advisor.domain.quantity import Basis
from advisor.domain.verdict import Verdict
from advisor.errors import UserInputError
from advisor.estimate.step_time_base import StepTimeModel
from advisor.planning.bounds import in_flight_wanted, monthly_usd_at_least, replicas_needed
from advisor.planning.describe import over
from advisor.planning.option import DOES_NOT_FIT, Dropped, Missed, Option, Prospect
from advisor.planning.size_llama_cpp import llama_cpp_size, quickest
from advisor.planning.size_vllm import vllm_size
from advisor.units import GIB

REPLICAS_AT_MOST = 64
ENGINE_REFUSES = "engine"
_LATENCY_LIMITS = ("workload.ttft_p95_s", "workload.tpot_p95_s", "workload.e2e_p95_s")


def size_prospect(case: Case, prospect: Prospect) -> Option | Dropped:
    """The option, or why there is none."""
    in_a_hurry = prospect.on_host_share or case.workload.models in (None, "any")
    if in_a_hurry and prospect.checkpoint.format == "gguf" and (slow := _too_slow_at_its_quickest(case, prospect)):
        return slow
    found = _option_or_drop(case, prospect, slow_too=False)
    return found if isinstance(found, Dropped) else _too_slow_alone(case, prospect, found.sized.steps) or found


def _too_slow_at_its_quickest(case: Case, prospect: Prospect) -> Dropped | None:
    """Whatever the settings will be: said before they are searched and before any memory is worked out."""
    try:
        return _too_slow_alone(case, prospect, steps_of(quickest(case, prospect), case))
    except UserInputError:  # said by the search
        return None


def sized_anyway(case: Case, prospect: Prospect) -> Option | Dropped:
    """The option even when it, or any software, is too slow, as long as it would run."""
    return _option_or_drop(case, prospect, slow_too=True)


def _option_or_drop(case: Case, prospect: Prospect, *, slow_too: bool) -> Option | Dropped:
    try:
        sized = _sized(case, prospect)
    except UserInputError as refusal:  # the engine itself refuses this recipe on this device
        return _drop(prospect, Verdict(ENGINE_REFUSES, "block", str(refusal), Basis.EXACT, ()))
    return _screened(case, prospect, sized, slow_too=slow_too) or _does_not_fit(prospect, sized) or _option(case, prospect, sized)


def _sized(case: Case, prospect: Prospect) -> Sized:
    if prospect.checkpoint.format == "safetensors":
        return vllm_size(case, prospect)
    return llama_cpp_size(case, prospect, in_flight=in_flight_wanted(case.demand, case.workload.service_level))


def _screened(case: Case, prospect: Prospect, sized: Sized, *, slow_too: bool) -> Dropped | None:
    """Dropped by the first blocking verdict on the recipe or its memory; None when it may be simulated."""
    deployment = Deployment("screen", sized.candidate, 1 + case.demand.replicas_down)
    assessment = judged(deployment, prospect.available, Estimate(sized.memory, None, None, None), case)
    blocking = [v for v in assessment.verdicts if v.severity == "block" and not (slow_too and _about_speed(case, v))]
    return _drop(prospect, blocking[0], missed=_memory_missed(sized)) if blocking else None


def _about_speed(case: Case, verdict: Verdict) -> bool:
    rule = case.rules.get(verdict.rule)
    return rule is not None and any(path in _LATENCY_LIMITS for path in rule.reads)


def _does_not_fit(prospect: Prospect, sized: Sized) -> Dropped | None:
    if sized.memory.fits is not False:
        return None
    worst = max(sized.memory.devices, key=lambda d: d.required_bytes.value - d.usable_bytes.value)
    text = f"needs {worst.required_bytes.times(1 / GIB).show(' GiB')}, {worst.usable_bytes.value / GIB:.1f} GiB usable"
    return _drop(prospect, Verdict(DOES_NOT_FIT, "block", text, Basis.MODELLED, ()), missed=_memory_missed(sized))


def _memory_missed(sized: Sized) -> Missed | None:
    """How much the fullest device lacks; None when all are large enough."""
    worst = max(sized.memory.devices, key=lambda d: d.required_bytes.value / max(d.usable_bytes.value, 1.0))
    missed = Missed("required_gib", worst.required_bytes.value / GIB, worst.usable_bytes.value / GIB, Basis.MODELLED)
    return missed if worst.usable_bytes.value > 0 and missed.factor > 1 else None


def _too_slow_alone(case: Case, prospect: Prospect, steps: StepTimeModel) -> Dropped | None:
    """A request that is expected to be too slow on an idle replica is not expected to be quicker on a busy one."""
    level, demand = case.workload.service_level, case.demand
    prompt_tokens = max(1, demand.input_tokens.p95 - demand.shared_prefix_tokens)
    alone = (
        ("ttft_p95_s", level.ttft_p95_s, steps.prefill_s(prompt_tokens), "first token"),
        ("tpot_p95_s", level.tpot_p95_s, steps.decode_s(1, demand.typical_tokens), "per token"),
    )
    late = [(Missed(name, alone_s, limit, Basis.MODELLED), label) for name, limit, alone_s, label in alone if limit and alone_s > limit]
    if not late:
        return None
    missed, label = max(late, key=lambda pair: pair[0].factor)
    text = f"on an idle replica (modelled) {label} about {over(missed.expect, missed.at_most)}"
    return replace(_drop(prospect, Verdict(missed.name, "block", text, Basis.MODELLED, ()), missed=missed), prospect=prospect)


def _drop(prospect: Prospect, verdict: Verdict, *, missed: Missed | None = None) -> Dropped:
    return Dropped(prospect.family, prospect.checkpoint.quantization, prospect.available, verdict.rule, lambda: verdict, missed)


def _option(case: Case, prospect: Prospect, sized: Sized) -> Option:
    available = prospect.available
    per_node = max(1, available.node.devices // sized.candidate.parallelism.devices)
    most = REPLICAS_AT_MOST if available.nodes is None else max(1, available.nodes * per_node)
    needed = replicas_needed(case, sized)
    least = max(1, math.ceil(needed - 1e-9)) + case.demand.replicas_down
    usd = monthly_usd_at_least(case, available, nodes=needed / per_node if case.demand.piles_per_month else math.ceil(least / per_node))
    return Option(prospect, sized, least, most, max(usd, prospect.usd_per_month_at_least))
