"""How long deciding takes, per example, as a multiple of reading the catalog and the rules in the same run.

Machines are noisy, so a ratio within one run says more than seconds. `python benchmarks/planning.py [RUNS]`
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from advisor.catalog.catalog import read_catalog
from advisor.files.workload import read_workload
from advisor.intake.machine import this_machine
from advisor.planning.planner import decide
from advisor.resources import folder
from advisor.rules.load import load_rules

EXAMPLES = Path(__file__).parent.parent / "examples"


def median_s(work: Callable[[], object], runs: int) -> float:
    """Seconds of the median of `runs` calls."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print one line an example."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    catalog, rules = read_catalog(folder("catalog")), load_rules([])
    baseline_s = median_s(lambda: read_catalog(folder("catalog")), runs)
    print(f"reading the catalog: {baseline_s * 1e3:.0f} ms; the rest as multiples of it, median of {runs}")
    for path in sorted(EXAMPLES.glob("*/workload.yaml")):
        workload, _ = read_workload(path)
        machine = this_machine(catalog) if workload.hardware and workload.hardware.this_machine else None
        taken_s = median_s(lambda: decide(workload, catalog, rules, machine=machine), runs)  # noqa: B023 - called at once
        print(f"{path.parent.name:<26} {taken_s / baseline_s:6.1f} x   {taken_s * 1e3:6.0f} ms")


if __name__ == "__main__":
    main()
