"""Money as JSON, the same in an estimate and in a decision."""

from typing_extensions import TypedDict

from advisor.domain.estimate import CostEstimate, TokenPrices
from advisor.report.quantity_json import QuantityJson, number, optional


class TokenPricesJson(TypedDict):
    """USD per million tokens sent and generated that together make the bill, split by the engine's time."""

    input: QuantityJson
    output: QuantityJson


class CostJson(TypedDict):
    """Money of the whole deployment; null where no price was given.

    `usd_per_pile` is one pile of a batch, its start included. `usd_per_million_input_tokens` and `usd_per_million_output_tokens` are the
    whole bill over the tokens of that kind alone.
    """

    usd_per_hour: QuantityJson | None
    usd_per_month: QuantityJson | None
    usd_per_request: QuantityJson | None
    usd_per_request_at_capacity: QuantityJson | None
    usd_per_million_input_tokens: QuantityJson | None
    usd_per_million_output_tokens: QuantityJson | None
    usd_per_million_tokens_split: TokenPricesJson | None
    usd_per_million_tokens_split_at_capacity: TokenPricesJson | None
    usd_per_user_month: QuantityJson | None
    usd_per_pile: QuantityJson | None
    hours_per_month: float | None
    starts_per_month: float
    cold_share: float
    idle_devices_charged: int
    charged: str | None
    price_as_of: str | None


def cost_document(cost: CostEstimate | None) -> CostJson:
    """Every key, null where there is no price, no volume or no user."""
    return {
        "usd_per_hour": optional(cost.usd_per_hour if cost else None),
        "usd_per_month": optional(cost.usd_per_month if cost else None),
        "usd_per_request": optional(cost.usd_per_request if cost else None),
        "usd_per_request_at_capacity": optional(cost.usd_per_request_at_capacity if cost else None),
        "usd_per_million_input_tokens": optional(cost.usd_per_million_input_tokens if cost else None),
        "usd_per_million_output_tokens": optional(cost.usd_per_million_output_tokens if cost else None),
        "usd_per_million_tokens_split": _pair(cost.token_prices if cost else None),
        "usd_per_million_tokens_split_at_capacity": _pair(cost.token_prices_at_capacity if cost else None),
        "usd_per_user_month": optional(cost.usd_per_user_month if cost else None),
        "usd_per_pile": optional(cost.usd_per_pile if cost else None),
        "hours_per_month": cost.hours_per_month if cost else None,
        "starts_per_month": cost.starts_per_month if cost else 0,
        "cold_share": cost.cold_share if cost else 0,
        "idle_devices_charged": cost.idle_devices_charged if cost else 0,
        "charged": cost.basis_text if cost else None,
        "price_as_of": cost.price_as_of if cost else None,
    }


def _pair(prices: TokenPrices | None) -> TokenPricesJson | None:
    return {"input": number(prices.input), "output": number(prices.output)} if prices else None
