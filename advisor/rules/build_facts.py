"""Domain objects to facts: one function a group. What is computed here is counting and comparing; every formula is in `estimate`."""

from collections.abc import Iterable
from typing import get_args

from advisor.domain.architecture import GroupedAttention, LatentAttention, ModelArchitecture
from advisor.domain.demand import Demand
from advisor.domain.deployment import Candidate, Deployment
from advisor.domain.engine import LlamaCppSettings, VllmSettings
from advisor.domain.estimate import Estimate, MemoryEstimate
from advisor.domain.hardware import Available, ProcessorFeature
from advisor.domain.licence import Licence
from advisor.domain.model import Model
from advisor.domain.quantization import Quantization
from advisor.domain.verdict import Requirement
from advisor.domain.workload import Load, LossBand, Workload
from advisor.estimate.graph_room_llama_cpp import NOT_COUNTED, graph_room
from advisor.rules.facts import (
    LOSS_BANDS,
    DeploymentFacts,
    EngineFacts,
    Facts,
    HardwareFacts,
    LlamaCppFacts,
    ManifestFacts,
    ModelFacts,
    ParallelismFacts,
    QuantizationFacts,
    SettingsFacts,
    VllmFacts,
    WorkloadFacts,
)
from advisor.rules.outcome_facts import estimate_facts, requirement_facts
from advisor.rules.price_facts import PriceFacts
from advisor.units import gib

_SIXTEEN_BIT_CACHES = frozenset({"f32", "f16", "bf16"})
GRAPH_FACTS = frozenset({"llama_cpp.graph_tensors", "llama_cpp.graph_room"})


def build_facts(
    workload: Workload,
    demand: Demand,
    *,
    available: Available | None = None,
    candidate: Candidate | None = None,
    quantization: Quantization | None = None,  # the catalog's, like the licence
    licence: Licence | None = None,
    concurrency: str = "",  # the engine record's, like the features that it needs
    needs_processor: tuple[ProcessorFeature, ...] = (),
    deployment: Deployment | None = None,
    estimate: Estimate | None = None,
    requirements: Iterable[Requirement] = (),
    prices: PriceFacts | None = None,
    manifest: ManifestFacts | None = None,
    hosted_by: str = "",  # an API provider
    graph: bool = True,  # count the tensors of llama.cpp's graph, which takes as long as all the rest
) -> Facts:
    """Everything known so far. Give what there is: before the estimate its facts are null, before the candidate its groups are neutral."""
    estimated, estimate_basis = estimate_facts(estimate, candidate, demand)
    required, requirement_basis = requirement_facts(requirements)
    return Facts(
        workload=_workload(workload, demand),
        hardware=_hardware(candidate, available, hosted_by),
        model=_model(candidate.model, licence) if candidate else ModelFacts(),
        quantization=_quantization(candidate, quantization),
        engine=_engine(candidate, concurrency, needs_processor),
        parallelism=_parallelism(candidate),
        settings=_settings(estimate.memory if estimate else None),
        llama_cpp=_llama_cpp(candidate, graph=graph),
        vllm=_vllm(candidate),
        deployment=_deployment(deployment),
        estimate=estimated,
        requirements=required,
        prices=prices or PriceFacts(),
        manifest=manifest or ManifestFacts(),
        basis=estimate_basis | requirement_basis,
    )


def _deployment(deployment: Deployment | None) -> DeploymentFacts:
    return DeploymentFacts(deployment.replicas, deployment.device_share) if deployment else DeploymentFacts()


def _workload(workload: Workload, demand: Demand) -> WorkloadFacts:
    level, rent = workload.service_level, workload.hardware.rent if workload.hardware else None
    at_most = _in_flight_at_most(demand.load)
    return WorkloadFacts(
        task=workload.task,
        data=workload.privacy.data,
        stays_on=workload.privacy.stays_on,
        internet_at_runtime=workload.privacy.internet_at_runtime,
        quantization_loss=workload.quality.quantization_loss,
        loss_rank=get_args(LossBand).index(workload.quality.quantization_loss),
        needs=workload.request.needs,
        regions=rent.regions if rent else (),
        typical_tokens=demand.typical_tokens,
        p95_tokens=demand.input_tokens.p95 + demand.output_tokens.p95,
        longest_tokens=demand.longest_tokens,
        input_tokens_p95=demand.input_tokens.p95,
        input_tokens_longest=demand.input_tokens.max,
        shared_prefix_tokens=demand.shared_prefix_tokens,
        in_flight_at_most=at_most,
        concurrent=at_most is None or at_most > 1,
        replicas_down=demand.replicas_down,
        ttft_p95_s=level.ttft_p95_s,
        tpot_p95_s=level.tpot_p95_s,
        e2e_p95_s=level.e2e_p95_s,
        budget_usd_per_month=workload.cost.budget_usd_per_month,
    )


def _in_flight_at_most(load: Load) -> int | None:
    if load.users:
        return load.users.active
    return load.in_flight or (load.batch.requests if load.batch else None)


