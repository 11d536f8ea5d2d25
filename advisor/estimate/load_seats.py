"""Who is where in one replica: on the way, waiting, with a prompt half computed, or generating; and what each holds of the cache."""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter

from advisor.estimate.load_pool import CachePool, cache_pool
from advisor.estimate.load_requests import SimulatedRequest
from advisor.estimate.replica_limits import ReplicaLimits
from advisor.estimate.step_time_base import StepTimeModel

PLACE = attrgetter("place")


@dataclass(slots=True)
class Seats:
    """The state of a simulated replica, and how requests change their places in it; time passes elsewhere."""

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
        failing = sorted([entry[2] for entry in self.running] + self.prefilling, key=PLACE)
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
