"""Why a prediction may be far off, where a generic check says so; and what no model can know of the rows."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from advisor.accuracy.judge import Judged
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.published import VllmRun

_HOST_SHARE: Final = 0.25  # of a step: when reading the weights explains less, the host does most of it
_MOST: Final = 0.5  # of a group's runs, for a reason to be the group's


def _host_bound(one: Judged) -> bool:
    return one.metric == "tpot_s" and bool(one.floor_s) and (one.floor_s or 0.0) < _HOST_SHARE * one.compared.measured


def _foreign_format(one: Judged) -> bool:
    native, own = one.case.quantization.native_compute_capability, one.case.candidate.node.device.compute_capability
    return native is not None and (own is None or own < native)


def _burst(one: Judged) -> bool:
    return one.metric in ("ttft_s", "e2e_s") and one.region != "single"


def _offloaded(one: Judged) -> bool:
    settings = one.case.candidate.settings
    if not isinstance(settings, LlamaCppSettings) or one.case.candidate.on_cpu:
        return False
    return settings.n_cpu_moe > 0 or 0 <= settings.n_gpu_layers < one.case.candidate.model.architecture.layers + 1


_CHECKS: Final[tuple[tuple[str, Callable[[Judged], bool]], ...]] = (
    ("an unmeasured class of device or software", lambda one: not one.familiar),
    ("a weight format that the device has no arithmetic for", _foreign_format),
    ("host time: the bytes explain less than a quarter of a step", _host_bound),
    ("first tokens hang on whether requests come together", _burst),
    ("an old, secondary or confounded source", lambda one: one.case.row.quality == "C"),
    ("weights partly in the host's memory", _offloaded),
)


def likely_reason(judged: Sequence[Judged]) -> str:
    """The first check that most of these runs meet; empty where none does."""
    for reason, check in _CHECKS:
        if sum(map(check, judged)) > _MOST * len(judged):
            return reason
    return ""


def limits(judged: Iterable[Judged]) -> tuple[tuple[str, int], ...]:
    """What is not known of the runs, and of how many: it limits every model."""
    rows = {one.case.row.row_id: one for one in judged}.values()
    counted = (
        ("the host's processor and its clock: of the same device and model steps differ by up to two times", lambda one: True),
        ("whether requests come together or spread: closed loops and bursts", lambda one: one.region not in ("single", "open loop")),
        ("settings of the server: arguments are not stated", _without_arguments),
        ("power limit, clocks and cooling", lambda one: not one.case.candidate.on_cpu),
        ("the release of the engine: a build without a number", _unreleased),
    )
    return tuple((what, sum(1 for one in rows if check(one))) for what, check in counted)


def _without_arguments(one: Judged) -> bool:
    return isinstance(one.case.row, VllmRun) and not one.case.row.launch_args


def _unreleased(one: Judged) -> bool:
    row = one.case.row
    return not (row.engine_version if isinstance(row, VllmRun) else row.build)
