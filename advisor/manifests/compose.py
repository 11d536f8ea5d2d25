"""Docker Compose: one file for all deployments of a host; and compose files, hand-written ones too, read back."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.errors import UserInputError
from advisor.manifests.blueprint import MODELS, Blueprint
from advisor.manifests.layout import lay_out
from advisor.manifests.rendered import Rendered, RenderedFile


@dataclass(frozen=True, slots=True)
class Service:
    """One replica: compose has no way to give each copy of a service its own devices, so each is a service of its own."""

    name: str
    blueprint: Blueprint
    first: bool
    port: int
    device_ids: tuple[int, ...]


def render_compose(blueprints: Sequence[Blueprint]) -> Rendered:
    """One file; replicas count up their ports and devices. Raises UserInputError where a host cannot tell the replicas' devices apart."""
    services: list[Service] = []
    homes: list[str] = []
    next_device = 0
    ports: set[int] = set()
    for b in blueprints:
        container = b.contained()
        if b.devices and b.vendor != "NVIDIA" and b.replicas > 1:
            raise UserInputError(
                f"{b.name}: compose cannot give {b.replicas} replicas {b.vendor} devices of their own; use --target kubernetes"
            )
        for index in range(b.replicas):
            port = next(free for free in range(b.port, b.port + 1000) if free not in ports)
            ports.add(port)
            name = b.name if b.replicas == 1 else f"{b.name}-{index + 1}"
            services.append(Service(name, b, index == 0, port, tuple(range(next_device, next_device + b.devices))))
            next_device += b.devices
            homes += [f"{name}-home"] if container.home != "/tmp" else []  # noqa: S108 - a path in a container
    text = lay_out(
        "compose/compose.yaml.j2",
        titles=[b.title for b in blueprints],
        services=services,
        homes=homes,
        models=MODELS,
    )
    return Rendered((RenderedFile("compose.yaml", text),), tuple(need for b in blueprints for need in _needs(b)))


def _needs(b: Blueprint) -> list[str]:
    folder = b.model_path.removeprefix(MODELS + "/")
    return [
        f"file {b.name}.env beside compose.yaml, readable by you alone: {b.contained().api_key_env}=the key that clients send",
        f"folder models beside compose.yaml, holding {folder} ({b.checkpoint_gib} GiB)",
        "a firewall, if the server must not reach the network: compose limits who reaches its port, not what it sends",
    ]
