"""`advisor doctor` for people: one line a thing, what is missing with what to do about it."""

from collections.abc import Iterator
from typing import Any

from advisor.report.doctor import DoctorJson, GpuJson, MachineJson
from advisor.units import gib


def doctor_lines(found: DoctorJson) -> Iterator[str]:
    """The whole answer."""
    yield f"advisor    {found['advisor']} on {found['python']}, {found['system']}"
    yield from _machine(found["machine"])
    yield from _engines(found["engines"])
    for place in found["places"]:
        yield f"disk       {gib(place['free_bytes']):,.0f} GiB free for {place['holds']} ({place['path']})"
    yield f"network    {found['network']}{_variables(found['offline_variables'])}"
    known = found["catalog"]
    counts = f"{known['devices']} devices, {known['models']} models, {known['offers']} offers"
    yield f"catalog    of {known['as_of']} ({known['fingerprint']}): {counts}, {known['rules']} rules"
    yield from (f"           with {override}" for override in known["overrides"])
    yield from (f"to do      {todo}" for todo in found["todo"])


def _machine(machine: MachineJson) -> Iterator[str]:
    yield f"processor  {machine['cpu']}, {machine['cores']} cores{', repacks 4-bit weights' if machine['repacks_weights'] else ''}"
    limit = machine["memory_limit_bytes"]
    limited = f", the limit of this container is {gib(limit):.1f} GiB" if limit is not None else ", no container limit"
    speed = f"{machine['memory_bandwidth_bytes_per_s'] / 1e9:.0f} GB/s by copying, as of {machine['memory_bandwidth_like']}"
    yield f"memory     {gib(machine['memory_bytes']):.1f} GiB usable{limited}; {speed}"
    if not machine["gpus"]:
        yield "gpu        none that a driver shows"
    yield from (f"gpu        {_gpu(gpu)}" for gpu in machine["gpus"])
    yield f"plans      call it {machine['plan_device']}" if machine["plan_device"] else f"plans      {machine['refused']}"


def _gpu(gpu: GpuJson) -> str:
    known = f"in the catalog as {gpu['device']}" if gpu["device"] else f"refused: {gpu['refused']}"
    return f"{gpu['name']}, {gib(gpu['memory_bytes']):.1f} GiB, {known}"


def _engines(engines: list[dict[str, Any]]) -> Iterator[str]:
    usable = [engine for engine in engines if engine["found"]]
    for engine in usable:
        yield f"engine     {engine['engine']}: {engine['origin']}, {engine['python']}: {_described(engine)}"
    if not usable:
        yield f"engine     none ({len(engines)} looked at); plans need none, proofs do: advisor engines install llama.cpp"
        yield from (f"           {engine['reason']}" for engine in engines if "origin" not in engine)


def _described(engine: dict[str, Any]) -> str:
    if engine["engine"] == "vllm":
        but = f"; but {engine['problem']}" if engine["problem"] else ""
        return f"vLLM {engine['version']} built for {engine['backend']}{but}"
    server = "with llama-server" if engine["llama_server"] else "without llama-server"
    return f"llama-cpp-python {engine['version']}, {server}"


def _variables(variables: dict[str, str]) -> str:
    return "".join(f"; {name}={value}" for name, value in variables.items())
