"""Periods of whole days, both ends included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    first: date
    last: date

    @property
    def days(self) -> int:
        return max((self.last - self.first).days + 1, 0)

    def holds(self, on: date) -> bool:
        return self.first <= on <= self.last

    def days_without(self, gaps: Iterable[Period]) -> int:
        """Its days that lie in none of the gaps, which do not overlap."""
        lost = sum(Period(max(self.first, g.first), min(self.last, g.last)).days for g in gaps)
        return self.days - lost


def merged(periods: Iterable[Period]) -> tuple[Period, ...]:
    """The same days as the fewest periods: those that overlap or follow each other without a day between are one."""
    found: list[Period] = []
    for period in sorted(p for p in periods if p.days):
        if found and (found[-1].last == date.max or period.first <= found[-1].last + DAY):
            found[-1] = Period(found[-1].first, max(found[-1].last, period.last))
        else:
            found.append(period)
    return tuple(found)
