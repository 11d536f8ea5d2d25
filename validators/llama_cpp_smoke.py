"""Loads a GGUF in llama.cpp as asked; reports what the engine says and how fast it decodes. Judges nothing, imports no advisor.

Run by the engine's own interpreter: `python llama_cpp_smoke.py < request.json`.
Request: `mode` (smoke, size_only, size_each, quantize_dry_run, quantize_each), `model`, `settings` under llama.cpp's flag names (for
size_each a list, one context after the other on one model, each with its own part of the log in `contexts`); for smoke also
`concurrency`, `prompt_tokens`, `output_tokens`, `repeats`, `time_limit_s`, `seed`, and where a row that others disturb is to be measured
again `retries` and `others_share_limit`; for quantize_dry_run `file_type` (llama.cpp's number), for quantize_each `file_types`.
Progress goes to stderr, the report is the last line of stdout: raw log lines, every step's seconds. Exit 0 report, 2 bad request,
3 no llama_cpp here, 4 the engine refused. A GGML_ASSERT aborts the process: whoever started it must expect that.
"""

import contextlib
import ctypes
import functools
import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COUNTED_S = 0.05  # counters tick in hundredths of a second, each for itself: less than this is nobody's
LOG_DEBUG, LOG_CONTINUES = 1, 5  # ggml_log_level
LOAD_MODES = {"auto": -1, "none": 0, "mmap": 1, "mlock": 2, "mmap_mlock": 3, "direct_io": 4}
SPLIT_MODES = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
CHOICES = {"flash_attn": {"auto": -1, "off": 0, "on": 1}, "load_mode": LOAD_MODES, "split_mode": SPLIT_MODES}
# flag name -> field of llama_model_params and llama_context_params
MODEL_FIELDS = {"n_gpu_layers": "n_gpu_layers", "split_mode": "split_mode", "load_mode": "load_mode", "repack": "use_extra_bufts"}
CONTEXT_FIELDS = {"ctx_size": "n_ctx", "parallel": "n_seq_max", "batch_size": "n_batch", "ubatch_size": "n_ubatch"}
CONTEXT_FIELDS |= {"flash_attn": "flash_attn_type", "cache_type_k": "type_k", "cache_type_v": "type_v"}
CONTEXT_FIELDS |= {name: name for name in ("swa_full", "kv_unified")}
# our name -> llama.cpp's getter
MODEL_FACTS = {"tensor_bytes": "size", "parameters": "n_params", "file_type": "ftype", "layers": "n_layer", "hidden_size": "n_embd"}
MODEL_FACTS |= {"heads": "n_head", "kv_heads": "n_head_kv", "context_trained_tokens": "n_ctx_train", "window_tokens": "n_swa"}
CONTEXT_FACTS = {name: name for name in ("n_ctx", "n_ctx_seq", "n_seq_max", "n_batch", "n_ubatch")}


class Refused(Exception):
    """Why there is no report, and the code that the process ends with."""


def memory_now() -> dict[str, int | None]:
    """Resident bytes of this process: anonymous, mapped from files, the most so far. None where the system does not say."""
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    shown = {"VmHWM": peak_kib * 1024}
    for path in (Path("/proc/self/status"), Path("/proc/self/smaps_rollup")):
        with contextlib.suppress(OSError):
            shown |= {line.split(":")[0]: int(line.split()[1]) * 1024 for line in path.read_text().splitlines() if line.endswith(" kB")}
    anonymous, resident = shown.get("Anonymous"), shown.get("Rss")
    mapped = resident - anonymous if resident is not None and anonymous is not None else None
    return {"anonymous_bytes": anonymous, "file_bytes": mapped, "resident_bytes": resident, "peak_resident_bytes": shown["VmHWM"]}


