"""Small workloads for the planner's tests, and a decision on each, remembered while the tests run."""

import dataclasses
from functools import cache

from advisor.assess import Case
from advisor.catalog import load_catalog
from advisor.domain.workload import (
    CostTerms,
    HardwareChoice,
    Load,
    OwnedHardware,
    Privacy,
    Quality,
    RentedHardware,
    Request,
    ServiceLevel,
    TokenLengths,
    Users,
    Workload,
)
from advisor.planning.decision import Decision
from advisor.planning.demand import complete
from advisor.planning.planner import decide
from advisor.rules.load import load_rules

CHAT = Workload(
    schema="advisor.workload/1",
    name="chat",
    load=Load(users=Users(10, 60)),
    request=Request(TokenLengths(800, 2000, 4000), TokenLengths(200, 500, 1000), shared_prefix_tokens=200),
    privacy=Privacy("own_cloud_account"),
    models=("meta-llama/Llama-3.1-8B-Instruct",),
    service_level=ServiceLevel(ttft_p95_s=2.0, tpot_p95_s=0.06),
    hardware=HardwareChoice(owned=(OwnedHardware("rtx-4090"),)),
    cost=CostTerms(electricity_usd_per_kwh=0.3, amortisation_years=3),
)
ALONE = dataclasses.replace(CHAT, load=Load(users=Users(1, 60)))
CROWD = dataclasses.replace(CHAT, load=Load(users=Users(300, 60)))
ON_THREE_KINDS = dataclasses.replace(CHAT, hardware=HardwareChoice(rent=RentedHardware(devices=("l4", "rtx-4090", "l40s"))))
TWO_MODELS = dataclasses.replace(CHAT, models=("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-4B"))
UNCHOSEN = dataclasses.replace(ALONE, models="any", quality=Quality("some"))


@cache
def decided(workload: Workload, *, explore: bool = True) -> Decision:
    return decide(workload, load_catalog(), load_rules([]), explore=explore)


def case_for(workload: Workload) -> Case:
    catalog = load_catalog()
    demand, _ = complete(workload, catalog.preset(workload.task))
    return Case(workload, demand, catalog, load_rules([]))
