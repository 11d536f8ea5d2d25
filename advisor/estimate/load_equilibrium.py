"""The steady state of a replica in closed form: how many requests are in service, and how many it can finish per second.

With n requests in service, each sees its own decode steps and each of the n prompts once:
cycle(n) = O t(n) + n p, rate(n) = n / cycle(n).
"""

from dataclasses import dataclass

from advisor.domain.workload import Load
from advisor.estimate.replica_limits import ReplicaLimits
from advisor.estimate.step_time_base import StepTimeModel


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """Where a load settles: requests in service and waiting, the rate, and whether the replica is the limit."""

    in_service: int
    waiting: float
    requests_per_s: float
    saturated: bool


@dataclass(frozen=True, slots=True)
class ReplicaCurve:
    """Rate of one replica by the number of requests in service, at the mean lengths."""

    steps: StepTimeModel
    limits: ReplicaLimits
    input_tokens: float
    output_tokens: float

    @property
    def floor_s(self) -> float:
        """Seconds of a request outside the engine's steps."""
        return self.steps.request_floor_s * self.steps.prefill_scale

    @property
    def most_in_service(self) -> int:
        """Slots, or as many mean requests as the cache holds."""
        held = self.limits.held_tokens(self.input_tokens, self.output_tokens)
        return max(1, min(self.limits.slots, int(self.limits.cache_tokens / held)))

    def cycle_s(self, in_service: int) -> float:
        """Seconds a request spends in service."""
        context = self.input_tokens + self.output_tokens / 2
        return self.output_tokens * self.steps.decode_s(in_service, context) + in_service * self._prompt_s(in_service, context)

    def _prompt_s(self, in_service: int, context: float) -> float:
        """What one prompt adds to the steps of all; of n requests each begins once in O steps, so n / O prompts share a step."""
        tokens = max(self.input_tokens - self.limits.reused_tokens, 1.0)
        prompts = max(1, round(in_service / self.output_tokens))
        others = max(in_service - prompts, 0)
        chunk = min(tokens * prompts, max(self.limits.step_tokens - others, 1))
        reused = self.limits.reused_tokens
        step = self.steps.mixed_step_s(others, context, prefill_tokens=chunk, prefill_context_tokens=reused, prompts=prompts)
        alone = self.steps.decode_s(others, context) if others else 0.0
        return (step - alone) * tokens / chunk

    def rate_per_s(self, in_service: int) -> float:
        """Requests per second with so many in service."""
        return in_service / self.cycle_s(in_service)

    @property
    def capacity_per_s(self) -> float:
        """Requests per second of a replica that is never idle."""
        return self.rate_per_s(self.most_in_service)

    def settle(self, load: Load) -> Equilibrium:
        """Where this share of the load settles, by bisection over the requests in service."""
        most = self.most_in_service
        if load.batch is not None or self._asked(load, most) < 0:
            rate = self.capacity_per_s
            waiting = max(0.0, -self._asked(load, most)) if load.batch is None else float(load.batch.requests)
            return Equilibrium(most, waiting, rate, True)
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._asked(load, middle) < 0 else (low, middle)
        rate = min(self.rate_per_s(high), load.requests_per_s or self.rate_per_s(high))
        return Equilibrium(high, 0.0, rate, False)

    def _asked(self, load: Load, in_service: int) -> float:
        """Below 0: the load asks for more than `in_service` requests at a time."""
        rate = self.rate_per_s(in_service)
        if load.requests_per_s is not None:
            return rate - load.requests_per_s
        if load.in_flight is not None:
            return in_service - load.in_flight
        assert load.users is not None  # noqa: S101 - a load has exactly one of the four
        return in_service + rate * (load.users.pause_s or 0.0) - load.users.active
