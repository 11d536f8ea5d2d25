"""How long simulating requests takes, as a multiple of a loop of additions in the same run. `python benchmarks/load.py [RUNS]`

Both engines, open and closed loads, 1,000 and 12,000 requests: the best of some runs, because whatever disturbs a run makes it slower.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

from advisor.assess import size
from advisor.catalog.catalog import Catalog, read_catalog
from advisor.domain.workload import HardwareChoice, Load, OwnedHardware, Privacy, Request, TokenLengths, Users, Workload
from advisor.estimate.load import speed_curves
from advisor.estimate.load_equilibrium import ReplicaCurve
from advisor.estimate.load_requests import RequestStream, request_stream
from advisor.estimate.load_run import observe
from advisor.planning.planner import decide
from advisor.resources import folder
from advisor.rules.load import load_rules

ADDITIONS = 1_000_000


def best_s(work: Callable[[], object], runs: int) -> float:
    """Seconds of the quickest of `runs` calls."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def replica(catalog: Catalog, engine: str) -> tuple[ReplicaCurve, RequestStream]:
    """A model of eight billion parameters on the card with the fastest memory, 800 tokens in and 200 out."""
    models = [m for m in catalog.models.values() if 7e9 < m.architecture.parameters_total < 9e9 and not m.architecture.experts]
    cards = [device for device in catalog.devices.values() if device.vendor == "NVIDIA"]
    workload = Workload(
        schema="advisor.workload/1",
        load=Load(users=Users(30, 30)),
        request=Request(TokenLengths(800, 2000, 4000), TokenLengths(200, 500, 1000)),
        privacy=Privacy("premises"),
        models=(models[0].id,),
        hardware=HardwareChoice(owned=(OwnedHardware(max(cards, key=lambda card: card.memory_bandwidth_bytes_per_s).id),)),
    )
    decision = decide(workload, catalog, load_rules([]), insist={"engine": engine}, explore=False)
    assert decision.chosen is not None  # noqa: S101 - it fits
    demand, sized = decision.case.demand, size(decision.chosen.deployment.candidate, decision.case)
    stream = request_stream(demand, 0)
    return speed_curves(decision.chosen.deployment, demand, memory=sized.memory, steps=sized.steps, stream=stream)[0], stream


def main() -> None:
    """Print one line a load."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    catalog = read_catalog(folder("catalog"))
    baseline_s = best_s(lambda: sum(range(ADDITIONS)), runs)
    print(f"{ADDITIONS:,} additions: {baseline_s * 1e3:.1f} ms; the rest as multiples of it, best of {runs}")
    for engine in ("vllm", "llama.cpp"):
        curve, stream = replica(catalog, engine)
        loads = {
            "closed": Load(in_flight=max(1, curve.most_in_service // 4)),
            "open": Load(requests_per_s=0.6 * curve.capacity_per_s),
            "users": Load(users=Users(max(1, round(20 * curve.capacity_per_s)), 30)),
        }
        for name, load in loads.items():
            for requests in (1000, 12_000):
                taken_s = best_s(partial(observe, curve, stream, load, measured=requests), runs)
                print(f"{engine:<10} {name:<7} {requests:>6,} requests {taken_s / baseline_s:6.1f} x   {taken_s * 1e3:6.1f} ms")


if __name__ == "__main__":
    main()
