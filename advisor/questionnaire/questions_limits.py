"""The questions about limits: latency, failures, money."""

from typing import Final

from advisor.errors import UserInputError
from advisor.questionnaire.parsing import NOTHING, count, number, seconds, seconds_per_token
from advisor.questionnaire.question import Question, Situation, Understood

_NO_LIMIT: Final = "none"
_OWNERSHIP_YEARS: Final = "4"
_HOST_OVERHEAD_PCT: Final = 40
_ELECTRICITY_USD_PER_KWH: Final = "0.20"


def _limit_s(path: str, text: str) -> Understood:
    if text.strip().casefold() in NOTHING:
        return Understood({})
    limit_s = seconds_per_token(text) if path.endswith("tpot_p95_s") else seconds(text)
    if limit_s <= 0:
        raise UserInputError(f'"{text}": must be above 0; none means no limit')
    said = f"{limit_s * 1e3:g} ms a token for 95 of 100 requests." if path.endswith("tpot_p95_s") else ""
    return Understood({path: limit_s}, said=said)


def _shown_s(limit_s: float | None) -> str:
    return _NO_LIMIT if limit_s is None else f"{limit_s:g} s"


def _shown_speed(limit_s: float | None) -> str:
    return _NO_LIMIT if limit_s is None else f"{1 / limit_s:.4g} tokens/s"


def _somebody_waits(situation: Situation) -> bool:
    return not situation.has("load.batch")


def _has_answer_limit(situation: Situation) -> bool:
    return _somebody_waits(situation) and situation.preset.service_level.e2e_p95_s is not None


def _replicas_down(text: str, _: Situation) -> Understood:
    answer = text.strip().casefold()
    if answer in ("y", "yes", "0"):
        return Understood({"service_level.with_replicas_down": 0})
    down = 1 if answer in ("n", "no") else count(text, "copies that may be down (or yes, no)")
    return Understood({"service_level.with_replicas_down": down}, said=f"All limits must hold with {down} down.")


def _copies_are_possible(situation: Situation) -> bool:
    """One device for one person has nothing to take over with; everything else may."""
    if not _only_this_machine(situation):
        return True
    values, machine = situation.values, situation.machine
    single = values.get("load.users.active") == 1 or values.get("load.in_flight") == 1
    return not single and machine is not None and machine.devices > 1


def _only_this_machine(situation: Situation) -> bool:
    elsewhere = any(situation.has(f"hardware.{word}") for word in ("owned", "rent", "buy"))
    return situation.place == "this_device" or (situation.has("hardware") and not elsewhere)


def _costs_money(situation: Situation) -> bool:
    return not _only_this_machine(situation)


def _uses_own_power(situation: Situation) -> bool:
    return _costs_money(situation) and (situation.has("hardware.owned") or situation.has("hardware.buy"))


def _may_grow(situation: Situation) -> bool:
    return _costs_money(situation) and _somebody_waits(situation)


def _budget(text: str, _: Situation) -> Understood:
    if text.strip().casefold() in NOTHING:
        return Understood({})
    usd = number(text, "6000")
    if usd <= 0:
        raise UserInputError(f'"{text}": must be above 0; none means no limit')
    return Understood({"cost.budget_usd_per_month": usd})


def _ownership(text: str, _: Situation) -> Understood:
    if text.strip().casefold() in NOTHING or text.strip().casefold() == "sunk":
        return Understood({}, said="The purchase is not counted.")
    years = number(text.casefold().removesuffix("years").removesuffix("year"), "4")
    if years <= 0:
        raise UserInputError(f'"{text}": must be above 0; sunk leaves the purchase out')
    overhead = {"cost.host_overhead_pct": _HOST_OVERHEAD_PCT}
    why = {"cost.host_overhead_pct": "assumed, a common share for servers, network and rack on top of the devices"}
    return Understood({"cost.amortisation_years": years, **overhead}, why)


def _growth(text: str, _: Situation) -> Understood:
    if text.strip().casefold() in NOTHING:
        return Understood({})
    growth = number(text, "30")
    return Understood({"growth_pct_per_year": growth} if growth else {})


