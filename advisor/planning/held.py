"""What the explanation of a memory is read from."""

from dataclasses import dataclass

from advisor.domain.deployment import Candidate
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.weights import WeightBytes


@dataclass(frozen=True, slots=True)
class Held:
    """A candidate with its weights and its memory; no load is needed for them."""

    candidate: Candidate
    weights: WeightBytes
    memory: MemoryEstimate
