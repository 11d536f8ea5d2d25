"""What is validated: one deployment of a plan with everything that was predicted about it, and what its owner requires."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from advisor.domain.demand import Demand
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.plan import Claim, PlannedDeployment
from advisor.domain.quantity import Quantity
from advisor.errors import UserInputError
from advisor.estimate.step_time import StepTimeModel


@dataclass(frozen=True, slots=True)
class Subject:
    """A deployment under test. `claims` are the plan's, `required` names those that must be proven.

    `in_flight` is how many requests one replica is expected to serve at once. `device_here` says whether the run is on the planned
    kind of device (else no memory of it can be told), `same_machine` whether on the planned hardware (else no speed can).
    """

    planned: PlannedDeployment
    fingerprint: str
    candidate: Candidate
    memory: MemoryEstimate
    steps: StepTimeModel
    demand: Demand
    claims: Mapping[str, Claim]
    required: tuple[str, ...]
    in_flight: float | None
    device_here: bool
    same_machine: bool
    start_s: Quantity | None = None

    @property
    def hardware(self) -> Literal["same", "other", "scaled"]:
        """Where it runs, against where it is to run."""
        if not self.device_here:
            return "scaled"
        return "same" if self.same_machine else "other"

    @property
    def model_names(self) -> frozenset[str]:
        """What servers, logs and other tools may call the planned model, in lower case."""
        model, candidate = self.planned.model, self.candidate
        names = (model.id, model.repo_id, candidate.checkpoint.repo_id, *model.files, *candidate.model.aliases)
        return frozenset(name.casefold() for name in names if name)

    @property
    def settings(self) -> LlamaCppSettings:
        """llama.cpp's settings. Raises UserInputError for another engine: it has no validator that runs without a server."""
        settings = self.candidate.settings
        if not isinstance(settings, LlamaCppSettings):
            raise UserInputError(f"{self.planned.name}: {self.candidate.runtime.engine} is validated through its server only")
        return settings


@dataclass(frozen=True, slots=True)
class Weights:
    """The model file of the run. `sha256` of a real one; a synthetic one has the plan's tensors with other numbers in them."""

    path: str
    synthetic: bool
    sha256: str | None = None
