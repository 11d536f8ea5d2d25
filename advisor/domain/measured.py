"""A speed that was measured: so many seconds a token at so many requests at once, and of what. Plans embed those that they used."""

from dataclasses import dataclass, field
from typing import Final

from advisor.domain.engine import EngineName
from advisor.domain.strict import STRICT, FieldFault, plain_scalar

_MOST_S: Final = 86_400.0
_MOST_TOKENS: Final = 10**8
_MOST_AT_ONCE: Final = 10**6
_SUBJECT: Final = ("engine", "model", "quantization", "device")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPoint:
    """One load and what was seen of it. What it is of stands in the first fields; None: as whatever is asked.

    `tpot_s` is the median time per output token after the first, `ttft_s` the median time to the first token, queueing included.
    `bare`: of the engine's steps alone, without a server: `tpot_s` of a step of `concurrency` sequences behind `input_tokens` each,
    `ttft_s` of computing their prompts of `prompt_tokens` together. `parameters` and `weights_bytes` are what the engine said of the
    model, to be held against what it is taken for.
    """

    __pydantic_config__ = STRICT
    engine: EngineName | None = None
    runtime: str | None = None
    version: str | None = None
    backend: str | None = None
    model: str | None = None
    quantization: str | None = None
    device: str | None = None
    devices: int = 1
    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    settings: dict[str, bool | int | float | str] = field(default_factory=dict)
    concurrency: int = 1
    input_tokens: int | None = None
    output_tokens: int | None = None
    tpot_s: float | None = None
    ttft_s: float | None = None
    prompt_tokens: int | None = None
    bare: bool = False
    parameters: int | None = None
    weights_bytes: int | None = None
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", {name: plain_scalar(value) for name, value in self.settings.items()})
        if self.tpot_s is None and self.ttft_s is None:
            raise FieldFault("tpot_s", "neither tpot_s nor ttft_s: nothing was measured")
        for name in ("tpot_s", "ttft_s"):
            _require(name, getattr(self, name), _MOST_S)
        for name in ("input_tokens", "output_tokens", "prompt_tokens"):
            _require(name, getattr(self, name), _MOST_TOKENS)
        _require("concurrency", self.concurrency, _MOST_AT_ONCE)
        for name in ("devices", "tensor", "pipeline", "data"):
            _require(name, getattr(self, name), _MOST_AT_ONCE)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not known of the subject."""
        return tuple(name for name in _SUBJECT if getattr(self, name) is None)

    @property
    def pace(self) -> str:
        """`8 at once`, for messages."""
        return f"{self.concurrency} at once"


def _require(name: str, value: float | None, most: float) -> None:
    if value is not None and not 0 < value <= most:
        raise FieldFault(name, f"{value:g}: must be above 0 and at most {most:,.0f}")
