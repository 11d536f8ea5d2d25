"""The text of a workload and of a plan as small as they can be: a small model on a CPU, told apart by what a test is about."""

from collections.abc import Mapping

MODEL = "Qwen/Qwen3-0.6B"
LLAMA_SERVER = "{name: llama.cpp, runtime: llama-server, version: b11549, backend: cpu}"
SLOTS = {"ctx-size": 4096, "parallel": 4}


def small_workload(
    *,
    model: str = MODEL,
    input_tokens: tuple[int, int, int] = (200, 400, 800),
    output_tokens: tuple[int, int, int] = (50, 100, 200),
    hardware: str = "{owned: [{device: cpu}]}",
    stays_on: str = "premises",
    more: str = "",
) -> str:
    """Two requests in flight; tokens as p50, p95 and max. `more` are whole lines."""
    return f"""\
schema: advisor.workload/1
name: notes
models: [{model}]
load: {{in_flight: 2}}
request:
  input_tokens: {_tokens(*input_tokens)}
  output_tokens: {_tokens(*output_tokens)}
privacy: {{stays_on: {stays_on}}}
hardware: {hardware}
{more}"""


def small_plan(
    *,
    engine: str = LLAMA_SERVER,
    model: str = MODEL,
    quantization: str = "Q4_K_M",
    device: str = "cpu",
    settings: Mapping[str, object] = SLOTS,
    required: str = "starts",
    claims: Mapping[str, str] | None = None,
) -> str:
    """One deployment called notes. `settings` by their flags, `claims` by their names, each claim as it is written in YAML."""
    lines = [f"{flag}: {{value: {_scalar(value)}}}" for flag, value in settings.items()]
    promised = [f"{name}: {claim}" for name, claim in (claims or {}).items()]
    return f"""\
schema: advisor.plan/1
workload: workload.yaml
decision: a small model on a CPU
deployments:
  - name: notes
    replicas: 1
    model: {{id: {model}, quantization: {quantization}}}
    engine: {engine}
    hardware: {{device: {device}, devices: 1, share: 1.0}}
    parallelism: {{tensor: 1}}
    settings:{_mapping(lines, 6)}
evidence_required: [{required}]
# ---- derived: `advisor check` recomputes every line below
claims:
  notes:{_mapping(promised, 4)}
made_with: {{advisor: 1.0.0, catalog: "2026-11-20", workload_sha256: ab}}
"""


def _tokens(p50: int, p95: int, largest: int) -> str:
    return f"{{p50: {p50}, p95: {p95}, max: {largest}}}"


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)


def _mapping(lines: list[str], indent: int) -> str:
    return "".join(f"\n{' ' * indent}{line}" for line in lines) or " {}"
