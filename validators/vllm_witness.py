"""Asks vLLM for its own KV-cache planning of a config.json: no weights, no GPU, any tensor parallelism. Judges nothing, imports no advisor.

Run by the engine's own interpreter: `python vllm_witness.py < request.json`.
Request: `tested_versions`, `questions`, each with `config` (a config.json), `settings` under vLLM's argument names, `tensor`, `expert`,
`kv_bytes` (for the pool of one rank), `device` (cpu or gpu: what is planned for) and `processor_features` (those of the planned CPU).
Models are built on the meta device as rank 0 of a pretended world. Progress goes to stderr, the report is the last line of
stdout: one answer a question, which may be the engine's refusal.
Exit 0 report, 2 bad request, 3 no vLLM here or another version, 4 this vLLM cannot be asked so.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import tempfile
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": ""}
REASON_CHARACTERS = 600
GPU_KERNEL_BLOCK = 16  # tokens: v1/attention/backends/flash_attn.py
CPU_CHECKS = {  # what vLLM asks torch about the processor, by the feature's name in /proc/cpuinfo
    "avx2": "_is_avx2_supported",
    "avx512f": "_is_avx512_supported",
    "avx512_bf16": "_is_avx512_bf16_supported",
    "amx_tile": "_is_amx_tile_supported",
}


class Refused(Exception):
    """Why there is no report, and the code that the process ends with."""


def say(**fields: object) -> None:
    """One line of progress."""
    print(json.dumps(fields), file=sys.stderr, flush=True)


def version_here(tested: list[str]) -> dict[str, Any]:
    """Which vLLM this is. Raises Refused for none, or one whose planning was not compared."""
    try:
        import vllm
        from vllm.platforms import current_platform
    except Exception as error:
        raise Refused(f"vllm cannot be imported: {type(error).__name__}: {error}", 3) from None
    version = vllm.__version__.partition("+")[0]
    if version not in tested:
        raise Refused(f"vLLM {version} is not among the versions whose planning was compared: {', '.join(tested)}", 3)
    return {"name": "vllm", "version": version, "device": current_platform.device_type}


class NeverCalled(types.ModuleType):
    """A module of which only names are read: what a planner imports and never calls."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class Unneeded(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `torchvision` where it is not installed: vLLM's files of models with a vision tower import it, for pictures only."""

    def find_spec(self, name: str, path: object, target: object = None) -> Any:  # noqa: ANN401
        """torchvision and all below it."""
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == "torchvision" else None

    def create_module(self, spec: Any) -> NeverCalled:  # noqa: ANN401
        """A stand-in for any of them."""
        return NeverCalled(spec.name)

    def exec_module(self, module: object) -> None:
        """Nothing in it."""


def inspect_here() -> None:
    """vLLM looks at a model's class in a process of its own, which would lack what is pretended here. Asked for after transformers,
    which must find that torchvision is absent."""
    from vllm.model_executor.models import registry

    if importlib.util.find_spec("torchvision") is None:
        registry._run_in_subprocess = lambda look: look()
        sys.meta_path.append(Unneeded())


class World:
    """One process that plays rank 0 of a world of tensor-parallel ranks; nobody else is there and nothing is ever sent."""

    def __init__(self) -> None:
        import torch
        from vllm.distributed import parallel_state
        from vllm.distributed.device_communicators import cpu_communicator

        self._torch, self._state = torch, parallel_state
        new_group, new_model_group = torch.distributed.new_group, parallel_state.init_model_parallel_group
        # no peers: no gloo, no shared memory to agree on, no queue to wait at
        torch.distributed.new_group = lambda *given, **options: new_group(*given, **{**options, "backend": "fake"})
        parallel_state.init_model_parallel_group = lambda *given, **options: new_model_group(
            *given, **{**options, "use_message_queue_broadcaster": False}
        )
        cpu_communicator.CpuCommunicator._all_group_ranks_share_shm_group_name = lambda _: False
        parallel_state.in_the_same_node_as = lambda group, source_rank=0: [True] * torch.distributed.get_world_size(group)

    def of(self, ranks: int) -> None:
        """A new world that large: which groups it has depends on the model too."""
        self._state.destroy_model_parallel()
        self._state.destroy_distributed_environment()
        if self._torch.distributed.is_initialized():
            self._torch.distributed.destroy_process_group()
        from torch.testing._internal.distributed.fake_pg import FakeStore

        self._torch.distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=ranks)
        self._state.init_distributed_environment(ranks, 0, "env://", 0, "gloo")
        self._state.initialize_model_parallel(ranks, 1)


