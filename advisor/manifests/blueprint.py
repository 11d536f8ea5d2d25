"""Everything a manifest says about one deployment, worked out before any template is read: templates only lay it out."""

import math
from dataclasses import dataclass, replace
from typing import Final

from advisor.domain.assessment import Assessment
from advisor.domain.engine_record import Container, EngineRecord
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.hardware import Device
from advisor.domain.plan import PlannedDeployment, PlannedModel
from advisor.domain.quantity import Quantity
from advisor.engines.flags import find_runtime
from advisor.errors import UserInputError
from advisor.files.plan import fingerprint
from advisor.manifests.arguments import Argument, flag_argument, launch_arguments, with_address
from advisor.manifests.images import checked_digest, mirrored, parse_image
from advisor.manifests.log_lines import expected_log_lines
from advisor.manifests.names import check_name
from advisor.manifests.startup import StartUp, start_up
from advisor.units import GIB

MODELS: Final = "/models"  # where the weights are mounted
GPU_RESOURCES: Final = {"NVIDIA": "nvidia.com/gpu", "AMD": "amd.com/gpu", "Intel": "gpu.intel.com/xe"}  # their device plugins' names
MIG_RESOURCE: Final = "nvidia.com/mig-"  # of the same plugin, in its strategy "mixed": one name for each profile
_HEADROOM: Final = 1.25  # of memory limits: a limit that is met is a killed server
_LEAST_MEMORY_GIB: Final = 2
_GRACE_S: Final = (30, 600)


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One deployment, ready to be laid out in any format."""

    name: str
    title: str
    identity: dict[str, str]  # what a reader cannot see from flags: written as annotations, labels or a comment
    image: str  # empty: none is published for this backend
    container: Container | None  # None: runs on this machine only
    command: tuple[str, ...]  # outside a container
    arguments: tuple[Argument, ...]  # the model first; without host and port
    port: int
    health_path: str
    model_path: str
    replicas: int
    devices: int  # of one replica; 0: no accelerator
    gpu_resource: str  # empty: no accelerator, or none that a device plugin is known for
    vendor: str
    cpus: int | None
    memory_gib: int
    checkpoint_gib: int
    start: StartUp
    grace_s: int
    log_lines: tuple[str, ...]

    joined: bool  # flags take --flag=value in one word

    @property
    def is_slice(self) -> bool:
        """True where a replica runs on a part of a card (NVIDIA MIG)."""
        return self.gpu_resource.startswith(MIG_RESOURCE)

    @property
    def node_label(self) -> str:
        """The device as a value of a node's label, which holds no slash; the catalog knows this spelling."""
        return self.identity["device"].replace("/", ".")

    def contained(self) -> Container:
        """How its image runs. Raises UserInputError where no container can run it."""
        if self.container is None:
            raise UserInputError(f"{self.name}: no image of {' '.join(self.command)} is published; use --target command")
        backend = self.identity.get("backend", "this backend")
        if not self.image or (self.devices and not self.gpu_resource):
            raise UserInputError(f"{self.name}: no image is published for {backend} on {self.vendor or 'CPUs'}; use --target command")
        return self.container

    def argument(self, flag: str, value: str | None = None) -> Argument:
        """A flag as this program takes it."""
        return flag_argument(flag, value, joined=self.joined)

    def all_arguments(self, host: str) -> tuple[Argument, ...]:
        """The model, the address, then every setting."""
        return with_address(self.arguments, host=host, port=self.port, joined=self.joined)


