"""Continuous batching of one replica, event by event: an event is a step with a prompt in it, or a stretch of decode steps without change.

Each step takes at most `step_tokens`: running requests first, then prompts in order of arrival, in chunks. vLLM's scheduler
(`v1/core/sched/scheduler.py`) and llama-server's slots both work like this; they differ in what they do when the cache is full.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from advisor.estimate.replica_limits import ReplicaLimits
from advisor.estimate.step_time_base import StepTimeModel


@dataclass(slots=True, eq=False)
class SimulatedRequest:
    """One request; times are None until they happen. `cached_tokens` and `held_tokens` are as of `joined_tick`: they grow each step."""

    arrived_s: float
    input_tokens: int
    output_tokens: int
    measured: bool
    generated_tokens: int = 0
    cached_tokens: int = 0  # context that attention reads
    held_tokens: float = 0.0  # charged to the pool
    joined_tick: int = 0
    admission: int = 0
    admitted_s: float | None = None
    first_token_s: float | None = None
    finished_s: float | None = None

    @property
    def prompt_tokens(self) -> int:
        """What must be in the cache before the next token: after a preemption the generated tokens count as prompt."""
        return self.input_tokens + self.generated_tokens


@dataclass(slots=True)
class Simulation:
    """One replica from its arrivals on; `run` advances it."""

    steps: StepTimeModel
    limits: ReplicaLimits
    now_s: float = 0.0
    tick: int = 0  # decode steps so far
    used_tokens: float = 0.0
    context_tokens: float = 0.0  # of all running requests
    arrivals: list[tuple[float, int, SimulatedRequest]] = field(default_factory=list)
    waiting: deque[SimulatedRequest] = field(default_factory=deque)
    prefilling: deque[SimulatedRequest] = field(default_factory=deque)
    running: list[tuple[int, int, SimulatedRequest]] = field(default_factory=list)  # heap by the tick of the last token
    order: int = 0

    def submit(self, request: SimulatedRequest) -> None:
        """Let a request arrive at its `arrived_s`."""
        self.order += 1
        heapq.heappush(self.arrivals, (request.arrived_s, self.order, request))

    def start_running(self, request: SimulatedRequest, generated_tokens: int) -> None:
        """Put a request in service that is half done: a start near the steady state."""
        request.admitted_s = request.first_token_s = self.now_s
        request.generated_tokens = generated_tokens
        request.cached_tokens = request.prompt_tokens
        self._hold(request)
        self._join(request)

    def run(self, until: Callable[[], bool], on_finish: Callable[[SimulatedRequest], None]) -> None:
        """Advance until `until()` or until nothing is left."""
        while not until():
            while self.arrivals and self.arrivals[0][0] <= self.now_s:
                self.waiting.append(heapq.heappop(self.arrivals)[2])
            self._admit()
            if self.prefilling:
                self._long_prompt_stretch()
                self._mixed_step()
            elif self.running:
                self._decode_stretch()
            elif self.arrivals:
                self.now_s = self.arrivals[0][0]
            else:
                return
            self._finish(on_finish)

    # ---- the pool

    def _needed_tokens(self, request: SimulatedRequest) -> float:
        """What admission charges: the prompt, or the whole request where the engine cannot take it back."""
        shared = self.limits.reused_tokens if self.limits.shares_prefix else 0
        ahead = 0 if self.limits.preempts else request.output_tokens - request.generated_tokens
        return max(1.0, request.prompt_tokens - shared + ahead)

    def _hold(self, request: SimulatedRequest) -> None:
        request.held_tokens = self._needed_tokens(request)
        self.used_tokens += request.held_tokens

    def _admit(self) -> None:
        """First come, first served, while a slot is free and the cache holds it; a replica at rest takes any request."""
        while self.waiting and len(self.running) + len(self.prefilling) < self.limits.slots:
            request = self.waiting[0]
            busy = self.running or self.prefilling
            if busy and self.used_tokens + self._needed_tokens(request) > self.limits.cache_tokens:
                return
            self.waiting.popleft()
            self._hold(request)
            self.order += 1
            request.admission = self.order
            request.admitted_s = self.now_s if request.admitted_s is None else request.admitted_s
            request.cached_tokens = min(self.limits.reused_tokens, request.prompt_tokens - 1)
            self.prefilling.append(request)

    # ---- steps

    def _long_prompt_stretch(self) -> None:
        """Steps that the first prompt fills alone, all but its last: nothing else changes before the next last token."""
        request, batch = self.prefilling[0], len(self.running)
        budget = max(self.limits.step_tokens - batch, 1)
        steps = (request.prompt_tokens - request.cached_tokens - 1) // budget
        if self.running:
            steps = min(steps, self.running[0][0] - self.tick - 1)
        if steps < 2:
            return
        context = self.context_tokens / batch + (steps - 1) / 2 if batch else 0.0
        behind = request.cached_tokens + (steps - 1) * budget / 2
        self.now_s += steps * self.steps.mixed_step_s(batch, context, prefill_tokens=budget, prefill_context_tokens=behind)
        request.cached_tokens += steps * budget
        self._advance(steps)

    def _mixed_step(self) -> None:
        """One token for each running request, the rest of the step's budget for prompts; a completed prompt samples its first token."""
        batch = len(self.running)
        budget = max(self.limits.step_tokens - batch, 1)
        tokens, weighted_context, prompts, completed = 0, 0, 0, 0
        for request in self.prefilling:
            chunk = min(budget - tokens, request.prompt_tokens - request.cached_tokens)
            if chunk <= 0:
                break
            weighted_context += chunk * request.cached_tokens
            tokens, prompts = tokens + chunk, prompts + 1
            request.cached_tokens += chunk
            completed += request.cached_tokens == request.prompt_tokens
        context = self.context_tokens / batch if batch else 0.0
        behind = weighted_context / tokens
        self.now_s += self.steps.mixed_step_s(batch, context, prefill_tokens=tokens, prefill_context_tokens=behind, prompts=prompts)
        self._advance(1)
        for _ in range(completed):
            request = self.prefilling.popleft()
            request.first_token_s = self.now_s if request.first_token_s is None else request.first_token_s
            request.generated_tokens += 1
            self._join(request)

    def _decode_stretch(self) -> None:
        """As many steps as pass before the next last token, the next arrival that finds a slot, or the end of the cache."""
        if self.limits.preempts:
            while len(self.running) > 1 and self._room_steps() < 1:
                self._preempt()
        batch = len(self.running)
        context = self.context_tokens / batch
        step_s = self.steps.decode_s(batch, context)
        steps = self.running[0][0] - self.tick
        if self.arrivals and batch < self.limits.slots:
            steps = min(steps, math.ceil((self.arrivals[0][0] - self.now_s) / step_s))
        if self.limits.preempts and batch > 1:
            steps = min(steps, self._room_steps())
        if steps > 1:
            step_s = self.steps.decode_s(batch, context + (steps - 1) / 2)
        steps = max(steps, 1)
        self.now_s += steps * step_s
        self._advance(steps)

    def _room_steps(self) -> int:
        return int((self.limits.cache_tokens - self.used_tokens) / len(self.running))

    def _advance(self, steps: int) -> None:
        grown = steps * len(self.running)
        self.tick += steps
        self.context_tokens += grown
        self.used_tokens += grown if self.limits.preempts else 0

    # ---- the running set

    def _join(self, request: SimulatedRequest) -> None:
        request.joined_tick = self.tick
        self.context_tokens += request.cached_tokens
        last_tick = self.tick + max(request.output_tokens - request.generated_tokens, 0)
        self.order += 1
        heapq.heappush(self.running, (last_tick, self.order, request))

    def _leave(self, request: SimulatedRequest) -> None:
        steps = self.tick - request.joined_tick
        self.context_tokens -= request.cached_tokens + steps
        self.used_tokens -= request.held_tokens + (steps if self.limits.preempts else 0)
        request.generated_tokens += steps

    def _preempt(self) -> None:
        """The request admitted last loses its cache and waits at the front, to be computed again."""
        index = max(range(len(self.running)), key=lambda i: self.running[i][2].admission)
        request = self.running.pop(index)[2]
        heapq.heapify(self.running)
        self._leave(request)
        self.waiting.appendleft(request)

    def _finish(self, on_finish: Callable[[SimulatedRequest], None]) -> None:
        while self.running and self.running[0][0] <= self.tick:
            request = heapq.heappop(self.running)[2]
            self._leave(request)
            request.finished_s = self.now_s
            on_finish(request)
