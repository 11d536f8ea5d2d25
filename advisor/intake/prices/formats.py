"""The formats that prices are published in. Text of a stranger: read by pattern, never executed; what does not fit is an error."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from advisor.domain.price_source import PriceFormat
from advisor.errors import UserInputError

_GENERATED: Final = re.compile(r"generated at (\d{4}-\d{2}-\d{2})T")
_REGION: Final = re.compile(r'^\t?\t?(?:initialOnDemandPrices\[)?"([a-z0-9-]{1,40})"(?:\] = map\[string\]float64\{|: \{)\s*$')
_PRICE: Final = re.compile(r'"([A-Za-z0-9._ -]{1,80})":\s*(\d{1,9}(?:\.\d{1,12})?),')
_MTOK: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Quote:
    """A price of an instance type in a region."""

    instance: str
    region: str
    usd_per_hour: float
    spot_usd_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class ApiQuote:
    """A price of a model at a hosted API, under the source's own name for it."""

    provider: str
    name: str
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    cached_input_usd_per_mtok: float | None


@dataclass(frozen=True, slots=True)
class Published:
    """What a file says; `as_of` is empty where it does not say of when."""

    quotes: tuple[Quote, ...] = ()
    api_quotes: tuple[ApiQuote, ...] = ()
    as_of: str = ""


def read_prices(text: str, kind: PriceFormat, where: str) -> Published:
    """Raises UserInputError for a file that is not of this format, or holds no price."""
    try:
        found = _READERS[kind](text)
    except (ValueError, TypeError, RecursionError, AttributeError, KeyError):
        found = Published()
    if not found.quotes and not found.api_quotes:
        raise UserInputError(f"{where}: no prices found in it: not the format {kind}, or the format has changed")
    return found


def _go_maps(text: str) -> Published:
    """Go source that holds a map of maps: region -> instance type -> USD an hour (both Karpenter providers generate it)."""
    dated = _GENERATED.search(text)
    return Published(quotes=tuple(_go_quotes(text)), as_of=dated[1] if dated else "")


def _go_quotes(text: str) -> Iterator[Quote]:
    region = ""
    for line in text.splitlines():
        if head := _REGION.match(line):
            region = head[1]
        elif region:
            yield from (Quote(name, region, float(price)) for name, price in _PRICE.findall(line) if float(price) > 0)


def _gcp(text: str) -> Published:
    """`{"prices": {region: {"on_demand": {type: USD}, "spot": {type: USD}}}}`."""
    quotes: list[Quote] = []
    for region, kinds in json.loads(text)["prices"].items():
        spot = {name: price for name, price in kinds.get("spot", {}).items() if _positive(price)}
        for name, price in kinds["on_demand"].items():
            if _positive(price):
                cheaper = spot.get(name)
                quotes.append(Quote(name, region, float(price), cheaper if cheaper is not None and cheaper <= price else None))
    return Published(quotes=tuple(quotes))


def _litellm(text: str) -> Published:
    """`{"provider/model": {"litellm_provider", "mode", "input_cost_per_token", "output_cost_per_token", …}}`."""
    entries = [(name, entry) for name, entry in json.loads(text).items() if isinstance(entry, dict) and entry.get("mode") == "chat"]
    return Published(api_quotes=tuple(quote for name, entry in entries if (quote := _api_quote(name, entry)) is not None))


def _api_quote(name: str, entry: Mapping[str, Any]) -> ApiQuote | None:
    provider, sent, made = entry.get("litellm_provider"), entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if not isinstance(provider, str) or not _positive(sent) or not _positive(made):
        return None
    cached = entry.get("cache_read_input_token_cost")
    return ApiQuote(provider, name, _per_mtok(sent), _per_mtok(made), _per_mtok(cached) if _positive(cached) else None)


def _per_mtok(price: Any) -> float:  # noqa: ANN401 - checked to be a number
    return float(f"{price * _MTOK:.6g}")


def _positive(price: Any) -> bool:  # noqa: ANN401 - a stranger's JSON
    return isinstance(price, int | float) and not isinstance(price, bool) and math.isfinite(price) and price > 0


_READERS: Final[Mapping[PriceFormat, Callable[[str], Published]]] = {
    "karpenter-aws": _go_maps,
    "karpenter-azure": _go_maps,
    "karpenter-gcp": _gcp,
    "litellm": _litellm,
}
