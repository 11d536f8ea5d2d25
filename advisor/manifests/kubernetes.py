"""Kubernetes: a Deployment with its Service, NetworkPolicy and claim; and such objects, hand-written ones too, read back."""

from collections.abc import Sequence
from typing import Final

from advisor.manifests.blueprint import MODELS, Blueprint
from advisor.manifests.layout import lay_out
from advisor.manifests.rendered import Rendered, RenderedFile

_FILES: Final = ("deployment.yaml", "service.yaml", "networkpolicy.yaml", "pvc.yaml", "kustomization.yaml")


def render_kubernetes(blueprints: Sequence[Blueprint]) -> Rendered:
    """Five files a deployment, in a folder of its own when there are several. Raises UserInputError where there is no image."""
    files: list[RenderedFile] = []
    for b in blueprints:
        b.contained()
        folder = f"{b.name}/" if len(blueprints) > 1 else ""
        files += [RenderedFile(folder + file, lay_out(f"kubernetes/{file}.j2", b=b, models=MODELS)) for file in _FILES]
    return Rendered(tuple(files), tuple(need for b in blueprints for need in _needs(b)))


def _needs(b: Blueprint) -> list[str]:
    needs = [
        f"Secret {b.name}-api-key with key token: the key that clients send",
        f"PersistentVolumeClaim {b.name}-models of at least {b.checkpoint_gib} GiB, holding {b.model_path}",
    ]
    if b.devices:
        needs.append(f"label llm-serving-advisor/device={b.identity['device']} on the nodes, and the device plugin for {b.gpu_resource}")
    return needs
