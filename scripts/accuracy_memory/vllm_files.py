"""Published safetensors repositories against what vLLM loads of them: `tests/data/published_sizes.csv`, listed to a hundredth of a GiB."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from advisor.catalog import load_catalog
from advisor.domain.architecture import GroupedAttention, LatentAttention
from advisor.domain.engine import Parallelism
from advisor.domain.model import Checkpoint, Model
from advisor.domain.weights import WeightBytes
from advisor.estimate.weights import as_published, safetensors_weights
from advisor.units import GIB

TABLE = Path(__file__).parents[2] / "tests" / "data" / "published_sizes.csv"
CATALOG = load_catalog()
_HEAD = """## vLLM: the files of published repositories

What vLLM loads of a repository, computed from its config, against the listed size of its files ({source}). Files
may hold more than is loaded: that is computed too, a draft layer as one more layer of the model with a projection of its two inputs.
Of {count} repositories in {formats} formats, half are within {median:.2%}, all within {worst:.2%}.

| repository's model | format | files, GiB | loaded, GiB | beyond it, GiB | what lies beyond | error |
|---|---|---:|---:|---:|---|---:|"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row: a published size, and what the files hold besides what is loaded."""

    model: str
    quantization: str
    gib: float
    reason: str
    source: str

    @property
    def checkpoint(self) -> Checkpoint:
        """The catalog's checkpoint in this format."""
        return next(found for found in self.of.checkpoints if found.quantization == self.quantization and found.published)

    @property
    def of(self) -> Model:
        """The catalog's model."""
        return CATALOG.model(self.model)

    @property
    def loaded(self) -> WeightBytes:
        """What vLLM loads on one rank."""
        format_ = as_published(CATALOG.quantization(self.quantization), self.checkpoint)
        return safetensors_weights(self.of.architecture, format_, parallelism=Parallelism())

    @property
    def beyond_bytes(self) -> int:
        """What of the files is not loaded, less what is made while loading."""
        match self.reason:
            case "":
                return 0
            case "the tied table a second time":
                return self.loaded.token_embedding_bytes
            case "one draft layer":
                return self._draft_bytes()
            case "one draft layer with tables of its own":
                return self._draft_bytes() + self.loaded.token_embedding_bytes + self.loaded.output_bytes
            case "values that vLLM copies from keys, not in the files":
                return 2 * self.of.architecture.parameters_total + 2 * self.of.architecture.encoder_parameters - self.loaded.total_bytes
            case "every tensor in a second layout; columns that vLLM adds to experts, not in the files":
                return 2 * self._unpadded_bytes() - self.loaded.total_bytes
        raise ValueError(self.reason)

    @property
    def error(self) -> float:
        """Of the files' size."""
        return (self.loaded.total_bytes + self.beyond_bytes) / (self.gib * GIB) - 1

    def _draft_bytes(self) -> int:
        """One more layer of attention and one more block, and 16-bit weights from two hidden states to one."""
        architecture, layers = self.of.architecture, self.loaded.layers
        attention = [group for group in architecture.layer_groups if isinstance(group.mixer, GroupedAttention | LatentAttention)]
        last = max(attention, key=lambda group: max(group.layers))
        chosen = [layers[max(last.layers)]]
        if last.ffn is None:  # attention and experts alternate
            chosen.append(layers[max(index for group in architecture.layer_groups if group.ffn for index in group.layers)])
        return sum(layer.dense_bytes + layer.experts_bytes for layer in chosen) + 2 * 2 * architecture.hidden_size**2

    def _unpadded_bytes(self) -> int:
        format_ = CATALOG.quantization(self.quantization)
        if format_.scheme is None:
            raise ValueError(self.quantization)
        narrow = replace(format_, scheme=replace(format_.scheme, expert_width_multiple=1))
        return safetensors_weights(self.of.architecture, narrow, parallelism=Parallelism()).total_bytes


def read() -> list[Listed]:
    """The rows of safetensors repositories."""
    with TABLE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["gib"]]
    return [Listed(row["model"], row["quantization"], float(row["gib"]), row["reason"], row["source"]) for row in rows]


def section() -> str:
    """The section in Markdown."""
    rows = read()
    errors = [abs(row.error) for row in rows]
    formats, sources = {row.quantization for row in rows}, ", ".join(sorted({row.source for row in rows}))
    head = _HEAD.format(source=sources, count=len(rows), formats=len(formats), median=median(errors), worst=max(errors))
    return "\n".join([head, *_lines(rows), ""])


def _lines(rows: list[Listed]) -> Iterator[str]:
    for row in rows:
        sizes = f"{row.gib:.2f} | {row.loaded.total_bytes / GIB:.2f} | {row.beyond_bytes / GIB:.2f}"
        yield f"| {row.model} | {row.quantization} | {sizes} | {row.reason} | {row.error:+.2%} |"