def engine_config(question: dict[str, Any], folder: str) -> Any:  # noqa: ANN401 - vLLM's own type
    """vLLM's configuration of the question, as `vllm serve` would make it."""
    from vllm.engine.arg_utils import EngineArgs

    (Path(folder) / "config.json").write_text(json.dumps(question["config"]), encoding="utf-8")
    ranks = question["tensor"]
    spread = {"tensor_parallel_size": ranks, "distributed_executor_backend": "mp"} if ranks > 1 else {}
    spread |= {"enable_expert_parallel": True} if question.get("expert") else {}
    fixed = {"model": folder, "tokenizer": folder, "skip_tokenizer_init": True, "load_format": "dummy"}
    return EngineArgs(**fixed, **question["settings"], **spread).create_engine_config()


def undo_cpu(config: Any, settings: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Take back what only the CPU platform changes; what was taken back, in words."""
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP

    cache, scheduler, changed = config.cache_config, config.scheduler_config, []
    wanted = {
        "block_size": settings["block_size"],
        "enable_prefix_caching": settings["enable_prefix_caching"],
        "mamba_ssm_cache_dtype": "auto",
    }
    for name, value in wanted.items():
        if getattr(cache, name) != value:
            changed.append(f"{name} {getattr(cache, name)} -> {value}")
            setattr(cache, name, value)
    model_rule = getattr(MODELS_CONFIG_MAP.get(config.model_config.architecture), "update_mamba_ssm_cache_dtype", None)
    if model_rule:  # what the model asks of its states is no doing of the platform
        model_rule(cache_config=cache, hf_config=config.model_config.hf_config)
    if scheduler.max_num_batched_tokens != settings["max_num_batched_tokens"]:
        changed.append(f"max_num_batched_tokens {scheduler.max_num_batched_tokens} -> {settings['max_num_batched_tokens']}")
        scheduler.max_num_batched_tokens = settings["max_num_batched_tokens"]
    scheduler.async_scheduling = True  # so that a step in flight counts too
    return [*changed, f"kernel blocks of {GPU_KERNEL_BLOCK} tokens", "async_scheduling -> True"]


def build(config: Any) -> Any:  # noqa: ANN401
    """The model without its weights."""
    import torch
    from vllm.model_executor.model_loader.utils import initialize_model

    before = torch.get_default_dtype()
    torch.set_default_dtype(config.model_config.dtype)
    try:
        with torch.device("meta"):
            return initialize_model(config)
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def processor(features: list[str]) -> Iterator[None]:
    """Inside, vLLM plans for a processor of these features; its kernels, of this one's, are loaded already and nothing is computed."""
    import torch

    before = {check: getattr(torch.cpu, check) for check in CPU_CHECKS.values()}
    for name, check in CPU_CHECKS.items():
        setattr(torch.cpu, check, lambda has=name in features: has)
    try:
        yield
    finally:
        for check, own in before.items():
            setattr(torch.cpu, check, own)


@contextlib.contextmanager
def kernel_blocks(tokens: int) -> Iterator[None]:
    """Inside, attention works on blocks that are multiples of `tokens`, as FlashAttention's 16 (the CPU's own kernel needs 32)."""
    from vllm.v1.attention.backend import MultipleOf
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    before = CPUAttentionBackend.__dict__["get_supported_kernel_block_sizes"]
    CPUAttentionBackend.get_supported_kernel_block_sizes = staticmethod(lambda kv_cache_spec=None: [MultipleOf(tokens)])
    try:
        yield
    finally:
        CPUAttentionBackend.get_supported_kernel_block_sizes = before


def layer_specs(config: Any) -> dict[str, Any]:  # noqa: ANN401
    """What each layer keeps, as the engine's own worker collects it."""
    from vllm.config import get_layers_from_vllm_config
    from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase

    layers = get_layers_from_vllm_config(config, AttentionLayerBase).items()
    own = [(name, layer) for name, layer in layers if not getattr(layer, "kv_sharing_target_layer_name", None)]
    return {name: spec for name, layer in own if (spec := layer.get_kv_cache_spec(config))}


def plan(config: Any, specs: dict[str, Any], kv_bytes: int) -> dict[str, Any]:  # noqa: ANN401
    """The engine's pool for one rank. Raises the engine's own error where it would not start."""
    from vllm.v1.attention.backends.utils import resolve_kv_cache_layout
    from vllm.v1.core import kv_cache_utils
    from vllm.v1.kv_cache_layout import KVCacheLayout

    layouts = sorted((layout.name for layout in KVCacheLayout), key=lambda name: name != "LBHNC")  # the CPU's first choice, then any
    resolve_kv_cache_layout(config, [layouts], list(specs.values()))
    (pool,) = kv_cache_utils.get_kv_cache_configs(config, [specs], [kv_bytes])
    concurrency = kv_cache_utils.get_max_concurrency_for_kv_cache_config(config, pool)
    groups = [{**shown(group.kv_cache_spec), "layers": len(group.layer_names)} for group in pool.kv_cache_groups]
    return {
        "num_blocks": pool.num_blocks,
        "bytes_per_block": kv_cache_utils._pool_bytes_per_block(config, pool.kv_cache_groups),
        "max_concurrency": concurrency,
        "capacity_tokens": int(concurrency * config.model_config.max_model_len),
        "groups": groups,
    }


def stored_buffers(model: Any) -> Iterator[Any]:  # noqa: ANN401
    """What a checkpoint holds and the engine keeps as a buffer (Gemma 4's layer scalars); names with an underscore are its own."""
    for module in model.modules():
        for name, tensor in module._buffers.items():
            if tensor is not None and name not in module._non_persistent_buffers_set and not name.startswith("_"):
                yield tensor


def shown(spec: Any) -> dict[str, Any]:  # noqa: ANN401
    """One kind of cache as plain numbers."""
    window = getattr(spec, "sliding_window", None)
    return {"kind": type(spec).__name__, "block_tokens": spec.block_size, "page_bytes": spec.page_size_bytes, "window_tokens": window}


def answer(question: dict[str, Any], world: World, device: str) -> dict[str, Any]:
    """What the engine says to one question. Raises whatever the engine raises."""
    from vllm.config import set_current_vllm_config
    from vllm.platforms import current_platform

    as_gpu = question["device"] != "cpu" and device == "cpu"
    pretended = kernel_blocks(GPU_KERNEL_BLOCK) if as_gpu else processor(question["processor_features"])
    with tempfile.TemporaryDirectory() as folder, pretended:
        config = engine_config(question, folder)
        undone = undo_cpu(config, question["settings"]) if as_gpu else []
        with set_current_vllm_config(config):
            world.of(question["tensor"])
            model = build(config)
            current_platform.update_block_size_for_backend(config)  # as every executor does once the model is there
            specs = layer_specs(config)
            pool = plan(config, specs, question["kv_bytes"])
    parameters = [*model.parameters(), *stored_buffers(model)]
    kinds = Counter(json.dumps(shown(spec), sort_keys=True) for spec in specs.values())
    return {
        "parameters": sum(tensor.numel() for tensor in parameters),
        "weight_bytes": sum(tensor.numel() * tensor.element_size() for tensor in parameters),
        "layers": [{**json.loads(kind), "layers": count} for kind, count in kinds.items()],
        **pool,
        "block_size": config.cache_config.block_size,
        "enable_prefix_caching": config.cache_config.enable_prefix_caching,
        "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
        "max_model_len": config.model_config.max_model_len,
        "undone": undone,
    }


def answers(request: dict[str, Any], device: str) -> Iterator[dict[str, Any]]:
    """One answer a question; the engine's refusal is one."""
    try:
        inspect_here()
        world = World()
    except Exception as error:
        raise Refused(f"this vLLM cannot be asked without ranks: {type(error).__name__}: {error}", 4) from None
    for number, question in enumerate(request["questions"], 1):
        say(progress="question", number=number, of=len(request["questions"]))
        try:
            yield answer(question, world, device)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            yield {"refused": reason[:REASON_CHARACTERS]}


def report_for(request: dict[str, Any]) -> dict[str, Any]:
    """The report. Raises Refused."""
    for question in request["questions"]:
        if not isinstance(question["config"], dict) or question["tensor"] < 1 or question["kv_bytes"] < 0:
            raise Refused("a question needs a config object, tensor of at least 1, and kv_bytes", 2)
    engine = version_here(request["tested_versions"])
    return {"engine": engine, "answers": list(answers(request, engine["device"]))}


def main() -> int:
    """Request in, report out; whatever the engine prints to stdout goes to stderr, so that the report is the last line."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.update(ENVIRONMENT)
    try:
        report, code = report_for(json.load(sys.stdin)), 0
    except (ValueError, KeyError, TypeError) as error:
        report, code = {"error": f"the request is not JSON, or lacks something: {error}"}, 2
    except Refused as error:
        report, code = {"error": error.args[0]}, error.args[1]
    print(json.dumps(report, allow_nan=False), file=out, flush=True)
    return code


if __name__ == "__main__":
    code = main()
    with contextlib.suppress(Exception):
        sys.stderr.flush()
    os._exit(code)  # a pretended process group has nobody to say goodbye to