def blueprint(planned: PlannedDeployment, assessment: Assessment, record: EngineRecord, *, registry: str | None = None) -> Blueprint:
    """The blueprint of a planned deployment.

    Raises UserInputError for a runtime that is not a server, and for a name that cannot be a Service's.
    """
    check_name(planned.name)
    runtime = find_runtime(record, planned.engine.runtime)
    if runtime.launch is None:
        known = ", ".join(name for name, facts in record.runtimes.items() if facts.launch)
        raise UserInputError(f"{planned.name}: runtime {planned.engine.runtime} is not rendered; plan with {known}")
    candidate, memory = assessment.deployment.candidate, assessment.estimate.memory
    path = model_path(planned.model, gguf=candidate.checkpoint.format == "gguf")
    device, cpu = candidate.node.device, candidate.on_cpu
    return Blueprint(
        name=planned.name,
        title=f"{record.title} {planned.engine.version}, {planned.model.id} {planned.model.quantization}, "
        f"{planned.replicas} x {planned.hardware.devices} {device.name}",
        identity=_identity(planned),
        image=_image(planned, registry),
        container=runtime.container,
        command=runtime.launch.command,
        arguments=launch_arguments(runtime.launch, runtime.flags, planned, path),
        joined=runtime.launch.equals,
        port=runtime.launch.port,
        health_path=runtime.readiness.path if runtime.readiness else "/",
        model_path=path,
        replicas=planned.replicas,
        devices=0 if cpu else planned.hardware.devices,
        gpu_resource="" if cpu else _gpu_resource(device),
        vendor="" if cpu else device.vendor,
        cpus=candidate.node.host.cpu_cores if cpu else None,
        memory_gib=_memory_gib(memory, runtime.container.shm_gib if runtime.container else 0, on_cpu=cpu),
        checkpoint_gib=_checkpoint_gib(memory),
        start=start_up(_start_s(assessment)),
        grace_s=_grace_s(assessment),
        log_lines=expected_log_lines(assessment, record),
    )


def model_path(model: PlannedModel, *, gguf: bool) -> str:
    """Where the weights lie below the mounted folder: the file for GGUF, the folder for safetensors."""
    name = (model.repo_id or model.id).rsplit("/", 1)[-1]
    if not gguf:
        return f"{MODELS}/{name}"
    files = [file for file in model.files if file.endswith(".gguf")]
    return f"{MODELS}/{files[0]}" if files else f"{MODELS}/{name}-{model.quantization}.gguf"


def _identity(planned: PlannedDeployment) -> dict[str, str]:
    known = {
        "model": planned.model.id,
        "quantization": planned.model.quantization,
        "device": planned.hardware.device,
        "version": planned.engine.version,
        "fingerprint": fingerprint(planned)[:12],
    }
    return known if planned.engine.backend is None else {**known, "backend": planned.engine.backend}


def _image(planned: PlannedDeployment, registry: str | None) -> str:
    if planned.image is None:
        return ""
    image = parse_image(planned.image.ref)
    return str(mirrored(replace(image, digest=checked_digest(planned.image.digest) or image.digest), registry))


def _gpu_resource(device: Device) -> str:
    if device.slices_per_card is not None:
        return MIG_RESOURCE + device.id.rpartition("/mig-")[2]
    return GPU_RESOURCES.get(device.vendor, "")


def _memory_gib(memory: MemoryEstimate, shm_gib: int, *, on_cpu: bool) -> int:
    """Host memory to allow: what is required at most, what may grow there (as far as the host goes), shared memory, and headroom."""
    host = memory.host.required_bytes.high + memory.host.prompt_cache_bytes.high + memory.host.adapters_bytes.high
    if on_cpu:
        host += sum(device.reserved_bytes.high for device in memory.devices)
    host += min(memory.host.context_checkpoints_bytes.high, max(memory.host.usable_bytes.value - host, 0.0))
    return max(_LEAST_MEMORY_GIB, math.ceil(host * _HEADROOM / GIB)) + shm_gib


def _checkpoint_gib(memory: MemoryEstimate) -> int:
    weights = sum(d.weights_bytes.high for d in memory.devices) + memory.host.weights_bytes.high
    return math.ceil(weights * _HEADROOM / GIB)


def _start_s(assessment: Assessment) -> Quantity:
    performance = assessment.estimate.performance
    assert performance is not None  # noqa: S101 - assess always fills it
    return performance.start_s


def _grace_s(assessment: Assessment) -> int:
    """Time to finish what is running when a replica is told to stop: its slowest answers, within reason."""
    performance = assessment.estimate.performance
    slowest = performance.e2e_s.p99.value if performance else 0.0
    least, most = _GRACE_S
    return math.ceil(min(max(slowest * 2, least), most))
