"""Factor from a vial in the blood: when it was last given, and whether it is still measured in a sample.

Every day of a running regimen counts as a day of factor. Within the washout of a product, its last day
included, an activity measures the concentrate and not the patient's own factor.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from workflow.rules.facts import PatientFacts


@dataclass(frozen=True, slots=True)
class Exposure:
    """Per period of factor, by its first day: the last day of factor and of washout of all periods so far."""

    firsts: tuple[date, ...]
    lasts: tuple[date, ...]
    reaches: tuple[date, ...]

    def contaminates(self, on: date) -> bool:
        """Whether factor of a vial is in a sample of that day."""
        index = bisect_right(self.firsts, on)
        return index > 0 and self.reaches[index - 1] >= on

    def days_since(self, on: date) -> int | None:
        """Days since the last factor of a vial, 0 on a day of it; None when there never was any."""
        index = bisect_right(self.firsts, on)
        return (on - min(on, self.lasts[index - 1])).days if index else None


def exposure(facts: PatientFacts, washout: Callable[[str], int]) -> Exposure:
    """All factor given; `washout` tells the days of a product."""
    periods = [(u.given_on, u.given_on, u.product) for u in facts.factor_uses]
    periods += [(r.from_on, r.to_on or date.max, r.product) for r in facts.regimens]
    periods.sort()
    days = {product: timedelta(days=washout(product)) for product in {p for _, _, p in periods}}
    return Exposure(
        tuple(first for first, _, _ in periods),
        tuple(accumulate((last for _, last, _ in periods), max)),
        tuple(accumulate((_reach(last, days[p]) for _, last, p in periods), max)),
    )


def _reach(last: date, washout: timedelta) -> date:
    return last if last == date.max else last + washout
