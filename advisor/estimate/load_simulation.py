"""One replica, event by event: an event is a step with a prompt in it, or a stretch of decode steps without change.

Each step takes at most `step_tokens`: running requests first, then prompts in chunks. vLLM (`v1/core/sched/scheduler.py`) takes prompts in
order of arrival as long as the pool holds them whole, and when it runs out preempts the request admitted last, to compute it again;
where it schedules ahead, a step was put together when the one before it began, and takes nobody who came later; before V1 prompts had
steps of their own.
llama-server (`tools/server/server-context.cpp`, `update_slots`) takes prompts in order of slots, whether or not the pool will hold them,
and when a shared pool runs out fails every request in service. A serial runtime has one slot.
"""

import heapq
from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter

from advisor.estimate.load_pool import CachePool, cache_pool
from advisor.estimate.load_requests import SimulatedRequest
from advisor.estimate.load_stretch import gaps_by_halves, steps_until
from advisor.estimate.replica_limits import ReplicaLimits
from advisor.estimate.step_time_base import StepTimeModel

_LONG_STRETCH = 24  # steps, from which on the gaps at its end are told from those at its beginning
_place = attrgetter("place")


@dataclass(slots=True)
class Simulation:
    """One replica from its arrivals on; `run` advances it until it is `stopped` or nothing is left."""

    steps: StepTimeModel
    limits: ReplicaLimits
    pool: CachePool = field(init=False)
    free_slots: list[int] = field(init=False)  # least recently used first
    now_s: float = 0.0
    tick: int = 0  # steps in which everybody running wrote a token
    context_tokens: int = 0  # of all running requests
    measured: range = range(1 << 60)  # by the order of arrival
    arrived: int = 0
    arrivals: list[tuple[float, int, SimulatedRequest]] = field(default_factory=list)
    waiting: deque[SimulatedRequest] = field(default_factory=deque)
    prefilling: list[SimulatedRequest] = field(default_factory=list)
    running: list[tuple[int, int, SimulatedRequest]] = field(default_factory=list)  # heap by the tick of the last token
    on_finish: Callable[[SimulatedRequest], None] = lambda request: None
    stopped: bool = False
    step_began_s: float = 0.0  # the last one
    order: int = 0
    gaps: list[tuple[float, int]] = field(default_factory=list)  # seconds between two tokens of a request, and how many such
    block_seconds: float = 0.0

    def __post_init__(self) -> None:
        limits = self.limits
        self.pool = cache_pool(limits.cache_tokens, limits.block_tokens, limits.reused_tokens if limits.shares_prefix else 0)
        self.free_slots = list(range(limits.slots))[::-1] if not limits.preempts else []

    def submit(self, request: SimulatedRequest) -> None:
        """Let a request arrive at its `arrived_s`."""
        self.order += 1
        heapq.heappush(self.arrivals, (request.arrived_s, self.order, request))

    def start_running(self, request: SimulatedRequest, generated_tokens: int) -> None:
        """Put a request in service that is half done: a start near the steady state."""
        request.admitted_s = request.first_token_s = self.now_s
        request.generated_tokens = generated_tokens
        request.prompt_tokens = request.input_tokens + generated_tokens
        self._seat(request)
        self.pool.take(self.pool.blocks(request.prompt_tokens) - self.pool.blocks(request.cached_tokens))
        request.cached_tokens = request.prompt_tokens
        self._join(request)

    def run(self, on_finish: Callable[[SimulatedRequest], None], until_s: float = float("inf")) -> None:
        """Advance, no further than the event that reaches `until_s`, and tell of each request that is over."""
        self.on_finish = on_finish
        arrivals, waiting, running, prefilling = self.arrivals, self.waiting, self.running, self.prefilling
        ahead = self.steps.scheduling == "ahead"
        while not self.stopped and self.now_s < until_s:
            seen_s = self.step_began_s if ahead and (running or prefilling) else self.now_s
            while arrivals and arrivals[0][0] <= seen_s:
                request = heapq.heappop(arrivals)[2]
                request.measured = self.arrived in self.measured
                self.arrived += 1
                waiting.append(request)
            while waiting and self.free_slots:
                insort(prefilling, self._seat(waiting.popleft()), key=_place)
            if prefilling or (waiting and self._admissible(waiting[0])):
                self._prompt_step()
            elif running:
                self._decode_stretch()
            elif arrivals:
                self.now_s = arrivals[0][0]
            else:
                break
            while running and running[0][0] <= self.tick:
                self._finish()

    # ---- admission

    def _seat(self, request: SimulatedRequest) -> SimulatedRequest:
        """Give it a place, and what is cached of its prompt already; of a preempted one also what it left and nobody has taken since."""
        limits, block = self.limits, self.limits.block_tokens
        self.order += 1
        request.place = self.order if limits.preempts else self._slot()
        if request.admitted_s is None:
            request.admitted_s = self.now_s
        cached = min(limits.reused_tokens, request.input_tokens - 1) // block
        request.shared_blocks = cached if limits.shares_prefix else 0
        if request.left is not None:
            cached += self.pool.find(request.left, at_most=(request.prompt_tokens - 1) // block - cached)
        elif cached and not limits.shares_prefix:
            self.pool.take(cached)
        request.cached_tokens = cached * block
        return request

    def _slot(self) -> int:
        """llama-server prefers a slot whose prompt begins alike, else the least recently used."""
        slot = min(self.free_slots) if self.limits.reused_tokens else self.free_slots[0]
        self.free_slots.remove(slot)
        return slot

    def _admissible(self, request: SimulatedRequest) -> bool:
        """vLLM: a place is free and the pool holds the whole prompt; a replica at rest takes any request."""
        limits, pool, busy = self.limits, self.pool, len(self.running) + len(self.prefilling)
        if not limits.preempts or busy >= limits.slots:
            return False
        shared = min(limits.reused_tokens, request.input_tokens - 1) // limits.block_tokens if limits.shares_prefix else 0
        return busy == 0 or -(-request.prompt_tokens // pool.block_tokens) - shared <= pool.capacity_blocks - pool.used_blocks

    # ---- steps with prompts

    def _prompt_step(self) -> None:
        """One token for each running request, the rest of the budget for prompts; a completed prompt samples its first token."""
        if self.running and self.steps.scheduling == "separate":
            self._prompts_alone()
            return
        pool, prefilling, preempts = self.pool, self.prefilling, self.limits.preempts
        fits = pool.needed(self.tick) <= pool.capacity_blocks - pool.used_blocks
        if not fits and preempts:
            self._make_room()
        batch = len(self.running)
        budget = max(self.limits.step_tokens - batch, 1)
        if prefilling and prefilling[0].prompt_tokens - prefilling[0].cached_tokens > 2 * budget and self._chunk_stretch(batch, budget):
            return
        before = pool.used_blocks
        pool.take(pool.needed(self.tick))
        tokens, weighted, prompts = self._fill(budget, may_admit=preempts and fits)
        context = self.context_tokens / batch if batch else 0.0
        behind = weighted / tokens if tokens else 0.0
        step_s = self.steps.mixed_step_s(batch, context, prefill_tokens=tokens, prefill_context_tokens=behind, prompts=prompts)
        if not preempts and pool.used_blocks > pool.capacity_blocks:
            self._fail_all(step_s)
            return
        self._pass(1, step_s, batch, before)
        self._first_tokens()

    def _prompts_alone(self) -> None:
        """A step in which nobody running writes a token, or none where the pool has no room for a prompt."""
        tokens, weighted, prompts = self._fill(self.limits.step_tokens, may_admit=True)
        if not tokens:
            self._decode_stretch()
            return
        step_s = self.steps.mixed_step_s(0, 0.0, prefill_tokens=tokens, prefill_context_tokens=weighted / tokens, prompts=prompts)
        self.now_s += step_s
        self.block_seconds += self.pool.used_blocks * step_s
        self._first_tokens()

    def _first_tokens(self) -> None:
        prefilling = self.prefilling
        while prefilling and prefilling[0].cached_tokens == prefilling[0].prompt_tokens:
            self._first_token(prefilling.pop(0))

    def _fill(self, budget: int, *, may_admit: bool) -> tuple[int, int, int]:
        """Chunks of prompts into one step: tokens, tokens times what is cached before them, and prompts. llama-server asks no pool."""
        prefilling, pool, preempts, block = self.prefilling, self.pool, self.limits.preempts, self.limits.block_tokens
        tokens = weighted = prompts = 0
        while tokens < budget:
            if prompts == len(prefilling):
                if not (may_admit and self.waiting and self._admissible(self.waiting[0])):
                    break
                prefilling.append(self._seat(self.waiting.popleft()))
            request = prefilling[prompts]
            cached = request.cached_tokens
            chunk = min(budget - tokens, request.prompt_tokens - cached)
            blocks = -(-(cached + chunk) // block) + -cached // block
            if preempts and blocks > pool.capacity_blocks - pool.used_blocks and len(prefilling) + len(self.running) > 1:
                self._preempt(prefilling.pop())
                break
            pool.take(blocks)
            request.cached_tokens = cached + chunk
            tokens, weighted, prompts = tokens + chunk, weighted + chunk * cached, prompts + 1
        return tokens, weighted, prompts

    def _chunk_stretch(self, batch: int, budget: int) -> bool:
        """Steps that the first prompt fills alone, all but its last, as long as nothing else changes; False when that is not so."""
        request, pool = self.prefilling[0], self.pool
        steps = (request.prompt_tokens - request.cached_tokens - 1) // budget
        if batch:
            steps = min(steps, self.running[0][0] - self.tick - 1)
        blocks = pool.blocks(request.cached_tokens + steps * budget) - pool.blocks(request.cached_tokens)
        if steps < 2 or blocks + batch * pool.blocks(steps) > pool.free_blocks:
            return False
        context = self.context_tokens / batch + (steps - 1) / 2 if batch else 0.0
        behind = request.cached_tokens + (steps - 1) * budget / 2
        step_s = self.steps.mixed_step_s(batch, context, prefill_tokens=budget, prefill_context_tokens=behind)
        if self.free_slots and self.arrivals and self.arrivals[0][0] < self.now_s + steps * step_s:
            return False  # it may get a slot before this one's
        before = pool.used_blocks
        pool.grow(self.tick, steps)
        pool.take(blocks)
        request.cached_tokens += steps * budget
        late = steps / 4
        late_s = self.steps.mixed_step_s(batch, context + late, prefill_tokens=budget, prefill_context_tokens=behind + late * budget)
        self._pass(steps, step_s, batch, before, late_s)
        return True

    # ---- steps without

    def _decode_stretch(self) -> None:
        """As many steps as pass before the next last token, the next arrival that finds a place, or the end of the pool."""
        pool, batch = self.pool, len(self.running)
        steps = self.running[0][0] - self.tick
        if (steps // pool.block_tokens + 1) * batch > pool.capacity_blocks - pool.used_blocks and batch > 1:
            if not pool.room_steps(self.tick, 1):
                if not self.limits.preempts:
                    self._fail_all(self.steps.decode_s(batch, self.context_tokens / batch))
                    return
                self._make_room()
                batch = len(self.running)
                steps = self.running[0][0] - self.tick
            steps = pool.room_steps(self.tick, steps) if batch > 1 else steps
        context = self.context_tokens / batch
        step_s = self.steps.decode_s(batch, context + (steps - 1) / 2)
        late_s = None
        if self.arrivals and self.arrivals[0][0] < self.now_s + steps * step_s and not self.waiting and batch < self.limits.slots:
            steps, step_s = steps_until(self.arrivals[0][0] - self.now_s, steps, mean_s=step_s, first_s=self.steps.decode_s(batch, context))
        elif steps > _LONG_STRETCH:
            late_s = self.steps.decode_s(batch, context + 0.75 * steps)
        before = pool.used_blocks
        pool.grow(self.tick, steps)
        self._pass(steps, step_s, batch, before, late_s)

    def _pass(self, steps: int, step_s: float, batch: int, before: int, late_s: float | None = None) -> None:
        """Time passes; everybody running writes a token a step. The pool held `before` blocks, and more with every step."""
        used, passed_s = self.pool.used_blocks, steps * step_s
        self.now_s += passed_s
        self.step_began_s = self.now_s - (late_s or step_s)
        self.tick += steps
        self.block_seconds += (used - (used - before) * (steps - 1) / (2 * steps)) * passed_s
        if batch:
            self.context_tokens += steps * batch
            self.gaps += ((step_s, steps * batch),) if late_s is None else gaps_by_halves(steps, batch, step_s, late_s)

    # ---- a full pool

    def _make_room(self) -> None:
        """Preempt, last admitted first, until the next tokens of the others find blocks."""
        pool, running, prefilling = self.pool, self.running, self.prefilling
        while pool.needed(self.tick) > pool.free_blocks and len(running) + len(prefilling) > 1:
            if prefilling:
                self._preempt(prefilling.pop())
                continue
            index = max(range(len(running)), key=lambda i: running[i][2].place)
            request = running.pop(index)[2]
            heapq.heapify(running)
            self._leave(request)
            self._preempt(request)

    def _preempt(self, request: SimulatedRequest) -> None:
        """Its blocks go to the end of the queue of free ones, the last tokens' first; it waits at the front."""
        pool = self.pool
        if self.limits.keeps_blocks:
            request.left = pool.leaves(request.cached_tokens, request.shared_blocks)
        pool.used_blocks -= pool.blocks(request.cached_tokens) - request.shared_blocks
        request.prompt_tokens = request.input_tokens + request.generated_tokens
        request.preemptions += 1
        if request.first_token_s is not None and request.silent_since_s is None:
            request.silent_since_s = self.now_s
        self.waiting.appendleft(request)

    def _fail_all(self, step_s: float) -> None:
        """llama-server: "Context size has been exceeded." for every request in service, after the step that did not fit."""
        self.now_s += step_s
        failing = sorted([entry[2] for entry in self.running] + self.prefilling, key=_place)
        self.running.clear()
        self.prefilling.clear()
        self.pool.clear()
        self.context_tokens = 0
        for request in failing:
            request.failed = True
            self._over(request)

    def _first_token(self, request: SimulatedRequest) -> None:
        if request.first_token_s is None:
            request.first_token_s = self.now_s
        elif request.silent_since_s is not None:
            self.gaps.append((self.now_s - request.silent_since_s, 1))
            request.silent_since_s = None
        request.generated_tokens += 1
        self._join(request)

    def _join(self, request: SimulatedRequest) -> None:
        request.joined_tick = self.tick
        self.context_tokens += request.cached_tokens
        self.pool.join(self.tick, request.cached_tokens)
        heapq.heappush(self.running, (self.tick + max(request.output_tokens - request.generated_tokens, 0), request.place, request))

    def _leave(self, request: SimulatedRequest) -> None:
        self.pool.leave(request.joined_tick, request.cached_tokens)
        steps = self.tick - request.joined_tick
        request.cached_tokens += steps
        request.generated_tokens += steps
        self.context_tokens -= request.cached_tokens

    def _finish(self) -> None:
        request = heapq.heappop(self.running)[2]
        self._leave(request)
        self.pool.used_blocks -= self.pool.blocks(request.cached_tokens) - request.shared_blocks
        self._over(request)

    def _over(self, request: SimulatedRequest) -> None:
        request.finished_s = self.now_s
        if not self.limits.preempts:
            self.free_slots.append(request.place)
        self.on_finish(request)
