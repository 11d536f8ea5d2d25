"""How many whole nodes a deployment occupies. Whole machines are rented and owned, so whole machines are charged."""

import math
from dataclasses import dataclass

from advisor.domain.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Packing:
    """Nodes taken, devices in them, and how many of those do nothing for this deployment."""

    nodes: int
    devices: int
    idle_devices: int


def pack(deployment: Deployment) -> Packing:
    """Replicas side by side on a node; a replica larger than a node takes several; small ones share a device."""
    per_node = deployment.candidate.node.devices
    per_replica = deployment.candidate.parallelism.devices
    if per_replica > per_node:
        nodes = deployment.replicas * math.ceil(per_replica / per_node)
    else:
        shared = math.floor(1 / deployment.device_share + 1e-9)  # replicas on the same devices
        side_by_side = per_node // per_replica * shared
        nodes = math.ceil(deployment.replicas / side_by_side)
    devices = nodes * per_node
    used = math.ceil(deployment.replicas * per_replica * deployment.device_share - 1e-9)
    return Packing(nodes, devices, max(devices - used, 0))
