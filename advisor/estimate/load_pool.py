"""The key-value pool of one simulated replica: blocks in use, and how many steps pass before the next one is missing.

vLLM takes blocks from a queue of free ones and puts those of finished and preempted requests at its end, the last tokens' first, so that
what a preempted request had computed is found again until new blocks have eaten through to it (`v1/core/block_pool.py`). llama.cpp counts
single cells: blocks of one token.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class CachePool:
    """`growing[r]` requests in decode need a new block in the steps whose tick is r modulo the block size; listed twice for slices."""

    capacity_blocks: int
    block_tokens: int
    used_blocks: int = 0
    allocated_blocks: int = 0  # in all, since the start
    requests: int = 0  # in decode: each writes one token a step
    growing: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.growing = [0] * (2 * self.block_tokens)

    @property
    def free_blocks(self) -> int:
        """Blocks that nobody holds."""
        return self.capacity_blocks - self.used_blocks

    def blocks(self, tokens: int) -> int:
        """Blocks that hold so many tokens of one request."""
        return -(-tokens // self.block_tokens)

    def take(self, blocks: int) -> None:
        """Hold new blocks."""
        self.used_blocks += blocks
        self.allocated_blocks += blocks

    def leaves(self, cached_tokens: int, shared_blocks: int) -> tuple[int, int]:
        """Of a request that is about to give its blocks back: the full ones, and what is allocated in all when they begin to be taken."""
        full, partial = divmod(cached_tokens, self.block_tokens)
        return full - shared_blocks, self.allocated_blocks + self.free_blocks + (partial > 0)

    def find(self, left: tuple[int, int], *, at_most: int) -> int:
        """Hold again what nobody has taken of the blocks that it left; how many."""
        full, taken_from = left
        found = max(0, min(at_most, full - max(0, self.allocated_blocks - taken_from)))
        self.used_blocks += found
        return found

    def clear(self) -> None:
        """Nobody holds anything any more."""
        self.used_blocks = self.requests = 0
        self.growing = [0] * (2 * self.block_tokens)

    def join(self, tick: int, tokens: int) -> None:
        """A request with so many tokens starts to write one a step."""
        residue = (tick - tokens) % self.block_tokens
        self.growing[residue] += 1
        self.growing[residue + self.block_tokens] += 1
        self.requests += 1

    def leave(self, tick: int, tokens: int) -> None:
        """It stops, with so many tokens."""
        residue = (tick - tokens) % self.block_tokens
        self.growing[residue] -= 1
        self.growing[residue + self.block_tokens] -= 1
        self.requests -= 1

    def grow(self, tick: int, steps: int) -> None:
        """Everybody in decode writes `steps` tokens."""
        rounds, rest = divmod(steps, self.block_tokens)
        taken = rounds * self.requests
        if rest:
            begin = tick % self.block_tokens
            taken += sum(self.growing[begin : begin + rest])
        self.used_blocks += taken
        self.allocated_blocks += taken

    def needed(self, tick: int) -> int:
        """New blocks of the step at this tick."""
        return self.growing[tick % self.block_tokens]

    def room_steps(self, tick: int, at_most: int) -> int:
        """How many of so many steps the free blocks allow."""
        free = self.free_blocks
        rounds = free // self.requests
        steps = rounds * self.block_tokens
        if steps >= at_most:
            return at_most
        free -= rounds * self.requests
        while steps < at_most:
            free -= self.growing[(tick + steps) % self.block_tokens]
            if free < 0:
                break
            steps += 1
        return steps


def cache_pool(cache_tokens: float, block_tokens: int, shared_tokens: int) -> CachePool:
    """An empty pool; a prefix that all requests share lies in it once and for all."""
    return CachePool(max(1, (int(cache_tokens) - shared_tokens) // block_tokens), block_tokens)
