"""The schedulers of both engines, token by token and block by block: slow, plain, and written without looking at the event simulation.

vLLM 0.32 `v1/core/sched/scheduler.py` (schedule, _preempt_request) and `v1/core/block_pool.py` (a queue of free blocks that keep their
contents until they are given out); llama-server `tools/server/server-context.cpp` (get_available_slot, update_slots, pre_decode, decode).
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass(eq=False)
class Asked:
    """A request and what happened to it."""

    number: int
    arrived_s: float
    prompt: int
    output: int
    tokens: int = 0  # prompt and what was generated
    computed: int = 0
    decoding: bool = False
    blocks: list = field(default_factory=list)
    shared: int = 0
    slot: int = -1
    preemptions: int = 0
    failed: bool = False
    admitted_s: float | None = None
    token_s: list = field(default_factory=list)
    finished_s: float | None = None

    def __post_init__(self):
        self.tokens = self.prompt


class Reference:
    """What both schedulers share: the clock, arrivals, and the time of a step."""

    def __init__(self, steps, limits):
        self.steps, self.limits = steps, limits
        self.now_s, self.busy_block_s, self.begun = 0.0, 0.0, False
        self.step_began_s = 0.0
        self.arrivals, self.waiting, self.over = [], deque(), []
        self.gaps = []

    def submit(self, asked):
        self.arrivals.append(asked)
        self.arrivals.sort(key=lambda one: one.arrived_s)

    def serve(self, on_over=lambda asked: None, enough=lambda: False):
        self.on_over = on_over
        while not enough():
            while self.arrivals and self.arrivals[0].arrived_s <= self.seen_s():
                self.waiting.append(self.arrivals.pop(0))
            if not self.step():
                if not self.arrivals:
                    return
                self.now_s = max(self.now_s, self.arrivals[0].arrived_s)

    def seen_s(self):
        """A step that was put together when the one before it began takes nobody who came later."""
        return self.now_s

    def step_s(self, scheduled):
        decoding = [asked for asked, _ in scheduled if asked.decoding]
        prompts = [(asked, new) for asked, new in scheduled if not asked.decoding]
        context = sum(asked.computed for asked in decoding) / len(decoding) if decoding else 0.0
        tokens = sum(new for _, new in prompts)
        behind = sum(asked.computed * new for asked, new in prompts) / tokens if tokens else 0.0
        return self.steps.mixed_step_s(
            len(decoding), context, prefill_tokens=tokens, prefill_context_tokens=behind, prompts=max(len(prompts), 1)
        )

    def pass_step(self, scheduled):
        seconds = self.step_s(scheduled)
        self.busy_block_s += seconds * self.held_blocks(scheduled)
        self.step_began_s = self.now_s
        self.now_s += seconds
        for asked, new in scheduled:
            asked.computed += new
            if asked.computed == asked.tokens:
                asked.decoding = True
                asked.tokens += 1
                if asked.token_s:
                    self.gaps.append(self.now_s - asked.token_s[-1])
                asked.token_s.append(self.now_s)

    def finish(self, asked):
        asked.finished_s = self.now_s
        self.over.append(asked)
        self.on_over(asked)


class Vllm(Reference):
    """Running requests first, in order of admission; then waiting ones, unless somebody was preempted in this step."""

    def __init__(self, steps, limits):
        super().__init__(steps, limits)
        self.block = limits.block_tokens
        self.total = (int(limits.cache_tokens) - limits.reused_tokens) // self.block
        self.free = deque(range(self.total))
        self.content, self.cached = {}, {}
        self.running, self.extra = [], self.total

    def seen_s(self):
        return self.step_began_s if self.running and self.steps.scheduling == "ahead" else self.now_s

    def held_blocks(self, scheduled):
        return sum(len(asked.blocks) for asked in self.running)

    def step(self):
        scheduled, budget, preempted = self.schedule_running()
        while not preempted and self.waiting and budget > 0 and len(self.running) < self.limits.slots:
            new = self.admit(self.waiting[0], budget)
            if new is None:
                break
            scheduled.append((self.waiting.popleft(), new))
            budget -= new
        if not scheduled:
            return False
        self.pass_step(scheduled)
        if self.limits.keeps_blocks:
            self.remember(scheduled)
        for asked in [one for one, _ in scheduled if len(one.token_s) >= one.output]:
            self.running.remove(asked)
            self.give_back(asked)
            self.finish(asked)
        return True

    def schedule_running(self):
        """Who runs already, each with what the budget leaves; who finds no block takes those of the last."""
        scheduled, budget, preempted, at = [], self.limits.step_tokens, False, 0
        while at < len(self.running) and budget > 0:
            asked = self.running[at]
            new = min(asked.tokens - asked.computed, budget)
            while asked in self.running and not self.allocate(asked, asked.computed + new):
                self.preempt(self.running.pop())
                preempted = True
            if asked not in self.running:
                break
            scheduled.append((asked, new))
            budget -= new
            at += 1
        return scheduled, budget, preempted

    def remember(self, scheduled):
        """Full blocks can be found by what is in them."""
        for asked, _ in scheduled:
            for index in range(asked.shared, asked.computed // self.block):
                self.content[asked.blocks[index - asked.shared]] = (asked.number, index)
                self.cached[asked.number, index] = asked.blocks[index - asked.shared]

    def admit(self, asked, budget):
        """Its cached tokens are found again; the whole prompt must fit."""
        most = (asked.tokens - 1) // self.block
        shared = min(self.limits.reused_tokens, asked.prompt - 1) // self.block
        found = []
        while shared + len(found) < most and (asked.number, shared + len(found)) in self.cached:
            found.append(self.cached[asked.number, shared + len(found)])
        if self.running and -(-asked.tokens // self.block) - shared > len(self.free):
            return None
        asked.shared, asked.computed = shared, (shared + len(found)) * self.block
        for block in found:
            self.free.remove(block)
        asked.blocks = list(found)
        if asked.admitted_s is None:
            asked.admitted_s = self.now_s
        self.running.append(asked)
        new = min(asked.tokens - asked.computed, budget)
        assert self.allocate(asked, asked.computed + new)
        return new

    def allocate(self, asked, tokens):
        need = -(-tokens // self.block) - asked.shared - len(asked.blocks)
        if need > len(self.free):
            if len(self.running) > 1:
                return False
            while len(self.free) < need:  # nobody is left to take from
                self.free.append(self.extra)
                self.extra += 1
        for _ in range(need):
            block = self.free.popleft()
            self.cached.pop(self.content.pop(block, None), None)
            asked.blocks.append(block)
        return True

    def preempt(self, asked):
        self.give_back(asked)
        asked.computed, asked.decoding = 0, False
        asked.preemptions += 1
        self.waiting.appendleft(asked)

    def give_back(self, asked):
        self.free.extend(block for block in reversed(asked.blocks) if block < self.total)
        asked.blocks = []


class LlamaServer(Reference):
    """Slots in order of their number; a shared pool that runs out fails all of them."""

    def __init__(self, steps, limits):
        super().__init__(steps, limits)
        self.slots = [None] * limits.slots
        self.last_used = {number: (0, -number) for number in range(limits.slots)}
        self.releases = 0

    def held_blocks(self, scheduled):
        return sum(asked.computed for asked in self.slots if asked) + sum(new for _, new in scheduled)

    def step(self):
        while self.waiting and None in self.slots:
            self.launch(self.waiting.popleft())
        scheduled = [(asked, 1) for asked in self.slots if asked and asked.decoding]
        budget = max(self.limits.step_tokens - len(scheduled), 1)
        for asked in self.slots:
            if asked and not asked.decoding and budget > 0:
                new = min(asked.tokens - asked.computed, budget)
                scheduled.append((asked, new))
                budget -= new
        if not scheduled:
            return False
        if self.held_blocks(scheduled) > self.limits.cache_tokens:
            self.fail_all(scheduled)
            return True
        self.pass_step(scheduled)
        for asked in [one for one in self.slots if one and len(one.token_s) >= one.output]:
            self.release(asked)
            self.finish(asked)
        return True

    def launch(self, asked):
        idle = [number for number, held in enumerate(self.slots) if held is None]
        asked.slot = idle[0] if self.limits.reused_tokens else min(idle, key=lambda number: self.last_used[number])
        self.slots[asked.slot] = asked
        asked.computed = min(self.limits.reused_tokens, asked.prompt - 1)
        asked.admitted_s = self.now_s

    def release(self, asked):
        self.releases += 1
        self.last_used[asked.slot] = (self.releases, 0)
        self.slots[asked.slot] = None

    def fail_all(self, scheduled):
        self.now_s += self.step_s(scheduled)
        failing = [asked for asked in self.slots if asked]
        for asked in failing:
            self.release(asked)
        for asked in failing:
            asked.failed = True
            self.finish(asked)
