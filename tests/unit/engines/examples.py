"""Small architectures and devices for tests: real dimensions, nothing read from the catalog."""

from advisor.domain.architecture import DenseFfn, FullCache, GroupedAttention, LatentCache, LayerGroup, ModelArchitecture, MoeFfn
from advisor.domain.hardware import Device


def llama_8b(*, experts: int = 0) -> ModelArchitecture:
    ffn = MoeFfn(experts=experts, experts_per_token=2, expert_width=14336) if experts else DenseFfn(14336)
    group = LayerGroup(tuple(range(32)), GroupedAttention(32, 8, 128, 128), (FullCache(8, 128, 128),), ffn)
    return ModelArchitecture("llama", "llama", (group,), 4096, 128256, False, 8_030_261_248, 8_030_261_248, 131_072)


def latent_model() -> ModelArchitecture:
    group = LayerGroup(tuple(range(61)), None, (LatentCache(512, 64),), DenseFfn(18432))
    return ModelArchitecture("deepseek_v3", "deepseek2", (group,), 7168, 129280, False, 671_026_404_352, 37_550_000_000, 163_840)


def device(
    name: str = "NVIDIA H100 80GB HBM3",
    *,
    memory_gib: float = 79.6,
    kind: str = "gpu-datacenter",
    backends: tuple[str, ...] = ("cuda", "vulkan"),
    compute_capability: float | None = 9.0,
    vendor: str = "NVIDIA",
) -> Device:
    return Device(
        id=name.lower().replace(" ", "-"),
        name=name,
        vendor=vendor,
        device_class=kind,
        memory_bytes=int(memory_gib * 2**30),
        memory_bandwidth_bytes_per_s=3.35e12,
        bf16_flops_per_s=9.89e14,
        fp8_flops_per_s=1.979e15,
        fp4_flops_per_s=None,
        int8_ops_per_s=1.979e15,
        link="NVLink4",
        link_bytes_per_s=4.5e11,
        compute_capability=compute_capability,
        power_w=700,
        backends=backends,
    )


def cpu() -> Device:
    return device("Some CPU", memory_gib=64, kind="cpu", backends=("cpu",), compute_capability=None, vendor="AMD")
