"""catalog/nodes: the host a bare device is assumed to sit in (by device id, else by device class), and hosts of rented instances."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.catalog.layers import Root
from advisor.catalog.records import Bytes, BytesPerSecond, csv_records, yaml_records
from advisor.domain.hardware import Device, Host, Node, Offer
from advisor.domain.strict import STRICT, IsoDate
from advisor.errors import UserInputError
from advisor.units import GIB

VCPUS_PER_CORE = 2  # x86 instances are sold by hardware thread


@dataclass(frozen=True, slots=True)
class HostRecord:
    """A default host. Memory and its bandwidth are absent where they are the device's own; per-device figures grow with the node."""

    __pydantic_config__ = STRICT
    reason: str
    source: str
    retrieved: IsoDate
    disk_read: BytesPerSecond
    cpu_cores: int | None = None
    cpu_cores_per_device: int | None = None
    memory: Bytes | None = None
    memory_per_device: Bytes | None = None
    memory_bandwidth: BytesPerSecond | None = None
    repacks_weights: bool = False

    def __post_init__(self) -> None:
        if (self.cpu_cores is None) == (self.cpu_cores_per_device is None):
            raise ValueError("give exactly one of cpu_cores, cpu_cores_per_device")
        if self.memory is not None and self.memory_per_device is not None:
            raise ValueError("give at most one of memory, memory_per_device")


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """Cores and memory of an instance type, as its provider states them."""

    __pydantic_config__ = STRICT
    provider: str
    instance: str
    vcpus: int
    memory_gib: float
    as_of: IsoDate
    source: str


@dataclass(frozen=True, slots=True)
class Hosts:
    """What stands around devices: defaults by device id or class, and instance types by (provider, instance)."""

    defaults: Mapping[str, HostRecord]
    instances: Mapping[tuple[str, str], InstanceRecord]


def load_hosts(root: Root) -> Hosts:
    """Every default host and instance type."""
    defaults = {host_id: record for host_id, record, _ in yaml_records(root, "nodes", HostRecord)}
    instances = {(row.provider, row.instance): row for row, _ in csv_records(root, "nodes", InstanceRecord)}
    return Hosts(defaults, instances)


def assumed_node(hosts: Hosts, device: Device, devices: int) -> Node:
    """`devices` of the device in the host that is assumed for it; slices in the host of the cards that hold them."""
    if devices < 1:
        raise UserInputError(f"{devices} devices: a node has at least one")
    cards = math.ceil(devices / (device.slices_per_card or 1))
    return Node(device.id, device, devices, _host(_default(hosts, device), device, cards))


def rented_node(hosts: Hosts, offer: Offer, device: Device) -> Node:
    """The node of an offer: cores and memory of its instance type where they are known, the rest as assumed for the device."""
    node = assumed_node(hosts, device, offer.devices)
    instance = hosts.instances.get((offer.provider, offer.instance))
    if instance is None:
        return node
    host = Host(
        memory_bytes=int(instance.memory_gib * GIB),
        memory_bandwidth_bytes_per_s=node.host.memory_bandwidth_bytes_per_s,
        cpu_cores=max(1, instance.vcpus // VCPUS_PER_CORE),
        disk_bytes_per_s=node.host.disk_bytes_per_s,
        device_link_bytes_per_s=node.host.device_link_bytes_per_s,
        repacks_weights=node.host.repacks_weights,
        source=f"{instance.instance}: {instance.source} ({instance.as_of}); bandwidth and disk {node.host.source}",
    )
    return Node(device.id, device, offer.devices, host, assumed_host=False)


def _default(hosts: Hosts, device: Device) -> HostRecord:
    record = hosts.defaults.get(device.card) or hosts.defaults.get(device.device_class)
    if record is None:
        raise UserInputError(f"{device.id}: no host is known for class {device.device_class}; add catalog/nodes/{device.device_class}.yaml")
    return record


def _host(record: HostRecord, device: Device, devices: int) -> Host:
    own_memory = device.installed_memory_bytes * (devices if device.is_cpu else 1)
    per_device = record.memory_per_device * devices if record.memory_per_device is not None else None
    own_bandwidth = device.memory_bandwidth_bytes_per_s * (devices if device.is_cpu else 1)
    bandwidth = record.memory_bandwidth or own_bandwidth
    cores_per_device = (record.cpu_cores_per_device or 0) * devices
    return Host(
        memory_bytes=int(record.memory or per_device or own_memory),
        memory_bandwidth_bytes_per_s=bandwidth,
        cpu_cores=record.cpu_cores or cores_per_device,
        disk_bytes_per_s=record.disk_read,
        device_link_bytes_per_s=device.host_link_bytes_per_s or bandwidth,
        repacks_weights=record.repacks_weights,
        source=f"assumed: {record.reason} ({record.source}, {record.retrieved})",
    )