def _hardware(candidate: Candidate | None, available: Available | None, hosted_by: str) -> HardwareFacts:
    node = candidate.node if candidate else available.node if available else None
    if node is None:
        return HardwareFacts(acquisition="hosted" if hosted_by else "", provider=hosted_by)
    device, offer = node.device, available.offer if available else None
    return HardwareFacts(
        device=device.id,
        name=device.name,
        device_class=device.device_class,
        vendor=device.vendor.lower(),
        compute_capability=device.compute_capability,
        memory_gib=gib(device.memory_bytes),
        unified_memory=device.unified_memory,
        is_cpu=device.is_cpu,
        processor_known=device.processor_features is not None,
        processor_features=device.processor_features or (),
        is_slice=device.slices_per_card is not None,
        fp8=device.fp8_flops_per_s is not None,
        fp4=device.fp4_flops_per_s is not None,
        backends=device.backends,
        link=device.link or "",
        node_devices=node.devices,
        nodes=available.nodes if available else None,
        host_memory_gib=gib(node.host.memory_bytes),
        acquisition=available.acquisition if available else "",
        provider=offer.provider if offer else "",
        region=offer.region if offer else "",
    )


def _model(model: Model, licence: Licence | None) -> ModelFacts:
    architecture = model.architecture
    return ModelFacts(
        id=model.id,
        licence=model.licence,
        commercial_use=licence.commercial_use if licence else "",
        licence_condition=licence.condition if licence else "",
        licence_source=licence.source if licence else "",
        kinds=architecture.kinds,
        in_llama_cpp=architecture.gguf_name is not None,
        max_context_tokens=architecture.max_context_tokens,
        parameters_total_b=architecture.parameters_total / 1e9,
        parameters_active_b=architecture.parameters_active / 1e9,
        experts=architecture.experts,
        layers=architecture.layers,
        heads=_heads(architecture),
        kv_heads=_kv_heads(architecture),
    )


def _heads(architecture: ModelArchitecture) -> int:
    mixers = [group.mixer for group in architecture.layer_groups]
    return max((m.heads for m in mixers if isinstance(m, GroupedAttention | LatentAttention)), default=0)


def _kv_heads(architecture: ModelArchitecture) -> int | None:
    mixers = [group.mixer for group in architecture.layer_groups]
    return min((m.kv_heads for m in mixers if isinstance(m, GroupedAttention)), default=None)


def _quantization(candidate: Candidate | None, quantization: Quantization | None) -> QuantizationFacts:
    if quantization is None:
        return QuantizationFacts()
    loss = (candidate.checkpoint.loss if candidate else None) or quantization.loss
    return QuantizationFacts(
        id=quantization.id,
        format=quantization.format,
        loss=loss,
        loss_rank=LOSS_BANDS.index(loss),
        compute=quantization.compute,
        min_compute_capability=quantization.min_compute_capability,
        native_compute_capability=quantization.native_compute_capability,
        published=candidate.checkpoint.published if candidate else True,
        weight_bits=quantization.scheme.weight_bits if quantization.scheme else None,
    )


def _engine(candidate: Candidate | None, concurrency: str, needs_processor: tuple[ProcessorFeature, ...]) -> EngineFacts:
    if candidate is None:
        return EngineFacts()
    runtime = candidate.runtime
    return EngineFacts(runtime.engine, runtime.runtime, runtime.version, runtime.backend, concurrency, needs_processor)


def _parallelism(candidate: Candidate | None) -> ParallelismFacts:
    if candidate is None:
        return ParallelismFacts()
    split = candidate.parallelism
    return ParallelismFacts(split.tensor, split.pipeline, split.data, split.expert, split.devices)


def _settings(memory: MemoryEstimate | None) -> SettingsFacts:
    if memory is None:
        return SettingsFacts()
    return SettingsFacts(memory.context_total_tokens, memory.context_per_request_tokens, memory.parallel_requests)


def _llama_cpp(candidate: Candidate | None, *, graph: bool) -> LlamaCppFacts:
    settings = candidate.settings if candidate else None
    if candidate is None or not isinstance(settings, LlamaCppSettings):
        return LlamaCppFacts()
    counted = graph_room(candidate.model.architecture, settings) if graph else NOT_COUNTED
    return LlamaCppFacts(
        ctx_size=settings.ctx_size,
        parallel=settings.parallel,
        kv_unified=settings.kv_unified,
        swa_full=settings.swa_full,
        flash_attn=settings.flash_attn,
        cache_type_k=settings.cache_type_k,
        cache_type_v=settings.cache_type_v,
        k_quantized=settings.cache_type_k not in _SIXTEEN_BIT_CACHES,
        v_quantized=settings.cache_type_v not in _SIXTEEN_BIT_CACHES,
        batch_size=settings.batch_size,
        ubatch_size=settings.ubatch_size,
        n_gpu_layers=settings.n_gpu_layers,
        n_cpu_moe=settings.n_cpu_moe,
        split_mode=settings.split_mode,
        load_mode=settings.load_mode,
        repack=settings.repack,
        cache_ram_mib=settings.cache_ram_mib,
        ctx_checkpoints=settings.ctx_checkpoints,
        graph_tensors=counted.tensors,
        graph_room=counted.room,
    )


def _vllm(candidate: Candidate | None) -> VllmFacts:
    settings = candidate.settings if candidate else None
    if not isinstance(settings, VllmSettings):
        return VllmFacts()
    pool = settings.kv_cache_memory_bytes
    return VllmFacts(
        max_model_len=settings.max_model_len,
        max_num_seqs=settings.max_num_seqs,
        max_num_batched_tokens=settings.max_num_batched_tokens,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        kv_cache_dtype=settings.kv_cache_dtype,
        block_size=settings.block_size,
        enable_prefix_caching=settings.enable_prefix_caching,
        enforce_eager=settings.enforce_eager,
        kv_cache_memory_gib=gib(pool) if pool is not None else None,
    )
