"""`tpot_s=0.031@8,ttft_s=0.4,input_tokens=2000,output_tokens=300` as a measured point."""

from typing import Any, Final

from advisor.domain.measured import MeasuredPoint
from advisor.domain.strict import FieldFault
from advisor.errors import UserInputError, did_you_mean

_TIMES: Final = ("tpot_s", "ttft_s")
_COUNTS: Final = ("input_tokens", "output_tokens", "concurrency", "devices", "tensor", "pipeline", "data")
_WORDS: Final = ("engine", "runtime", "version", "backend", "model", "quantization", "device")
EXAMPLE: Final = "tpot_s=0.031@8,ttft_s=0.4,input_tokens=2000,output_tokens=300"


def is_point_text(text: str) -> bool:
    """True for what is hardly a file's name: it begins with a plain word and an equals sign."""
    key, separator, _ = text.partition("=")
    return bool(separator) and key.strip().isidentifier()


def measured_text(text: str) -> MeasuredPoint:
    """Raises UserInputError for an unknown key, a number that is none, two concurrencies, or nothing measured."""
    found: dict[str, Any] = {}
    for part in text.split(","):
        key, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator or not value:
            raise _fault(text, f"{part.strip()!r}: write key=value")
        for name, given in _read(text, key, value):
            if name in found and found[name] != given:
                raise _fault(text, f"{name} is given twice: {found[name]} and {given}")
            found[name] = given
    try:
        return MeasuredPoint(**found, source=f"your measurement {text}")
    except FieldFault as fault:
        raise _fault(text, f"{fault}") from None


def _read(text: str, key: str, value: str) -> list[tuple[str, Any]]:
    if key in _TIMES:
        seconds, at, concurrency = value.partition("@")
        return [(key, _number(text, key, seconds, float)), *([("concurrency", _number(text, key, concurrency, int))] if at else [])]
    if key in _COUNTS:
        return [(key, _number(text, key, value, int))]
    if key in _WORDS:
        return [(key, value)]
    raise _fault(text, f"{key}: no such key{did_you_mean(key, (*_TIMES, *_COUNTS, *_WORDS)) or f'; write for example {EXAMPLE}'}")


def _number(text: str, key: str, value: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(value)
    except ValueError:
        raise _fault(text, f"{key}: {value[:40]!r} is not a{' whole' if kind is int else ''} number") from None


def _fault(text: str, what: str) -> UserInputError:
    return UserInputError(f"--measured {text[:120]}: {what}")
