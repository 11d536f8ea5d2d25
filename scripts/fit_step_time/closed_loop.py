"""A closed loop in the steady state: times per token and to the first token from step times, on columns.

Each of C clients asks again as soon as it has its answer. A step generates one token for each running request and computes the prompts
that have arrived since the last step, so that a step takes S = t / (1 - rho), where rho is the share of the time spent on the prompts
of others. A request waits for the step that is running, then for its own. The load simulation of the product does the same event by event,
and the fit holds to that (`simulated`): the closed form says how a time changes with the constants.
"""

from dataclasses import dataclass

import numpy as np

from fit_step_time.observations import Array

_ROUNDS = 4
_FULL = 0.99


@dataclass(frozen=True, slots=True)
class Loop:
    """The load of each row; `budget_tokens` are the tokens of one step."""

    clients: Array
    input_tokens: Array
    output_tokens: Array
    budget_tokens: Array


@dataclass(frozen=True, slots=True)
class Step:
    """Seconds of one decode step of all clients, of a prompt alone, of what a prompt adds to a step, and of what its step adds once."""

    decode_s: Array
    prompt_alone_s: Array
    prompt_added_s: Array
    prompts_step_s: Array


def closed_loop(loop: Loop, step: Step, *, floor_s: Array, waits: Array) -> tuple[Array, Array]:
    """Seconds per further token, and to the first. `waits`: steps that pass before a prompt's own."""
    others, alone = (loop.clients - 1) / loop.clients, loop.clients == 1
    parts = np.maximum(1.0, loop.input_tokens / loop.budget_tokens)
    per_token = step.prompt_added_s / loop.input_tokens
    full = per_token * loop.budget_tokens
    most_per_s = full / (full + step.decode_s) / step.prompt_added_s
    added, ttft = step.prompt_added_s + step.prompts_step_s, floor_s + step.prompt_alone_s
    for _ in range(_ROUNDS):
        whole = loop.output_tokens * step.decode_s + ttft + loop.clients * added * others
        root = np.sqrt(np.maximum(whole**2 - 4 * ttft * added * others * loop.clients, 0.0))
        rate = np.minimum(2 * loop.clients / (whole + root), most_per_s)  # of O S + TTFT = C / rate
        busy = np.minimum(rate * others * added, _FULL)
        step_s = step.decode_s / (1 - busy)
        together = np.maximum(rate * others * step_s, 1e-9)
        added = step.prompt_added_s + step.prompts_step_s * -np.expm1(-together) / together
        mixed = step.decode_s * parts + step.prompt_added_s + step.prompts_step_s + busy * (step_s + added)
        ttft = floor_s + np.where(alone, step.prompt_alone_s, waits * step_s + mixed)
    queued = loop.clients / rate - loop.output_tokens * step_s  # where prompts fill every step
    return step_s, np.maximum(ttft, queued)


def all_at_once(requests: Array, loop: Loop, step: Step) -> Array:
    """Seconds of so many requests that come together, of which as many run as there are clients: every prompt, and waves of outputs."""
    whole: Array = requests * step.prompt_added_s + requests / loop.clients * loop.output_tokens * step.decode_s
    return whole
