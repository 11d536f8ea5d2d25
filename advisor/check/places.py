"""Which line a finding points at: the facts that a rule reads, mapped to where a file states them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from advisor.check.report import capped
from advisor.documents import Document, Path_
from advisor.domain.engine_record import Runtime
from advisor.domain.finding import Finding
from advisor.domain.position import Position
from advisor.domain.verdict import Verdict
from advisor.manifests.found import FoundDeployment
from advisor.rules.rule import RuleSet

_OF_SEVERAL: Final = {
    "k_quantized": "cache_type_k",
    "v_quantized": "cache_type_v",
    "kv_cache_memory_gib": "kv_cache_memory_bytes",
}
_CONTEXT: Final = {"context_total_tokens": ("max_model_len", "ctx_size"), "context_per_request_tokens": ("max_model_len", "ctx_size")}
_GENERAL: Final = frozenset({"engine", "model", "quantization", "hardware"})
_SLOTS: Final = ("max_num_seqs", "parallel")


@dataclass(frozen=True, slots=True)
class Places:
    """Where one deployment states its parts; `setting` takes the engine's name of a setting or a kind of parallelism."""

    deployment: Position
    setting: Callable[[str], Position | None]
    part: Callable[[str], Position | None]  # replicas, model, quantization, engine, hardware, image, probe

    def of(self, fact: str) -> Position | None:
        """Where the file states a fact of `advisor.rules.facts`; None where it does not."""
        group, _, name = fact.partition(".")
        if group in ("vllm", "llama_cpp"):
            return self.setting(_OF_SEVERAL.get(name, name))
        if group == "settings":
            names = _CONTEXT.get(name, _SLOTS)
            return next((place for each in names if (place := self.setting(each)) is not None), None)
        if group == "parallelism":
            return self.setting(name)
        if group == "requirements":
            return self.part("replicas") if name.removesuffix("_text").endswith("_down") else None
        if group == "deployment" and name == "replicas":
            return self.part("replicas")
        if group == "manifest":
            return self.part("image" if name.startswith(("image", "planned")) else "probe" if name.startswith(("probe", "startup")) else "")
        return self.part(group) if group in ("model", "quantization", "engine", "hardware") else None


def plan_places(document: Document, index: int, runtime: Runtime) -> Places:
    """The places of a plan's deployment."""
    base: Path_ = ("deployments", index)

    def setting(name: str) -> Position | None:
        for fact in runtime.flags:
            if name in (fact.setting, fact.parallelism):
                for written in fact.names:
                    path = (*base, "settings", written)
                    if document.has(path):
                        return document.position((*path, "value"))
        return document.position((*base, "parallelism")) if name in ("tensor", "pipeline", "data", "expert", "devices") else None

    def part(name: str) -> Position | None:
        paths: dict[str, Path_] = {"quantization": ("model", "quantization"), "model": ("model", "id"), "hardware": ("hardware", "device")}
        path = (*base, *paths.get(name, (name,)))
        return document.position(path) if name and document.has(path) else None

    return Places(document.position(base), setting, part)


def manifest_places(found: FoundDeployment, runtime: Runtime) -> Places:
    """The places of a manifest's deployment; a setting that is not written points at where it would have to be."""

    def setting(name: str) -> Position | None:
        for fact in runtime.flags:
            if name in (fact.setting, fact.parallelism):
                flag = found.flag(*fact.names, *fact.off)
                return flag.at if flag else found.flags_at
        return None

    def part(name: str) -> Position | None:
        image = found.image.at if found.image else None
        model = found.model.at if found.model else None
        places = {"replicas": found.replicas_at, "image": image, "engine": image, "probe": found.probe_at, "hardware": found.devices_at}
        return {**places, "model": model, "quantization": model}.get(name)

    return Places(found.at, setting, part)


def place_of(places: Places, facts: Iterable[str]) -> Position:
    """The first setting that is stated, before the engine or the model it applies to; the deployment itself when nothing is."""
    ordered = sorted(facts, key=lambda fact: fact.partition(".")[0] in _GENERAL)
    return next((place for fact in ordered if (place := places.of(fact)) is not None), places.deployment)


def rule_finding(verdict: Verdict, rules: RuleSet, places: Places) -> Finding:
    """A rule's verdict at its place, blocking only where its grounds cannot be argued with."""
    rule = rules.get(verdict.rule)
    position = place_of(places, rule.reads if rule else ())
    return Finding(position, capped(verdict.severity, verdict.confidence), verdict.rule, verdict.confidence, verdict.message)
