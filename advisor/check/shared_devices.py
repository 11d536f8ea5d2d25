"""Several deployments of one plan on the same devices: each within its share, and all together within the devices that exist."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from advisor.check.codes import DEVICES_OVERCOMMITTED, MORE_THAN_ITS_SHARE
from advisor.check.places import Places
from advisor.check.report import capped
from advisor.domain.assessment import Assessment
from advisor.domain.engine import VllmSettings
from advisor.domain.finding import Finding
from advisor.domain.quantity import Basis
from advisor.units import GIB


@dataclass(frozen=True, slots=True)
class Placed:
    """A deployment of the plan with where its parts stand in the file."""

    assessment: Assessment
    places: Places

    @property
    def devices_wanted(self) -> float:
        """Whole devices that all replicas take, by their shares."""
        deployment = self.assessment.deployment
        return deployment.replicas * deployment.candidate.parallelism.devices * deployment.device_share


def shared_findings(deployments: Sequence[Placed]) -> Iterator[Finding]:
    """What is to be said about the whole plan."""
    for placed in deployments:
        if placed.assessment.deployment.device_share < 1:
            yield from _within_its_share(placed)
    yield from _within_the_devices(deployments)


def _within_its_share(placed: Placed) -> Iterator[Finding]:
    """vLLM's share of the memory is one of the whole device, llama.cpp takes what its buffers take: neither knows of another process."""
    deployment, memory = placed.assessment.deployment, placed.assessment.estimate.memory
    share, candidate = deployment.device_share, deployment.candidate
    limit = share * candidate.node.device.memory_bytes
    takes = max((device.reserved_bytes for device in memory.devices), key=lambda reserved: reserved.value)
    if takes.value <= limit:
        return
    paged = isinstance(candidate.settings, VllmSettings)
    remedy = f"--gpu-memory-utilization is of the whole device: {share:g} or less" if paged else "a shorter context, or a larger share"
    basis = takes.basis if takes.low > limit else Basis.MODELLED
    text = f"{deployment.name} takes {takes.value / GIB:.1f} GiB of each device, its share of {share:g} is {limit / GIB:.1f} GiB: {remedy}"
    place = placed.places.setting("gpu_memory_utilization" if paged else "ctx_size") or placed.places.deployment
    yield Finding(place, capped("block", basis), MORE_THAN_ITS_SHARE, basis, text)


def _within_the_devices(deployments: Sequence[Placed]) -> Iterator[Finding]:
    """Of devices whose number is known, as owned ones; one deployment alone is a rule's matter."""
    groups: dict[tuple[str, str, int], list[Placed]] = defaultdict(list)
    for placed in deployments:
        available = placed.assessment.available
        if available.nodes is not None:
            groups[available.node.id, available.acquisition, available.nodes * available.node.devices].append(placed)
    for (device, acquisition, there), group in groups.items():
        wanted = sum(placed.devices_wanted for placed in group)
        if len(group) > 1 and wanted > there:
            names = ", ".join(placed.assessment.deployment.name for placed in group)
            text = (
                f"{names}: together they need {wanted:g} devices {device}, {there} are there ({acquisition}); "
                f"where several use one device, hardware.share says how much each may take"
            )
            place = group[-1].places.part("hardware") or group[-1].places.deployment
            yield Finding(place, "block", DEVICES_OVERCOMMITTED, Basis.EXACT, text)
