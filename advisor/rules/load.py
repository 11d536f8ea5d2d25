"""Reads `rules/<group>/<ID>-slug.yaml` and a team's own folders. Refuses what it cannot type; reports every fault of all files at once."""

import dataclasses
from collections.abc import Iterable, Sequence
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from advisor import resources
from advisor.documents import Document, parse, read_text, typed
from advisor.domain.engine import LlamaCppSettings, VllmSettings
from advisor.domain.position import Position
from advisor.errors import DataError, Fault, UserInputError
from advisor.rules.condition import ConditionFault, compile_condition
from advisor.rules.fact_paths import fact_paths
from advisor.rules.message import compile_message
from advisor.rules.rule import Change, Replaced, Rule, RuleSet
from advisor.rules.schema import RuleText
from advisor.rules.values import given_fault, typed_value
from advisor.rules.versions import range_fault
from advisor.rules.visibility import visibility_fault

_ENGINE_SETTINGS = {"llama_cpp": LlamaCppSettings, "vllm": VllmSettings}


def load_rules(directories: Sequence[Path] = ()) -> RuleSet:
    """The built-in rules and those of a team's directories; the same id in a later directory replaces the earlier rule.

    Raises DataError with every fault of every file.
    """
    faults: list[Fault] = []
    found = {rule.id: rule for rule in _built_in()}
    replaced: list[Replaced] = []
    for directory in directories:
        rules = _rules_of(directory, team=True, faults=faults)
        replaced += [Replaced(r.id, found[r.id].file, r.file) for r in rules if r.id in found]
        found |= {rule.id: rule for rule in rules}
    _raise(faults)
    return RuleSet(tuple(found[rule_id] for rule_id in sorted(found)), tuple(replaced))


@cache
def _built_in() -> tuple[Rule, ...]:
    """The rules that come with the advisor, read once."""
    faults: list[Fault] = []
    rules = _rules_of(resources.folder("rules"), team=False, faults=faults)
    _raise(faults)
    return tuple(rules)


def _raise(faults: list[Fault]) -> None:
    if faults:
        raise DataError(sorted(faults, key=lambda fault: fault.place))


def rule_files(directory: Path) -> list[Path]:
    """The rule files of a directory; `baseline.yaml` is no rule. Raises UserInputError when the directory is missing."""
    if not directory.is_dir():
        raise UserInputError(f"{directory}: no such folder of rules")
    return [path for path in sorted(directory.rglob("*.yaml")) if path.name != "baseline.yaml"]


def _rules_of(directory: Path, *, team: bool, faults: list[Fault]) -> list[Rule]:
    rules = []
    for path in rule_files(directory):
        shown = str(path) if team else f"rules/{path.relative_to(directory)}"
        try:
            rules.append(read_rule(read_text(path), shown, team=team))
        except DataError as error:
            faults += error.faults
    _refuse_twins(rules, faults)
    return rules


def _refuse_twins(rules: Iterable[Rule], faults: list[Fault]) -> None:
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            faults.append(Fault(f"{rule.file}:1:1", f"id: {rule.id} is also the id of {seen[rule.id]}"))
        seen[rule.id] = rule.file


def read_rule(source: str, file: str, *, team: bool = False) -> Rule:
    """One rule from its file's text. Raises DataError with every fault at its line and column."""
    document = _with_effect(parse(source, file))
    text = typed(document, RuleText)
    faults = [Fault(f"{file}:1:1", message) for message in _name_faults(text, file)]
    pieces: dict[str, Any] = {}
    for name, compile_one in (("when", compile_condition), ("message", compile_message)):
        try:
            pieces[name] = compile_one(getattr(text, name))
        except ConditionFault as fault:
            faults.append(Fault(str(_locate(source, document.position((name,)), fault.word)), _prefixed(name, str(fault))))
    changes = tuple(_change(document, text, path, faults) for path in text.effect.values)
    faults += _meaning_faults(document, text, pieces)
    if faults:
        raise DataError(faults)
    condition, message = pieces["when"], pieces["message"]
    depends = tuple(dict.fromkeys([*condition.reads, *message.reads, *(c.from_fact for c in changes if c.from_fact), "engine.name"]))
    evidence = tuple(item.stated() for item in text.evidence)
    return Rule(text, text.stage, file, team, condition, message, changes, evidence, attrgetter(*depends, "engine.version"), document)


def _with_effect(document: Document) -> Document:
    """`effect: reject` is short for the mapping that the schema types."""
    raw = document.raw
    if not isinstance(raw, dict) or not isinstance(raw.get("effect"), str):
        return document
    if raw["effect"] not in ("reject", "warn"):
        place = document.position(("effect",))
        raise DataError.at(place, f"effect: reject, warn, or a mapping with set or assume, found {raw['effect']!r}")
    return dataclasses.replace(document, raw={**raw, "effect": {raw["effect"]: "yes"}})


def _name_faults(text: RuleText, file: str) -> list[str]:
    name = Path(file).name
    return (
        [] if name.startswith(f"{text.id}-") else [f"id: {text.id} does not begin the file's name {name!r} ({text.id}-what-it-says.yaml)"]
    )


def _prefixed(name: str, message: str) -> str:
    return message if message.startswith(f"{name}:") else f"{name}: {message}"


def _meaning_faults(document: Document, text: RuleText, pieces: dict[str, Any]) -> list[Fault]:
    faults = []
    for name, piece in pieces.items():
        faults += [Fault(str(document.position((name,))), f"{name}: {m}") for p in piece.reads if (m := visibility_fault(text, p))]
    version = text.applies_to.engine_version
    if version and (message := range_fault(text.applies_to.engine[0], version)):
        faults.append(Fault(str(document.position(("applies_to", "engine_version"))), f"applies_to.engine_version: {message}"))
    for index, example in enumerate(text.examples):
        for path, value in example.given.items():
            if message := given_fault(path, value):
                faults.append(Fault(str(document.key_position(("examples", index, "given", path))), f"examples[{index}]: {message}"))
    return faults


def _change(document: Document, text: RuleText, path: str, faults: list[Fault]) -> Change:
    value = text.effect.values[path]
    place = str(document.key_position(("effect", text.effect.kind, path)))
    if text.effect.kind == "set" and path in fact_paths() and path not in _settable():
        faults.append(Fault(place, f"effect.set: {path} is not a setting; settings are {', '.join(_settable())}"))
    if isinstance(value, str) and value in fact_paths() and path in fact_paths():
        if fact_paths()[value].kind != fact_paths()[path].kind:
            faults.append(Fault(place, f"effect: {value} is not of the type of {path}"))
        return Change(path, None, value)
    if message := given_fault(path, value):
        faults.append(Fault(place, f"effect: {message}"))
        return Change(path, None)
    return Change(path, typed_value(fact_paths()[path], value))


def _settable() -> list[str]:
    """The facts that are settings of an engine: not those that are only worked out from them."""
    names = [f"{group}.{field.name}" for group, kind in _ENGINE_SETTINGS.items() for field in dataclasses.fields(kind)]
    return [name for name in names if name in fact_paths()]


def _locate(source: str, start: Position, word: str) -> Position:
    """Where `word` stands at or after `start`: a folded condition spans lines, and a fault should point into it."""
    if not word:
        return start
    for number, line in enumerate(source.splitlines()[start.line - 1 :], start.line):
        column = line.find(word, start.column - 1 if number == start.line else 0)
        if column >= 0:
            return Position(start.file, number, column + 1)
    return start
