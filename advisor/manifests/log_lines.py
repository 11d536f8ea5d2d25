"""What the engine's log is expected to say at the start: comments that can be compared without any tool."""

from string import Formatter

from advisor.domain.assessment import Assessment
from advisor.domain.engine_record import EngineRecord
from advisor.domain.quantity import Quantity, exact, total
from advisor.units import GIB, MIB, significant


def expected_log_lines(assessment: Assessment, record: EngineRecord) -> tuple[str, ...]:
    """The record's lines with this deployment's numbers; a line whose number is zero or unknown is left out."""
    numbers = _numbers(assessment)
    processor = "CPU" if assessment.deployment.candidate.runtime.backend == "cpu" else "GPU"
    lines: list[str] = []
    for template in record.log_lines:
        names = [name for _, name, _, _ in Formatter().parse(template) if name]
        if all(name == "processor" or (numbers.get(name) is not None) for name in names):
            texts = {name: processor if name == "processor" else about(numbers[name]) for name in names}
            lines.append(template.format(**texts))
    return tuple(lines)


def about(number: Quantity | None) -> str:
    """`16,384`, or `about 142,000 (134,000-147,000)`."""
    if number is None:
        return "?"
    if number.low == number.high:
        return f"{number.value:,.0f}" if number.value == int(number.value) else f"{number.value:,.2f}"
    return f"about {significant(number.value, 3)} ({significant(number.low, 3)}-{significant(number.high, 3)})"


def _numbers(assessment: Assessment) -> dict[str, Quantity | None]:
    memory = assessment.estimate.memory
    host, devices = memory.host, memory.devices
    kv = total([host.kv_cache_bytes, *(d.kv_cache_bytes for d in devices)], "devices and host")
    state = total([host.recurrent_state_bytes, *(d.recurrent_state_bytes for d in devices)], "devices and host")
    return {
        "weights_gib": devices[0].weights_bytes.times(1 / GIB),
        "kv_cache_mib": _present(kv.times(1 / MIB)),
        "recurrent_state_mib": _present(state.times(1 / MIB)),
        "kv_capacity_tokens": memory.kv_cache_capacity_tokens,
        "context_per_request_tokens": exact(memory.context_per_request_tokens, "the settings"),
        "concurrency": memory.max_concurrency_x,
    }


def _present(number: Quantity) -> Quantity | None:
    return number if number.high > 0 else None
