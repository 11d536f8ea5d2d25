"""From a prospect to a sized option: settings, memory, rules on the recipe, and a sharper bound on replicas and cost."""

import math

from advisor.assess import Case, Sized, judged
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import Estimate
from advisor.domain.quantity import Basis
from advisor.domain.verdict import Verdict
from advisor.errors import UserInputError
from advisor.planning.bounds import in_flight_wanted, monthly_usd_at_least, replicas_at_least
from advisor.planning.option import Dropped, Option, Prospect
from advisor.planning.size_llama_cpp import llama_cpp_size
from advisor.planning.size_vllm import vllm_size
from advisor.units import GIB, significant

REPLICAS_AT_MOST = 64
ENGINE_REFUSES = "engine"


def size_prospect(case: Case, prospect: Prospect) -> Option | Dropped:
    """The option, or why there is none."""
    try:
        sized = _sized(case, prospect)
    except UserInputError as refusal:  # the engine itself refuses this recipe on this device
        return _drop(prospect, Verdict(ENGINE_REFUSES, "block", str(refusal), Basis.EXACT, ()))
    verdict = _screened(case, prospect, sized) or _too_slow_alone(case, sized)
    return _option(case, prospect, sized) if verdict is None else _drop(prospect, verdict)


def _sized(case: Case, prospect: Prospect) -> Sized:
    model, checkpoint, node = prospect.model, prospect.checkpoint, prospect.available.node
    if checkpoint.format == "safetensors":
        return vllm_size(case, model, checkpoint, node=node, devices=prospect.devices)
    in_flight = in_flight_wanted(case.demand, case.workload.service_level)
    return llama_cpp_size(case, model, checkpoint, node=node, devices=prospect.devices, in_flight=in_flight)


def _screened(case: Case, prospect: Prospect, sized: Sized) -> Verdict | None:
    """The first blocking verdict on the recipe or its memory; None when it may be simulated."""
    deployment = Deployment("screen", sized.candidate, 1 + case.demand.replicas_down)
    assessment = judged(deployment, prospect.available, Estimate(sized.memory, None, None, None), case)
    blocking = [verdict for verdict in assessment.verdicts if verdict.severity == "block"]
    if blocking:
        return blocking[0]
    return _does_not_fit(sized) if sized.memory.fits is False else None


def _does_not_fit(sized: Sized) -> Verdict:
    worst = max(sized.memory.devices, key=lambda d: d.required_bytes.value - d.usable_bytes.value)
    text = f"needs {worst.required_bytes.times(1 / GIB).show(' GiB')}, {worst.usable_bytes.value / GIB:.1f} GiB usable"
    return Verdict("memory", "block", text, Basis.MODELLED, ())


def _too_slow_alone(case: Case, sized: Sized) -> Verdict | None:
    """A request that is expected to be too slow on an idle replica is not expected to be quicker on a busy one."""
    level, demand, steps = case.workload.service_level, case.demand, sized.steps
    prompt_tokens = max(1, demand.input_tokens.p95 - demand.shared_prefix_tokens)
    alone = {
        "ttft_p95_s": (level.ttft_p95_s, steps.prefill_s(prompt_tokens), "first token"),
        "tpot_p95_s": (level.tpot_p95_s, steps.decode_s(1, demand.typical_tokens), "per token"),
    }
    for name, (limit, expected_s, label) in alone.items():
        if limit is not None and expected_s > limit:
            text = f"{label} about {significant(expected_s)} s on an idle replica (modelled); limit {limit:g} s"
            return Verdict(name, "block", text, Basis.MODELLED, ())
    return None


def _drop(prospect: Prospect, verdict: Verdict) -> Dropped:
    return Dropped(prospect.family, prospect.text, prospect.available, verdict)


def _option(case: Case, prospect: Prospect, sized: Sized) -> Option:
    available = prospect.available
    per_node = max(1, available.node.devices // sized.candidate.parallelism.devices)
    most = REPLICAS_AT_MOST if available.nodes is None else max(1, available.nodes * per_node)
    least = replicas_at_least(case, sized) + case.demand.replicas_down
    usd = monthly_usd_at_least(case, available, nodes=math.ceil(least / per_node))
    return Option(prospect, sized, least, most, max(usd, prospect.usd_per_month_at_least))
