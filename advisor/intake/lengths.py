"""Token lengths of requests from whatever a running service left: a log of requests, a benchmark's result, a metrics page."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from advisor.documents import read_text
from advisor.domain.demand import Lengths
from advisor.domain.engine_record import EngineRecord
from advisor.engines.metrics import Sample, parse_samples
from advisor.errors import UserInputError
from advisor.intake.samples import Samples, lengths_of, read_samples

_INPUTS, _OUTPUTS = "input_lens", "output_lens"  # of `vllm bench serve --save-detailed`
_PROMPT, _GENERATED, _LONGEST = "request_prompt_tokens", "request_output_tokens", "longest_context_tokens"  # an engine record's words
_BUCKET: Final = "_bucket"
_MOST_TOKENS: Final = 10**9


def read_lengths(path: Path, engines: Iterable[EngineRecord]) -> Samples:
    """How long the requests were. Of a metrics page the bounds of its buckets, so never less than the truth.

    Raises UserInputError for a file that tells no lengths, DataError for faults in a log.
    """
    text = read_text(path)
    result = _object(text)
    found = None if result is None else _from_benchmark(result, path)
    if found is not None:
        return found
    if text.lstrip().startswith(("{", "[")) or not _has_samples(text):
        return read_samples(path)
    return _from_metrics(text, path, [runtime.metrics for record in engines for runtime in record.runtimes.values()])


def _object(text: str) -> dict[str, Any] | None:
    """The whole file as one JSON object; a log has one a line."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _from_benchmark(result: dict[str, Any], path: Path) -> Samples | None:
    sent, made = result.get(_INPUTS), result.get(_OUTPUTS)
    if sent is None and made is None:
        if "total_input_tokens" in result:
            raise UserInputError(f"{path}: a benchmark's summary without the single requests: save it with --save-detailed")
        return None
    pairs = list(zip(sent, made, strict=False)) if isinstance(sent, list) and isinstance(made, list) else []
    good = [(i, o) for i, o in pairs if _is_count(i) and _is_count(o)]
    if not good or len(good) < len(pairs) / 2:
        raise UserInputError(f"{path}: {_INPUTS} and {_OUTPUTS} hold no lengths of requests")
    said = f"{len(good):,} requests of a benchmark; {len(pairs) - len(good):,} that failed are left out"
    return Samples(len(good), lengths_of([i for i, _ in good]), lengths_of([o for _, o in good]), said)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_TOKENS


def _has_samples(text: str) -> bool:
    return any(line.startswith("# TYPE ") for line in text.splitlines()[:200])


def _from_metrics(text: str, path: Path, names: list[dict[str, str]]) -> Samples:
    for metrics in names:
        if _PROMPT not in metrics or _GENERATED not in metrics:
            continue
        sent, made = (list(parse_samples(text, [metrics[what] + _BUCKET])) for what in (_PROMPT, _GENERATED))
        if sent and made:
            return _bounds(sent, made, path)
    longest = next((s.value for m in names if _LONGEST in m for s in parse_samples(text, [m[_LONGEST]])), None)
    if longest is not None:
        told = f"the longest sequence had {longest:,.0f} tokens" if longest else "nothing has been served yet"
        raise UserInputError(f"{path}: this engine tells no lengths of single requests, only that {told}: log token counts as JSON lines")
    raise UserInputError(f"{path}: no lengths of requests in these metrics: is this the /metrics page of a vLLM server?")


def _bounds(sent: list[Sample], made: list[Sample], path: Path) -> Samples:
    inputs, outputs = _cumulated(sent), _cumulated(made)
    requests = int(max(inputs.values(), default=0))
    if requests < 1:
        raise UserInputError(f"{path}: no request has been served yet: take the page of a server that has worked for a while")
    said = f"{requests:,} requests; each figure is the upper end of a bucket, so at or above the truth"
    return Samples(requests, _of_buckets(inputs, path), _of_buckets(outputs, path), said)


def _cumulated(samples: list[Sample]) -> dict[float, float]:
    """Upper end -> requests up to there, over all ranks and models of the page."""
    found: dict[float, float] = {}
    for sample in samples:
        try:
            end = float(sample.labels.get("le", ""))
        except ValueError:
            continue
        found[end] = found.get(end, 0) + sample.value
    return dict(sorted(found.items()))


def _of_buckets(cumulated: Mapping[float, float], path: Path) -> Lengths:
    total = max(cumulated.values(), default=0)
    finite = [end for end in cumulated if end <= _MOST_TOKENS]
    if not finite or total <= 0 or cumulated[finite[-1]] < total:
        raise UserInputError(f"{path}: requests above the last bucket, whose length nobody knows: log token counts as JSON lines")
    return Lengths(*(int(next(end for end in finite if cumulated[end] >= total * share)) for share in (0.50, 0.95, 1.0)))
