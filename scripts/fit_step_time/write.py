"""Writes fitted constants into a calibration file: values in place, everything else of the file (comments, order) as a person left it."""

import re
from collections.abc import Mapping, Sequence

from advisor.domain.calibration import ErrorBand, Fitted

_FLOW = r"(?: (?P<flow>\{.*\}|\[.*\])(?: *#.*)?)?"
_KEY = re.compile(r"( *)([\w.-]+):" + _FLOW)  # `  layer_s: {value: …}  # why`
_ITEM = re.compile(r"( *)- \w+: \"?([^\"{]+?)\"?(?P<flow>)")  # `  - name: V1`


def fitted(value: float, spread: tuple[float, float], *, most: float = float("inf"), note: str = "") -> Fitted:
    """A constant with its 80 % range, at no more digits than it has; both ends hold the value."""
    value, low, high = (rounded(min(number, most)) for number in (value, *spread))
    return Fitted(value, min(low, value), max(high, value), note)


def rounded(number: float) -> float:
    """Three significant digits."""
    return float(f"{number:.3g}")


def flow(value: Fitted) -> str:
    """`{value: 0.86, low: 0.8, high: 0.95}` as it stands in the file."""
    note = f", note: {quoted(value.note)}" if value.note else ""
    return f"{{value: {number(value.value)}, low: {number(value.low)}, high: {number(value.high)}{note}}}"


def number(value: float) -> str:
    """A number that YAML 1.1 reads as one: an exponent needs a point before it."""
    text = f"{value:.6g}"
    mantissa, e, exponent = text.partition("e")
    return text if not e else f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"


def quoted(text: str) -> str:
    """A one-line text in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def band_lines(bands: Sequence[ErrorBand]) -> list[str]:
    """The entries of `errors`."""
    return [
        f"  - {{metric: {b.metric}, level: {b.level}, {f'backend: {b.backend}, ' if b.backend else ''}"
        f"low: {number(b.low)}, high: {number(b.high)}, note: {quoted(b.note)}}}"
        for b in bands
    ]


def with_bands(text: str, bands: Sequence[ErrorBand]) -> str:
    """The file's text with these `errors`, its last entry."""
    return text[: text.index("\nerrors:\n")] + "\n".join(["\nerrors:", *band_lines(bands)]) + "\n"


def replaced(text: str, values: Mapping[str, str]) -> str:
    """The file's text with the flow values at these dotted places replaced; an item of a list is named by its first value.

    Raises KeyError for a place that the file does not have.
    """
    left, lines = dict(values), []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = _ITEM.fullmatch(line) or _KEY.fullmatch(line)
        if match:
            path = [*(step for step in path if step[0] < len(match[1])), (len(match[1]), match[2])]
        place = ".".join(name for _, name in path)
        lines.append(line.replace(match["flow"], left.pop(place)) if match and match["flow"] and place in left else line)
    if left:
        raise KeyError(f"the file has no {', '.join(left)}")
    return "\n".join(lines) + "\n"