def host_now() -> dict[str, float | None]:
    """Counters whose differences show who else used our processors: interrupts are nobody's process, steal is another machine's."""
    used, ours, busy_s, steal_s = resource.getrusage(resource.RUSAGE_SELF), {f"cpu{number}" for number in processors()}, 0.0, 0.0
    with contextlib.suppress(OSError):
        for name, *ticks in map(str.split, Path("/proc/stat").read_text().splitlines()):
            if name in ours:
                user, nice, system, _, _, _, _, steal = (int(tick) / os.sysconf("SC_CLK_TCK") for tick in ticks[:8])
                busy_s, steal_s = busy_s + user + nice + system + steal, steal_s + steal
    switches = {"voluntary_switches": used.ru_nvcsw, "involuntary_switches": used.ru_nivcsw}
    host = {"host_busy_s": busy_s or None, "steal_s": steal_s if busy_s else None}
    return {"wall_s": time.perf_counter(), "own_cpu_s": used.ru_utime + used.ru_stime, **host, **switches}


def since(before: dict[str, float | None]) -> dict[str, float | None]:
    """What was counted since then."""
    return {key: None if value is None else value - (before[key] or 0) for key, value in host_now().items()}


def contention(before: dict[str, float | None], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What was counted over the rows (since `before` where there are none), the load average, the slowest step over its run's median."""
    hosts = [row["host"] for row in rows] or [since(before)]
    counted = {key: None if None in (values := [host[key] for host in hosts]) else sum(values) for key in hosts[0]}
    slowest = max((max(row["steps_s"]) / row["step_s_median"] for row in rows if row["steps_s"]), default=None)
    return {**counted, "load_average": os.getloadavg(), "cores": len(processors()), "max_step_over_median": slowest}


def others_share(host: dict[str, float | None]) -> float:
    """Of our processors, used by other work; 0 where the system does not say."""
    if host["host_busy_s"] is None or not host["wall_s"]:
        return 0.0
    return (host["host_busy_s"] - (host["own_cpu_s"] or 0.0) - COUNTED_S) / (host["wall_s"] * len(processors()))


def processors() -> list[int]:
    """Processors that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def say(**fields: object) -> None:
    """One line of progress."""
    print(json.dumps(fields), file=sys.stderr, flush=True)


class Engine:
    """llama_cpp's low-level functions with the engine's log captured; lines stay as the engine printed them."""

    def __init__(self) -> None:
        try:
            import llama_cpp
        except Exception as error:
            raise Refused(f"llama_cpp cannot be imported: {type(error).__name__}: {error}", 3) from None
        self.api: Any = llama_cpp
        self._text: list[bytes] = []
        self._level = 0
        self._callback = llama_cpp.llama_log_callback(self._keep)  # must outlive the engine
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self.types = {name[10:].lower(): getattr(llama_cpp, name) for name in dir(llama_cpp) if name.startswith("GGML_TYPE_")}

    def _keep(self, level: int, text: bytes, _: object) -> None:
        self._level = self._level if level == LOG_CONTINUES else level
        if self._level != LOG_DEBUG:  # thousands of lines about single tensors
            self._text.append(text)

    def log_lines(self) -> list[str]:
        """Every line so far."""
        return b"".join(self._text).decode("utf-8", "replace").splitlines()

    def version(self) -> dict[str, Any]:
        """Which llama.cpp this is and what it was built for."""
        library = self.api.llama_version().decode() if hasattr(self.api, "llama_version") else None
        built = {"system_info": self.api.llama_print_system_info().decode(), "gpu_offload": self.api.llama_supports_gpu_offload()}
        return {"name": "llama.cpp", "binding_version": self.api.__version__, "library_version": library, **built}

    def refusal(self, what: str) -> Refused:
        """The engine's own last complaints."""
        lines = [line for line in self.log_lines() if any(word in line.lower() for word in ("error", "fail", "requires", "invalid"))]
        return Refused(f"{what}: {' | '.join(lines[-3:]) or 'llama.cpp gave no reason'}", 4)

    def facts(self, prefix: str, names: dict[str, str], subject: Any) -> dict[str, Any]:  # noqa: ANN401
        """What the engine's getters say, under our names; None for a getter that this llama.cpp does not have."""
        getters = {name: getattr(self.api, prefix + getter, None) for name, getter in names.items()}
        return {name: getter(subject) if getter else None for name, getter in getters.items()}

    def fields(self, settings: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
        """Settings under the structure's field names, words as the engine's numbers. Raises Refused for an unknown word."""
        found = {}
        for name, field in names.items():
            options = self.types if name.startswith("cache_type") else CHOICES.get(name)
            value = settings.get(name)
            if options is not None and value is not None and value not in options:
                raise Refused(f"settings.{name}: {value!r} is not one of {', '.join(options)}", 2)
            found[field] = options[value] if options is not None and value is not None else value
        return found


def fill(struct: Any, values: dict[str, Any], ignored: list[str]) -> None:  # noqa: ANN401 - a ctypes structure
    """Set the fields that this llama.cpp has; name the others in `ignored`. None leaves the engine's default."""
    given, known = {name for name, value in values.items() if value is not None}, {field[0] for field in struct._fields_}
    for name in given & known:
        setattr(struct, name, values[name])
    ignored += sorted(given - known)


def load_model(engine: Engine, request: dict[str, Any], ignored: list[str], *, allocate: bool) -> Any:  # noqa: ANN401
    """The model as asked. Raises Refused with the engine's complaint."""
    settings, params = request["settings"], engine.api.llama_model_default_params()
    shares = (ctypes.c_float * engine.api.llama_max_devices())(*settings.get("tensor_split") or ())
    fill(params, {**engine.fields(settings, MODEL_FIELDS), "tensor_split": shares if any(shares) else None}, ignored)
    if not allocate:
        fill(params, {"no_alloc": True, "load_mode": LOAD_MODES["none"]}, ignored)
        if "no_alloc" in ignored:
            raise Refused("this llama.cpp cannot size a model without loading it: it has no no_alloc", 4)
    ignored += ["n_cpu_moe"] if settings.get("n_cpu_moe") else []
    say(progress="load")
    model = engine.api.llama_model_load_from_file(os.fsencode(request["model"]), params)
    if not model:
        raise engine.refusal("the model was not loaded")
    return model


def open_context(engine: Engine, model: Any, settings: dict[str, Any], ignored: list[str]) -> Any:  # noqa: ANN401
    """A context as asked. Raises Refused where the engine would refuse or abort."""
    parallel, outputs, threads = settings["parallel"], settings["outputs"], settings.get("threads") or len(processors())
    if outputs < parallel:
        raise Refused(f"settings.outputs ({outputs}) is below settings.parallel ({parallel}): llama.cpp would abort", 2)
    params = engine.api.llama_context_default_params()
    fill(params, {**engine.fields(settings, CONTEXT_FIELDS), "n_threads": threads, "n_threads_batch": threads, "no_perf": True}, ignored)
    if outputs < settings["batch_size"]:  # as many as the batch is the library's default, given as 0
        fill(params, {"n_outputs_max": outputs, "n_outputs_max_per_seq": outputs // parallel}, ignored)
    say(progress="context")
    context = engine.api.llama_init_from_model(model, params)
    if not context:
        raise engine.refusal("the context was not created")
    return context


class Benchmark:
    """Parallel sequences in one batch a step, greedy sampling: the work of a server without its HTTP."""

    def __init__(self, engine: Engine, model: Any, context: Any, request: dict[str, Any]) -> None:  # noqa: ANN401
        self._engine, self._api, self._context = engine, engine.api, context
        self._capacity = self._api.llama_n_batch(context)
        self._batch = self._api.llama_batch_init(self._capacity, 0, 1)
        self._sample = functools.partial(self._api.llama_sampler_sample, self._api.llama_sampler_init_greedy(), context)
        self._vocabulary = self._api.llama_vocab_n_tokens(self._api.llama_model_get_vocab(model))
        self._random, self._deadline = random.Random(request.get("seed", 0)), time.perf_counter() + request["time_limit_s"]

    def left_s(self) -> float:
        """Of the time limit."""
        return self._deadline - time.perf_counter()

    def run(self, sequences: int, *, prompt: int, output: int) -> dict[str, Any]:
        """Prefill all prompts, then decode all sequences step by step. `complete` is false when the time limit came first."""
        self._api.llama_memory_clear(self._api.llama_get_memory(self._context), True)
        start, finished_s, tokens, steps_s = time.perf_counter(), [], [], []
        for answer_of in self._prefill(sequences, prompt):
            finished_s.append(time.perf_counter() - start)
            tokens.append(answer_of)
        row, state_bytes = self._api.llama_get_logits_ith(self._context, -1), self._api.llama_state_seq_get_size(self._context, 0)
        finite = bool(row) and all(abs(value) < 1e30 for value in row[: self._vocabulary])
        for position in range(prompt, prompt + output - 1):
            if time.perf_counter() > self._deadline or len(tokens) < sequences:
                break
            begin = time.perf_counter()
            tokens = self._decode([(sequence, token, position, True) for sequence, token in tokens])
            steps_s.append(time.perf_counter() - begin)
        median_s = statistics.median(steps_s) if steps_s else None
        speed = {"step_s_median": median_s, "output_tokens_per_s": sequences / median_s if median_s else None, "steps_s": steps_s}
        timing = {"prefill_s": max(finished_s, default=None), "first_token_s": finished_s, **speed}
        return {**timing, "complete": len(steps_s) == output - 1, "logits_finite": finite, "sequence_state_bytes": state_bytes}

    def _prefill(self, sequences: int, prompt: int) -> Iterator[tuple[int, int]]:
        """Each sequence, with its first token, when its prompt is done; prompts share batches as in a server."""
        places = [(sequence, position) for sequence in range(sequences) for position in range(prompt)]
        queue = [(sequence, self._random.randrange(self._vocabulary), position, position == prompt - 1) for sequence, position in places]
        for start in range(0, len(queue), self._capacity):
            if time.perf_counter() <= self._deadline:
                yield from self._decode(queue[start : start + self._capacity])

    def _decode(self, entries: list[tuple[int, int, int, bool]]) -> list[tuple[int, int]]:
        """One batch of (sequence, token, position, wants an answer); the next token of each that wants one."""
        batch = self._batch
        for index, (sequence, token, position, wanted) in enumerate(entries):
            batch.token[index], batch.pos[index], batch.logits[index] = token, position, wanted
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, sequence
        batch.n_tokens = len(entries)
        if code := self._api.llama_decode(self._context, batch):
            raise self._engine.refusal(f"decoding {len(entries)} tokens failed with code {code}")
        return [(entry[0], self._sample(index)) for index, entry in enumerate(entries) if entry[3]]


def benchmark(engine: Engine, model: Any, context: Any, request: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ANN401
    """One row per repeat and concurrency after a warm-up; repeats are the outer loop, so that a stall hits one row of each."""
    prompt, output, most = request["prompt_tokens"], request["output_tokens"], max(request["concurrency"])
    total, each = (engine.facts("llama_", CONTEXT_FACTS, context)[name] for name in ("n_ctx", "n_ctx_seq"))
    if most > request["settings"]["parallel"] or prompt + output > (each or total) or most * (prompt + output) > total:
        raise Refused(f"{most} sequences of {prompt + output} tokens do not fit a context of {total} tokens, {each} a sequence", 2)
    bench, rows = Benchmark(engine, model, context, request), []
    bench.run(1, prompt=1, output=2)
    for repeat in range(1, request["repeats"] + 1):
        for sequences in request["concurrency"]:
            say(progress="benchmark", concurrency=sequences, repeat=repeat)
            rows.append({"concurrency": sequences, "repeat": repeat, **undisturbed(bench, request, sequences, repeat)})
    return rows


def undisturbed(bench: Benchmark, request: dict[str, Any], sequences: int, repeat: int) -> dict[str, Any]:
    """A row with the `host` counters of its time; measured again while others use the processors, each in half of the time left at most."""
    retries = request.get("retries", 0)
    for again in range(1, retries + 2):
        before = host_now()
        row = bench.run(sequences, prompt=request["prompt_tokens"], output=request["output_tokens"])
        row["host"] = since(before)
        share = others_share(row["host"])
        if again > retries or share <= request["others_share_limit"] or not row["complete"] or 2 * row["host"]["wall_s"] > bench.left_s():
            return row
        why = f"again ({again} of {retries}): other work used {share:.0%} of the processors"
        say(progress="benchmark", concurrency=sequences, repeat=repeat, again=why)
    return row


def smoke(engine: Engine, request: dict[str, Any], *, allocate: bool = True) -> dict[str, Any]:
    """Load, open a context, and decode, unless only sizes are asked for."""
    ignored: list[str] = []
    memory, before = {"start": memory_now()}, host_now()
    model = load_model(engine, request, ignored, allocate=allocate)
    loaded_s, memory["loaded"] = time.perf_counter(), memory_now()
    context = open_context(engine, model, request["settings"], ignored)
    memory["context"] = memory_now()
    rows = benchmark(engine, model, context, request) if allocate else []
    vocabulary = engine.api.llama_vocab_n_tokens(engine.api.llama_model_get_vocab(model))
    return {
        "model": {**engine.facts("llama_model_", MODEL_FACTS, model), "vocabulary": vocabulary},
        "context": engine.facts("llama_", CONTEXT_FACTS, context),
        "ignored_settings": sorted(set(ignored)),
        "load_s": loaded_s - before["wall_s"],
        "memory": {**memory, "end": memory_now()},
        "benchmark": rows,
        "contention": contention(before, rows),
    }


def size_each(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    """One model, not loaded, and a context for each of the settings: its facts, and the log lines since the one before."""
    ignored: list[str] = []
    every, contexts = request["settings"], []
    model = load_model(engine, {**request, "settings": every[0]}, ignored, allocate=False)
    for settings in every:
        start = len(engine.log_lines())
        context = open_context(engine, model, settings, ignored)
        contexts.append({**engine.facts("llama_", CONTEXT_FACTS, context), "log": engine.log_lines()[start:]})
        engine.api.llama_free(context)
    return {"model": engine.facts("llama_model_", MODEL_FACTS, model), "ignored_settings": sorted(set(ignored)), "contexts": contexts}


def quantize_dry_run(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    """What llama-quantize would write, by its own arithmetic: the sizes stand in the log."""
    params, ignored = engine.api.llama_model_quantize_default_params(), []
    fill(params, {"ftype": request["file_type"], "dry_run": True, "allow_requantize": True}, ignored)
    if ignored:
        raise Refused(f"this llama.cpp cannot do it: its quantiser has no {', '.join(ignored)}", 4)
    if engine.api.llama_model_quantize(os.fsencode(request["model"]), os.fsencode(os.devnull), ctypes.byref(params)):
        raise engine.refusal("the quantiser refused")
    return {}


def quantize_each(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    """The same for several file types: the log lines of each, in their order."""
    logs = []
    for file_type in request["file_types"]:
        start = len(engine.log_lines())
        quantize_dry_run(engine, {**request, "file_type": file_type})
        logs.append(engine.log_lines()[start:])
    return {"logs": logs}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The report. Raises Refused."""
    modes = {"smoke": smoke, "size_only": lambda *given: smoke(*given, allocate=False), "size_each": size_each}
    modes |= {"quantize_dry_run": quantize_dry_run, "quantize_each": quantize_each}
    mode, model = request.get("mode", "smoke"), request.get("model")
    if mode not in modes or not Path(str(model)).is_file():
        raise Refused(f"mode {mode!r} must be one of {', '.join(modes)}, and model {model!r} a file", 2)
    engine = Engine()
    return {"mode": mode, "engine": engine.version(), **modes[mode](engine, request), "log": engine.log_lines()}


def main() -> int:
    """Request in, report out; whatever the engine prints to stdout goes to stderr, so that the report is the last line."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        report, code = answer(json.load(sys.stdin)), 0
    except (ValueError, KeyError) as error:
        report, code = {"error": f"the request is not JSON, or lacks something: {error}"}, 2
    except Refused as error:
        report, code = {"error": error.args[0]}, error.args[1]
    print(json.dumps(report, allow_nan=False), file=out, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
