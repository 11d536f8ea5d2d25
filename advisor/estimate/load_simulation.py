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
from collections.abc import Callable
from dataclasses import dataclass

from advisor.estimate.load_requests import SimulatedRequest
from advisor.estimate.load_seats import PLACE, Seats
from advisor.estimate.load_stretch import gaps_by_halves, steps_until

_LONG_STRETCH = 24  # steps, from which on the gaps at its end are told from those at its beginning


@dataclass(slots=True)
class Simulation(Seats):
    """One replica from its arrivals on; `run` advances it until it is `stopped` or nothing is left."""

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
                insort(prefilling, self._seat(waiting.popleft()), key=PLACE)
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
        self.step_began_s = self.now_s + passed_s - step_s if steps > 1 else self.now_s
        self.now_s += passed_s
        self.tick += steps
        self.block_seconds += (used - (used - before) * (steps - 1) / (2 * steps)) * passed_s
        if batch:
            self.context_tokens += steps * batch
            self.gaps += ((step_s, steps * batch),) if late_s is None else gaps_by_halves(steps, batch, step_s, late_s)
