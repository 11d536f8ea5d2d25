"""Which facts exist when a rule runs: nothing is estimated during screening, and an engine's own settings belong to that engine."""

from advisor.rules.schema import RuleText

_INVENTORY = ("workload", "hardware")
_SCREENED = (*_INVENTORY, "model", "quantization", "engine", "parallelism")
_CONFIGURED = (*_SCREENED, "llama_cpp", "vllm")
_ENGINE_GROUPS = {"llama_cpp": "llama.cpp", "vllm": "vllm"}
_SCOPED_GROUPS = {"manifest": "manifest", "prices": "plan"}


def visibility_fault(rule: RuleText, path: str) -> str | None:
    """Why this rule may not read this fact, or None."""
    group = path.partition(".")[0]
    owner = _ENGINE_GROUPS.get(group)
    if owner is not None and rule.applies_to.engine != (owner,):
        return f"{path} is a setting of {owner}: add `applies_to: {{engine: [{owner}]}}`"
    scope = _SCOPED_GROUPS.get(group)
    if scope is not None and rule.scope != scope:
        return f"{path} is known to rules of scope {scope} alone"
    known = _groups(rule)
    if known and group not in known:
        return f"{path} is not known when this rule runs (stage {rule.stage}, scope {rule.scope}); known: {', '.join(known)}"
    return None


def _groups(rule: RuleText) -> tuple[str, ...]:
    """The groups that a rule may read; empty: all."""
    if rule.scope == "inventory":
        return _INVENTORY
    if rule.stage == "screen":
        return _SCREENED
    return _CONFIGURED if rule.stage == "configure" else ()
