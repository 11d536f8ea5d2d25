"""How long a plan over the whole catalog takes, and over ten and a hundred times as much, as multiples of reading the catalog in one run.

`python benchmarks/whole_catalog.py [RUNS]`. The devices, their prices and offers are repeated under other names, a little dearer each time;
three models are named then, and each copy is looked at. Then the models are repeated on all hardware, and any of them will do.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace

from advisor.catalog.catalog import Catalog, read_catalog
from advisor.domain.workload import (
    BoughtHardware,
    HardwareChoice,
    Load,
    Privacy,
    RentedHardware,
    Request,
    ServiceLevel,
    TokenLengths,
    Users,
    Workload,
)
from advisor.planning.decision import Decision
from advisor.planning.planner import decide
from advisor.report.search_text import search_sentence
from advisor.resources import folder
from advisor.rules.load import load_rules

TIMES = (1, 10, 100)
WHOLE = Workload(
    schema="advisor.workload/1",
    load=Load(users=Users(100, 60)),
    request=Request(TokenLengths(1000, 3000, 6000), TokenLengths(200, 500, 1000)),
    privacy=Privacy("anywhere"),
    models="any",
    service_level=ServiceLevel(ttft_p95_s=2.0, tpot_p95_s=0.06),
    hardware=HardwareChoice(rent=RentedHardware(), buy=BoughtHardware()),
)


def more_hardware(catalog: Catalog, times: int) -> Catalog:
    """Each device, purchase and offer so many times; copy n is n per mille dearer."""
    devices, purchases, offers = dict(catalog.devices), dict(catalog.purchases), list(catalog.offers)
    for copy in range(1, times):
        dearer = 1 + copy / 1000
        devices |= {f"{name}-{copy}": replace(d, id=f"{name}-{copy}", aliases=()) for name, d in catalog.devices.items()}
        for name, purchase in catalog.purchases.items():
            usd = purchase.usd_per_device
            purchases[f"{name}-{copy}"] = replace(purchase, device=f"{name}-{copy}", usd_per_device=None if usd is None else usd * dearer)
        offers += [
            replace(offer, device=f"{offer.device}-{copy}", usd_per_hour=offer.usd_per_hour * dearer)
            for offer in catalog.offers
            if offer.device in catalog.devices
        ]
    return replace(catalog, devices=devices, purchases=purchases, offers=tuple(offers))


def more_models(catalog: Catalog, times: int) -> Catalog:
    """Each model so many times."""
    models = dict(catalog.models.items())
    for copy in range(1, times):
        models |= {f"{name}-{copy}": replace(m, id=f"{name}-{copy}", aliases=()) for name, m in catalog.models.items()}
    return replace(catalog, models=models)


def timed(work: Callable[[], Decision], runs: int) -> tuple[float, Decision]:
    """Seconds of the quickest of `runs` calls, and what it returned."""
    best, decision = float("inf"), None
    for _ in range(runs):
        start = time.perf_counter()
        decision = work()
        best = min(best, time.perf_counter() - start)
    assert decision is not None  # noqa: S101 - one run at least
    return best, decision


def main() -> None:
    """Print one line a size."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    start = time.perf_counter()
    catalog, rules = read_catalog(folder("catalog")), load_rules([])
    baseline_s = time.perf_counter() - start
    print(f"reading catalog and rules: {baseline_s * 1e3:.0f} ms; the rest as multiples of it, best of {runs}")
    three = tuple(sorted(catalog.models, key=lambda name: -catalog.models[name].architecture.parameters_total)[20:80:20])
    for what, enlarge, workload in (
        ("hardware", more_hardware, replace(WHOLE, models=three)),
        ("models", more_models, WHOLE),
    ):
        for times in TIMES:
            larger = enlarge(catalog, times)
            seconds, decision = timed(lambda: decide(workload, larger, rules), runs)  # noqa: B023 - called at once
            named = "any model" if workload.models == "any" else f"{len(workload.models or ())} models"
            print(f"{times:>4} x {what:<9} {named:<10} {seconds / baseline_s:6.1f} x {seconds:7.2f} s  {search_sentence(decision.space)}")


if __name__ == "__main__":
    main()
