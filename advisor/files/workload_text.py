"""workload.yaml as text: the layout of the format's page, one thing a line, a reason beside whatever nobody confirmed."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from advisor.domain.workload import SCHEMA
from advisor.files.yaml_text import flow

_ORDER: Final = (
    "schema",
    "name",
    "task",
    "models",
    "quality",
    "load",
    "volume",
    "growth_pct_per_year",
    "request",
    "service_level",
    "privacy",
    "hardware",
    "cost",
)
_COMMENTS: Final = {
    "task": "picks the preset and the quality band; never the model",
    "models": "acceptable to the users, best first; the advisor does not rank quality between models",
    "quality.quantization_loss": "none | slight (<= 1 %) | some (<= 3 %) | any",
    "load": "the busiest quarter of an hour it must survive: exactly one of users, requests_per_s, in_flight, batch",
    "request.input_tokens": "everything sent: system prompt, documents, history",
    "request.output_tokens": "everything generated, hidden reasoning included",
    "service_level": "at the 95th percentile of requests; absent means no requirement",
    "privacy.data": "public | internal | personal | patient: a label that selects rules",
    "privacy.stays_on": "this_device | premises | own_cloud_account | region | anywhere",
    "assumed": "nobody has confirmed these yet; delete a line when you have",
}
_COMMENT_COLUMN: Final = 58


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """`{"load.users.active": 240}` as `{"load": {"users": {"active": 240}}}`, in the order of the format."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        *parents, leaf = path.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = {**value} if isinstance(value, Mapping) else value
    return {key: document[key] for key in (*_ORDER, *document) if key in document}


def workload_text(values: Mapping[str, object], assumed: Mapping[str, str]) -> str:
    """The file. `assumed` maps the path of each value that nobody confirmed to where it comes from."""
    document = nested({"schema": SCHEMA, **values})
    lines = [line for key, value in document.items() for line in _block(key, value, assumed)]
    if assumed:
        lines += [_commented("assumed:", _COMMENTS["assumed"]), *(f"  - {path}" for path in assumed)]
    return "\n".join(lines) + "\n"


def _block(key: str, value: Any, assumed: Mapping[str, str]) -> Iterable[str]:  # noqa: ANN401 - any value of the file
    if isinstance(value, dict):
        yield _commented(f"{key}:", _comment(key, {}))
        for name, inner in value.items():
            yield _commented(f"  {name}: {flow(inner)}", _comment(f"{key}.{name}", assumed, parts=_parts(inner)))
    elif isinstance(value, list):
        yield _commented(f"{key}:", _comment(key, assumed))
        yield from (f"  - {flow(item)}" for item in value)
    else:
        yield _commented(f"{key}: {flow(value)}", _comment(key, assumed))


def _parts(value: object) -> int:
    return len(value) if isinstance(value, dict) else 1


def _comment(path: str, assumed: Mapping[str, str], *, parts: int = 1) -> str:
    """What the line means, and where each of its values that nobody confirmed comes from; unnamed when it is all of them."""
    reasons: dict[str, list[str]] = {}
    for name, why in assumed.items():
        if name == path or name.startswith(path + "."):
            reasons.setdefault(why, []).append(name.removeprefix(path).lstrip("."))
    said = [why if len(names) == parts else f"{', '.join(names)}: {why}" for why, names in reasons.items()]
    return "; ".join([*filter(None, [_COMMENTS.get(path, "")]), *said])


def _commented(line: str, comment: str) -> str:
    return f"{line:<{_COMMENT_COLUMN}} # {comment}" if comment else line
