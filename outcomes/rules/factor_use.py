"""Concentrate used per kilogram and observed year, by reason. The weight is the one nearest each use."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.periods import Period
from outcomes.rules.verdicts import FactorRow
from workflow.rules.facts import FactorUseFact, PatientFacts

REASONS = ("prophylaxis", "bleed", "surgery", "other")
COUNTS = ("all", *REASONS, "without_surgery")


@dataclass(frozen=True, slots=True)
class Uses:
    """Every use, oldest first, with the weight in kg that is nearest to it; None where no weight is known."""

    rows: tuple[tuple[FactorUseFact, Decimal | None], ...]
    days: tuple[date, ...]

    def during(self, periods: Iterable[Period]) -> Iterator[tuple[FactorUseFact, Decimal | None]]:
        """Uses in periods that do not overlap."""
        for period in periods:
            yield from self.rows[bisect_left(self.days, period.first) : bisect_right(self.days, period.last)]


def weighed(facts: PatientFacts, rules: MeasureRules) -> Uses:
    """All uses; of two weights equally near the later counts, without any that of the infusion."""
    known = [
        (r.collected_on, r.value)
        for r in facts.of(rules.weight_analyte)
        if r.final and r.value and not r.comparator
    ]
    dosed_on = facts.infusion.weight_kg if facts.infusion else None
    days = [on for on, _ in known]
    return Uses(
        tuple((use, _nearest(use.given_on, days, known, dosed_on)) for use in facts.factor_uses),
        tuple(use.given_on for use in facts.factor_uses),
    )


def _nearest(
    on: date, days: Sequence[date], known: Sequence[tuple[date, Decimal]], otherwise: Decimal | None
) -> Decimal | None:
    """`known` are weights by day; of several of one day the last counts."""
    if not known:
        return otherwise
    index = bisect_left(days, on)
    if index == len(days) or (index and on - days[index - 1] < days[index] - on):
        return known[index - 1][1]
    last = index
    while last + 1 < len(days) and days[last + 1] == days[index]:
        last += 1
    return known[last][1]


def amount(uses: Uses, periods: Iterable[Period], counts: str) -> Fraction | None:
    """IU per kg in periods that do not overlap; None when the weight of a use is not known."""
    by_weight: dict[Decimal | None, Decimal] = defaultdict(Decimal)
    for use, weight in uses.during(periods):
        if _counts(use.reason, counts):
            by_weight[weight] += use.iu
    if None in by_weight:
        return None
    return sum((_ratio(iu, kg) for kg, iu in by_weight.items() if kg), Fraction(0))


def _ratio(iu: Decimal, kg: Decimal) -> Fraction:
    (a, b), (c, d) = iu.as_integer_ratio(), kg.as_integer_ratio()
    return Fraction(a * d, b * c)


def _counts(reason: str, counts: str) -> bool:
    if counts == "without_surgery":
        return reason != "surgery"
    return counts in ("all", reason)


def factor_rows(facts: PatientFacts, rules: MeasureRules) -> tuple[FactorRow, ...]:
    """Every use with its weight and IU per kg, oldest first."""
    return tuple(
        FactorRow(
            fact=use.id,
            on=use.given_on,
            product=use.product,
            iu=use.iu,
            reason=use.reason,
            weight_kg=weight,
            iu_per_kg=use.iu / weight if weight else None,
        )
        for use, weight in weighed(facts, rules).rows
    )
