"""LLM Serving Advisor: which engine, weights format, hardware and settings for a workload, and what a request costs.

>>> from pathlib import Path
>>> import advisor
>>> workload, _ = advisor.read_workload(Path("examples/laptop-without-gpu/workload.yaml"))
>>> decision = advisor.decide(workload, advisor.load_catalog(), advisor.load_rules(), explore=False)
>>> decision.feasible
True
>>> decision.chosen.deployment.candidate.runtime.engine
'llama.cpp'

One estimate without a search: every number has a value, a range, a basis and a source.

>>> request = advisor.EstimateRequest("Qwen/Qwen3-32B", "h100-sxm", advisor.Program("vllm"), advisor.WeightFiles("fp8"))
>>> memory = advisor.estimate_request(request, advisor.load_catalog()).estimate.memory
>>> memory.fits, memory.devices[0].weights_bytes.basis.value
(True, 'exact')

What is expected to go wrong is an `AdvisorError` of one sentence. Names are imported when they are first used.
"""

import importlib
import typing

from advisor.version import __version__ as __version__

__all__ = [
    "AdvisorError",
    "Catalog",
    "Decision",
    "EstimateAnswer",
    "EstimateRequest",
    "Plan",
    "Program",
    "Quantity",
    "RuleSet",
    "Traffic",
    "WeightFiles",
    "Workload",
    "decide",
    "estimate_request",
    "load_catalog",
    "load_rules",
    "read_plan",
    "read_workload",
]

if typing.TYPE_CHECKING:
    from advisor.catalog import Catalog, load_catalog
    from advisor.domain.plan import Plan
    from advisor.domain.quantity import Quantity
    from advisor.domain.workload import Workload
    from advisor.errors import AdvisorError
    from advisor.files.plan import read_plan
    from advisor.files.workload import read_workload
    from advisor.intake.estimation import EstimateAnswer, EstimateRequest, Program, Traffic, WeightFiles, estimate_request
    from advisor.planning.decision import Decision
    from advisor.planning.planner import decide
    from advisor.rules import RuleSet, load_rules
else:
    _HOMES = {
        "advisor.catalog": ("Catalog", "load_catalog"),
        "advisor.domain.plan": ("Plan",),
        "advisor.domain.quantity": ("Quantity",),
        "advisor.domain.workload": ("Workload",),
        "advisor.errors": ("AdvisorError",),
        "advisor.files.plan": ("read_plan",),
        "advisor.files.workload": ("read_workload",),
        "advisor.intake.estimation": ("EstimateAnswer", "EstimateRequest", "Program", "Traffic", "WeightFiles", "estimate_request"),
        "advisor.planning.decision": ("Decision",),
        "advisor.planning.planner": ("decide",),
        "advisor.rules": ("RuleSet", "load_rules"),
    }

    def __getattr__(name: str) -> object:
        """Import a public name from its home."""
        home = next((module for module, names in _HOMES.items() if name in names), None)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(home), name)
        return found

    def __dir__() -> list[str]:
        """The public names, whether they are imported yet or not."""
        return __all__
