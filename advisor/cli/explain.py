"""`advisor explain`: one rule as prose, or the sum behind one number of a plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from advisor.cli.explaining_memory import AskedMemory, explained_memory, refuse_settings, show
from advisor.cli.explaining_topics import show_topic
from advisor.cli.output import Format, FormatOption, RulesOption
from advisor.errors import UserInputError, did_you_mean

if TYPE_CHECKING:
    from advisor.domain.plan import Plan, PlannedDeployment


def explain(
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="RULE|PLAN|memory", help="A rule id, such as PRV001; a plan file; or memory.")],
    claim: Annotated[
        str | None,
        typer.Argument(
            metavar="[CLAIM|MODEL]",
            help="Of a plan: a number such as ttft_p95_s, memory, capacity, crossover, cost, constraints. Of memory: a model.",
        ),
    ] = None,
    *,
    engine: Annotated[Literal["llama.cpp", "vllm"] | None, typer.Option("--engine", help="Of memory: llama.cpp or vllm.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Of memory: device id.")] = None,
    quantization: Annotated[str | None, typer.Option("--quantization", help="Of memory: Q4_K_M, bf16, fp8 …")] = None,
    devices: Annotated[int | None, typer.Option("--devices", help="Of memory: devices of the replica.")] = None,
    tensor: Annotated[int, typer.Option("--tensor-parallel", "--tensor-parallel-size", help="Of memory: vLLM's ranks.")] = 1,
    pipeline: Annotated[int, typer.Option("--pipeline-parallel", "--pipeline-parallel-size", help="Of memory: vLLM's stages.")] = 1,
    deployment: Annotated[str | None, typer.Option("--deployment", help="Which deployment of the plan, where it has several.")] = None,
    rules: RulesOption = None,
    output_format: FormatOption = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the headline only.")] = False,
) -> None:
    """Print a rule: when it fires, what it says, where that is known from. Or the sum behind a number of a plan, or behind a memory.

    [bold]Examples[/bold]

      advisor explain PRV001

      advisor explain plan.yaml ttft_p95_s

      advisor explain plan.yaml constraints

      advisor explain memory Qwen/Qwen3-8B --engine vllm --device l40s --max-model-len 16k
    """
    if subject == "memory":
        asked = AskedMemory(claim, engine, device, quantization, devices, tensor, pipeline, tuple(ctx.args))
        show(explained_memory(asked), output_format, quiet=quiet)
        return
    refuse_settings(ctx.args, engine, device, quantization)
    if claim is not None or subject.endswith((".yaml", ".yml")):
        _explain_claim(Path(subject), claim, deployment, rules or [], output_format=output_format, quiet=quiet)
    else:
        _explain_rule(subject.upper(), rules or [], output_format)


def _explain_rule(rule_id: str, directories: list[Path], output_format: Format) -> None:
    from advisor.check.codes import EXPLAINED
    from advisor.cli.output import emit_json, printable
    from advisor.rules import load_rules
    from advisor.rules.explain import describe, explain

    if rule_id in EXPLAINED:
        _show_code(rule_id, EXPLAINED[rule_id], output_format)
        return
    known = load_rules(directories)
    rule = known.get(rule_id)
    if rule is None:
        hint = did_you_mean(rule_id, [r.id for r in known.rules]) or "; advisor rules list shows all"
        raise UserInputError(f"{rule_id}: no such rule{hint}")
    if output_format == "json":
        emit_json({"schema": "advisor.rule/1", **describe(rule)})
    else:
        typer.echo(printable(explain(rule)))


def _show_code(code: str, text: str, output_format: Format) -> None:
    """A finding that `check` makes by comparing files; no rule file stands behind it."""
    from advisor.cli.output import emit_json

    title, _, meaning = text.partition("\n")
    if output_format == "json":
        emit_json({"schema": "advisor.rule/1", "id": code, "title": title.rstrip("."), "meaning": meaning, "made_by": "advisor check"})
    else:
        typer.echo(f"{code}  {title}\n\n{meaning}".rstrip() + "\n\nMade by advisor check itself, not by a rule.")


def _explain_claim(path: Path, claim: str | None, deployment: str | None, rules: list[Path], *, output_format: Format, quiet: bool) -> None:
    from advisor.assess import assess, size
    from advisor.files.plan import read_plan
    from advisor.planning.case import case_of, workload_of
    from advisor.planning.explain_held import explain_memory
    from advisor.planning.explanation import claimed_numbers, explain_claim
    from advisor.planning.held import Held
    from advisor.planning.resolve import resolve
    from advisor.planning.topics import TOPICS

    plan, _ = read_plan(path)
    planned = _deployment(plan, deployment)
    workload, _ = workload_of(plan, path)
    case = case_of(workload, rules, plan)
    meant, available = resolve(planned, workload, case.catalog)
    assessment, sized = assess(meant, available, case), size(meant.candidate, case)
    if claim is None:
        topics = f"memory, {', '.join(TOPICS)}"
        raise UserInputError(f"name the number to explain: {', '.join(claimed_numbers(assessment))}; or a topic: {topics}")
    topic = next((topic for topic in TOPICS if topic == claim), None)
    if topic is not None:
        show_topic(topic, case, assessment, output_format, quiet=quiet)
        return
    if claim == "memory":
        held = Held(sized.candidate, sized.weights, sized.memory)
        explanation = explain_memory(held, case.catalog.memory_constants, deployment=planned.name)
    else:
        explanation = explain_claim(case, assessment, sized, claim=claim, deployment=planned.name)
    show(explanation, output_format, quiet=quiet)


def _deployment(plan: "Plan", name: str | None) -> "PlannedDeployment":
    """The deployment of this name; the only one when none is named."""
    names = [deployment.name for deployment in plan.deployments]
    if name is None and len(names) > 1:
        raise UserInputError(f"the plan has several deployments: --deployment {', '.join(names)}")
    found = [deployment for deployment in plan.deployments if name in (None, deployment.name)]
    if not found:
        raise UserInputError(f"--deployment {name}: the plan has {', '.join(names)}")
    return found[0]
