"""Loads models in vLLM as asked and generates with each; reports the KV pool that the engine made. Judges nothing, imports no advisor.

Run by the engine's own interpreter: `python vllm_smoke.py < request.json`.
Request: `models`, each with `folder` (a Hugging Face folder), `settings` under vLLM's argument names and `load_format`; `sequences`,
`prompt_tokens`, `output_tokens`, `seed`, and `processor_features` (vLLM is shown no others; null: all that the processor has).
vLLM is imported once and forked for each model: a kernel that aborts ends its own model only.
Progress and the engine's words go to stderr, the report is the last line of stdout: one answer a model, which may be the engine's
refusal. Exit 0 report, 2 bad request, 3 no vLLM here.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# one process a model: no API server, no engine core, no peers to wait for
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
LOAD_FORMATS = ("auto", "dummy")
REASON_CHARACTERS = 600
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


def hide_all_but(features: list[str]) -> None:
    """Show vLLM a lesser processor, before it is imported: by what it sees it takes its library and its kernels. Raises Refused for a
    feature that this processor lacks."""
    try:
        import torch
    except ImportError as error:
        raise Refused(f"vllm needs torch, which cannot be imported: {error}", 3) from None
    missing = [name for name in features if name not in CPU_CHECKS or not getattr(torch.cpu, CPU_CHECKS[name])()]
    if missing:
        raise Refused(f"this processor has no {', '.join(missing)}", 2)
    for name, check in CPU_CHECKS.items():
        if name not in features:
            setattr(torch.cpu, check, lambda: False)


def version_here() -> dict[str, Any]:
    """Which vLLM this is, imported whole. Raises Refused for none."""
    try:
        import vllm
        from vllm import LLM, SamplingParams  # noqa: F401 - the slow part, before the fork
        from vllm.platforms import current_platform
    except Exception as error:
        raise Refused(f"vllm cannot be imported: {type(error).__name__}: {error}", 3) from None
    return {"name": "vllm", "version": vllm.__version__.partition("+")[0], "device": current_platform.device_type}


def load(model: dict[str, Any], seed: int) -> Any:  # noqa: ANN401 - vLLM's own type
    """The engine with the model. Raises whatever the engine raises."""
    from vllm import LLM

    return LLM(
        model=model["folder"],
        tokenizer=model["folder"],
        skip_tokenizer_init=True,  # prompts are token ids
        load_format=model["load_format"],
        seed=seed,
        **model["settings"],
    )


def generate(engine: Any, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """All sequences at once, greedy, from random token ids; the log-probability of each token shows whether the logits were numbers."""
    from vllm import SamplingParams

    chosen, vocabulary = random.Random(request["seed"]), engine.llm_engine.model_config.get_vocab_size()
    prompts = [
        {"prompt_token_ids": [chosen.randrange(vocabulary) for _ in range(request["prompt_tokens"])]} for _ in range(request["sequences"])
    ]
    sampling = SamplingParams(temperature=0.0, max_tokens=request["output_tokens"], ignore_eos=True, detokenize=False, logprobs=0)
    outputs = [answer.outputs[0] for answer in engine.generate(prompts, sampling, use_tqdm=False)]
    chances = [step[token].logprob for output in outputs for token, step in zip(output.token_ids, output.logprobs, strict=True)]
    finite = all(-1e30 < chance <= 0 for chance in chances)
    return {"generated_tokens": [len(output.token_ids) for output in outputs], "logprobs_finite": finite}


def pool(engine: Any) -> dict[str, Any]:  # noqa: ANN401
    """The KV cache as the engine made it: the blocks that it settled on, and the bytes of the tensors that its worker holds."""
    from vllm.v1.core.kv_cache_utils import get_max_concurrency_for_kv_cache_config

    core, config = engine.llm_engine.engine_core.engine_core, engine.llm_engine.vllm_config
    plan = core.scheduler.kv_cache_config
    (held,) = core.model_executor.collective_rpc(held_bytes)
    return {
        "num_blocks": config.cache_config.num_gpu_blocks,
        "block_size": config.cache_config.block_size,
        "kv_cache_bytes": held,
        "max_concurrency": get_max_concurrency_for_kv_cache_config(config, plan),
        "max_model_len": config.model_config.max_model_len,
        "enable_prefix_caching": config.cache_config.enable_prefix_caching,
    }


def held_bytes(worker: Any) -> int:  # noqa: ANN401
    """Bytes of the cache tensors in the worker; layers that share one count once."""
    caches = worker.model_runner.kv_caches
    tensors = [tensor for cache in caches for tensor in (cache if isinstance(cache, list | tuple) else [cache])]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def answer(model: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """What became of one model; whatever the engine raises is its refusal."""
    began = time.perf_counter()
    try:
        engine = load(model, request["seed"])
        return {"load_s": time.perf_counter() - began, **pool(engine), **generate(engine, request)}
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return {"refused": reason[:REASON_CHARACTERS]}


def in_a_child(model: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The answer of a fork of this process; one that ended without an answer is a refusal too."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=tell, args=(theirs, model, request))
    child.start()
    theirs.close()
    try:
        told = ours.recv()
    except EOFError:
        child.join()
        status = child.exitcode or 0
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
        return {"refused": f"vLLM's process ended {how} and no other word"}
    child.join()
    return dict(told)


def tell(to: Connection, model: dict[str, Any], request: dict[str, Any]) -> None:
    """What the fork does."""
    to.send(answer(model, request))


def answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One answer a model."""
    for number, model in enumerate(request["models"], 1):
        say(progress="model", number=number, of=len(request["models"]))
        yield in_a_child(model, request)


def report_for(request: dict[str, Any]) -> dict[str, Any]:
    """The report. Raises Refused."""
    if min(request[name] for name in ("sequences", "prompt_tokens", "output_tokens")) < 1:
        raise Refused("sequences, prompt_tokens and output_tokens must be at least 1", 2)
    for model in request["models"]:
        if model["load_format"] not in LOAD_FORMATS or not Path(model["folder"], "config.json").is_file():
            raise Refused(f"a model needs a folder with a config.json, and load_format one of {', '.join(LOAD_FORMATS)}: {model}", 2)
    with tempfile.TemporaryDirectory(prefix="vllm_smoke_") as folder:  # each engine leaves the file that its ranks would meet at
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        if request["processor_features"] is not None:
            hide_all_but(request["processor_features"])
        return {"engine": version_here(), "answers": list(answers(request))}


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
    sys.exit(main())
