"""A shell script that starts one replica on this machine; and command lines, hand-written ones too, read back."""

from collections.abc import Sequence

from advisor.manifests.blueprint import Blueprint
from advisor.manifests.layout import lay_out
from advisor.manifests.rendered import Rendered, RenderedFile


def render_command(blueprints: Sequence[Blueprint]) -> Rendered:
    """One script a deployment: one replica, on the loopback address."""
    files = [RenderedFile(f"{b.name}.sh", lay_out("command/server.sh.j2", b=b, facts=_facts(b))) for b in blueprints]
    return Rendered(tuple(files), tuple(need for b in blueprints for need in _needs(b)))


def _facts(b: Blueprint) -> dict[str, str]:
    """What a command line does not say."""
    return {"name": b.name, "replicas": str(b.replicas), "devices": str(b.devices), **b.identity}


def _needs(b: Blueprint) -> list[str]:
    needs = [f"the weights at {b.model_path} ({b.checkpoint_gib} GiB)"]
    if b.container:
        needs.insert(0, f"{b.container.api_key_env} in the environment: the key that clients send")
    if b.replicas > 1:
        needs.append(f"{b.replicas} such servers, each with its own {b.devices} devices and its own --port")
    return needs