TTFT: Final = Question(
    key="ttft",
    step="latency",
    text="When is it too slow? The first words within, for 95 of 100 requests",
    examples="2 s - 500 ms - none",
    why="Reading the prompt and waiting in the queue. It limits how long prompts may be on this hardware and how full a copy may get.",
    parse=lambda text, _: _limit_s("service_level.ttft_p95_s", text),
    default=lambda situation: _shown_s(situation.preset.service_level.ttft_p95_s),
    unknown=lambda situation: _shown_s(situation.preset.service_level.ttft_p95_s),
    from_preset=True,
    applies=_somebody_waits,
)
TPOT: Final = Question(
    key="tpot",
    step="latency",
    text="Then, how many tokens a second at least?",
    examples="20 tokens/s - 50 ms a token is the same - none",
    why="The speed of writing: memory bandwidth limits it, and requests that run beside it. People read 5 to 10 tokens a second.",
    parse=lambda text, _: _limit_s("service_level.tpot_p95_s", text.replace("a token", "").replace("per token", "")),
    default=lambda situation: _shown_speed(situation.preset.service_level.tpot_p95_s),
    unknown=lambda situation: _shown_speed(situation.preset.service_level.tpot_p95_s),
    from_preset=True,
    applies=_somebody_waits,
)
E2E: Final = Question(
    key="e2e",
    step="latency",
    text="The whole answer within, for 95 of 100 requests",
    examples="10 s - none",
    why="For tasks whose answer is used as a whole, such as a label or a record.",
    parse=lambda text, _: _limit_s("service_level.e2e_p95_s", text),
    default=lambda situation: _shown_s(situation.preset.service_level.e2e_p95_s),
    unknown=lambda situation: _shown_s(situation.preset.service_level.e2e_p95_s),
    from_preset=True,
    applies=_has_answer_limit,
)
REPLICAS_DOWN: Final = Question(
    key="slower_when_one_is_down",
    step="failure",
    text="May it get slower while one copy is down?",
    examples="yes - no - or how many copies may be down, 2",
    why="no buys one copy more than the load needs, so that an update or a crash at the peak is not noticed.",
    parse=_replicas_down,
    default=lambda _: "yes",
    unknown=lambda _: "yes",
    applies=_copies_are_possible,
)
BUDGET: Final = Question(
    key="budget",
    step="money",
    text="Money: the most per month, in USD",
    examples="6000 - none",
    why="Options above it are removed; the nearest one is shown with what it would take.",
    parse=_budget,
    default=lambda _: _NO_LIMIT,
    unknown=lambda _: _NO_LIMIT,
    applies=_costs_money,
)
ELECTRICITY: Final = Question(
    key="electricity",
    step="money",
    text="Electricity, USD per kWh",
    examples="0.20",
    why="What owned hardware costs to run, cooling included. Rent includes it.",
    parse=lambda text, _: Understood({"cost.electricity_usd_per_kwh": number(text, "0.20")}),
    default=lambda _: _ELECTRICITY_USD_PER_KWH,
    unknown=lambda _: _ELECTRICITY_USD_PER_KWH,
    applies=_uses_own_power,
    fact=True,
)
OWNERSHIP: Final = Question(
    key="ownership_years",
    step="money",
    text="Over how many years is hardware written off?",
    examples="4 - sunk leaves its purchase out",
    why="It turns a purchase into a monthly cost that can be held against rent. Without it, bought hardware would look free.",
    parse=_ownership,
    default=lambda _: _OWNERSHIP_YEARS,
    unknown=lambda _: _OWNERSHIP_YEARS,
    applies=_uses_own_power,
    fact=True,
)
GROWTH: Final = Question(
    key="growth",
    step="money",
    text="Growth of the load per year, in percent",
    examples="30",
    why="It does not change the size of today; the plan says when the load outgrows it.",
    parse=_growth,
    default=lambda _: "0",
    unknown=lambda _: "0",
    applies=_may_grow,
)
