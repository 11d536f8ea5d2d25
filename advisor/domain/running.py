"""When a deployment runs, for those that need not run day and night."""

from dataclasses import dataclass

from advisor.domain.numbers import positive
from advisor.domain.strict import STRICT, FieldFault

_HOURS_OF_A_DAY = 24
_DAYS_OF_A_MONTH = 31
_SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Running:
    """Switched on `starts_per_day` times a day for `hours_per_day` in all; within them off again after `scale_to_zero_after_s` of rest."""

    __pydantic_config__ = STRICT
    hours_per_day: float = _HOURS_OF_A_DAY
    days_per_month: float = _DAYS_OF_A_MONTH  # every day
    starts_per_day: float = 1
    scale_to_zero_after_s: float | None = None

    def __post_init__(self) -> None:
        positive(self, "hours_per_day", "days_per_month", "starts_per_day", "scale_to_zero_after_s")
        if self.hours_per_day > _HOURS_OF_A_DAY:
            raise FieldFault("hours_per_day", f"{self.hours_per_day:g} hours: a day has 24")
        if self.days_per_month > _DAYS_OF_A_MONTH:
            raise FieldFault("days_per_month", f"{self.days_per_month:g} days: a month has at most 31")
        if self.starts_per_day > _SECONDS_OF_A_DAY:
            raise FieldFault("starts_per_day", f"{self.starts_per_day:g} a day is more than one a second")
        if self.scale_to_zero_after_s is not None and self.scale_to_zero_after_s > _SECONDS_OF_A_DAY:
            raise FieldFault("scale_to_zero_after_s", f"{self.scale_to_zero_after_s:g} s is more than a day: leave it out")
