"""What an engine said of its own memory, beside the prediction, in lines."""

from collections.abc import Iterator

from advisor.domain.quantity import Quantity
from advisor.domain.witness import Testimony, Told
from advisor.intake.unread_gguf import Asked
from advisor.report.witness_json import told_numbers
from advisor.units import size_unit


def testimony_lines(testimony: Testimony) -> Iterator[str]:
    """Who was asked, what agrees, each difference, and what could not be told."""
    yield testimony.source
    agreeing = [_label(one) for one in testimony.told if one.agrees]
    if agreeing:
        yield f"as predicted: {', '.join(agreeing)}"
    yield from (difference_text(one) for one in testimony.differences)
    yield from testimony.remarks


def witness_text(asked: Asked) -> str:
    """What the engine alone told: nothing else is known of the model."""
    candidate, witness = asked.candidate, asked.witness
    lines = [
        f"{candidate.model.id}: architecture {candidate.model.architecture.name!r} is not known to the advisor; only the engine was asked",
        f"{witness.source}, for one replica, whatever devices it is spread over:",
    ]
    for name, value in told_numbers(witness).items():
        lines.append(f"  {name.removesuffix('_bytes').replace('_', ' '):<28}{_amount(name, value):>14}")
    return "\n".join([*lines, *witness.remarks])


def _amount(name: str, value: float | None) -> str:
    if value is None:
        return "not told"
    if not name.endswith("_bytes"):
        return f"{value:,}"
    scale, unit = size_unit(value)
    return f"{value / scale:,.2f} {unit}"


def difference_text(one: Told) -> str:
    """`kv cache: predicted 4.50 GiB, the engine says 5.00 GiB (+11 %)`."""
    scale, unit = size_unit(one.told) if one.name.endswith("_bytes") else (1, "")
    apart = f" ({100 * (one.told / one.predicted.value - 1):+,.1f} %)" if one.predicted.value else ""
    predicted, told = _shown(one.predicted, scale), f"{one.told / scale:,.2f}"
    return f"{_label(one)}: predicted {f'{predicted} {unit}'.rstrip()}, the engine says {f'{told} {unit}'.rstrip()}{apart}"


def _shown(quantity: Quantity, scale: float) -> str:
    value = f"{quantity.value / scale:,.2f}"
    return value if quantity.low == quantity.high else f"{value} ({quantity.low / scale:,.2f}-{quantity.high / scale:,.2f})"


def _label(one: Told) -> str:
    return one.name.removesuffix("_bytes").replace("_", " ")
