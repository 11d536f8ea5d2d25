"""From answers to a workload: the finished file, or a stand-in that lets rules and arithmetic look at a half-finished interview."""

import re
from collections.abc import Mapping
from typing import Final

from advisor.documents import load
from advisor.domain.preset import Preset
from advisor.domain.workload import Workload
from advisor.files.workload_text import workload_text
from advisor.questionnaire.interview import Interview
from advisor.questionnaire.question import Values

_FROM_PRESET: Final = 'preset "{task}"'
_NO_LIMITS_YET: Final[Mapping[str, object]] = {"privacy.stays_on": "anywhere", "quality.quantization_loss": "any", "models": "any"}
_EVERYTHING: Final[Mapping[str, object]] = {"hardware.rent": {}, "hardware.buy": {}}


def finished_text(interview: Interview, name: str) -> str:
    """workload.yaml of a finished interview. Raises DataError when the answers contradict each other."""
    values, assumed = _with_preset(interview)
    text = workload_text({"name": name, **values}, assumed)
    load(text, "answers", Workload)
    return text


def assumptions(interview: Interview) -> Mapping[str, str]:
    """What the finished file lists as assumed: path -> where its value comes from."""
    return _with_preset(interview)[1]


def draft(interview: Interview) -> Workload:
    """The workload so far, with nothing required where nothing was said."""
    values = dict(_NO_LIMITS_YET) | dict(interview.values)
    if not interview.situation.has("hardware"):
        values |= _EVERYTHING
    if not interview.situation.has("load"):
        values["load.in_flight"] = 1
    for which in ("input_tokens", "output_tokens"):
        if not interview.situation.has(f"request.{which}"):
            values[f"request.{which}.p50"] = getattr(interview.situation.preset, which).p50
    return load(workload_text(values, {}), "answers", Workload)


def workload_name(text: str) -> str:
    """A name as deployments need it: lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "workload"


def _with_preset(interview: Interview) -> tuple[Values, Mapping[str, str]]:
    """The answers, and what the task's preset adds without being asked: a shared prefix, where lengths are the preset's, and needs."""
    values, assumed, preset = dict(interview.values), dict(interview.assumed), interview.situation.preset
    for path, value in _unasked(interview, preset).items():
        values[path] = value
        assumed[path] = _FROM_PRESET.format(task=preset.task)
    return values, assumed


def _unasked(interview: Interview, preset: Preset) -> Values:
    found: dict[str, object] = {}
    if preset.shared_prefix_tokens and "request.input_tokens.p50" in interview.assumed:
        found["request.shared_prefix_tokens"] = preset.shared_prefix_tokens
    if preset.needs:
        found["request.needs"] = list(preset.needs)
    return found
