"""One patient prepared for the measures: what all milestones share is worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property

from outcomes.rules import bleeding, factor_use, prophylaxis
from outcomes.rules.bleeding import Bleeds
from outcomes.rules.factor_use import Uses
from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.periods import DAY, Period, merged
from workflow.rules.exogenous import Exposure, exposure
from workflow.rules.facts import BleedFact, EventFact, PatientFacts

ENDINGS = ("death", "liver_transplant", "withdrawn", "lost_to_follow_up")


@dataclass(frozen=True)
class Record:
    """A treated patient. `day0` is the local date of the infusion."""

    facts: PatientFacts
    rules: MeasureRules
    day0: date

    @cached_property
    def given(self) -> Exposure:
        return exposure(self.facts, self.rules.washout)

    @cached_property
    def groups(self) -> tuple[tuple[BleedFact, ...], ...]:
        return bleeding.grouped(self.facts)

    @cached_property
    def uses(self) -> Uses:
        return factor_use.weighed(self.facts, self.rules)

    @cached_property
    def courses(self) -> tuple[Period, ...]:
        return prophylaxis.courses(self.facts)

    @cached_property
    def gaps(self) -> tuple[Period, ...]:
        """Days on which nobody could observe."""
        rows = self.events("follow_up_gap")
        return merged(Period(e.from_on, e.to_on or date.max) for e in rows)

    @cached_property
    def ended_on(self) -> date | None:
        """The last day of observation, if something ended it."""
        return min((e.from_on for kind in ENDINGS for e in self.events(kind)), default=None)

    @cached_property
    def lead_in(self) -> tuple[Period, ...]:
        """When bleeds were observed before the infusion."""
        last = self.day0 - DAY
        return merged(Period(e.from_on, min(e.to_on or last, last)) for e in self.events("lead_in"))

    @cached_property
    def baseline(self) -> Baseline | None:
        """None without a lead-in."""
        if not self.lead_in:
            return None
        seen = bleeding.bleeds_in(self.groups, self.lead_in, self.gaps)
        return Baseline(seen, self.rules, self._used(self.lead_in, seen.days, "all"))

    def events(self, kind: str) -> list[EventFact]:
        return [e for e in self.facts.events if e.kind == kind]

    def bleeds(self, period: Period) -> Bleeds:
        return bleeding.bleeds_in(self.groups, [period], self.gaps)

    def used(self, period: Period, days: int, counts: str) -> Fraction | None:
        """IU per kg and year in a period with so many observed days; None when it cannot be told."""
        return self._used([period], days, counts)

    def _used(self, periods: Sequence[Period], days: int, counts: str) -> Fraction | None:
        if days < self.rules.least_days or self._unrecorded(periods, counts):
            return None
        total = factor_use.amount(self.uses, periods, counts)
        return None if total is None else self.rules.per_year(total, days)

    def _unrecorded(self, periods: Sequence[Period], counts: str) -> bool:
        """Prophylaxis ran and not one dose of it is recorded: then its use is unknown, not zero."""
        if counts not in ("all", "prophylaxis", "without_surgery") or not _overlap(self.courses, periods):
            return False
        return all(use.reason != "prophylaxis" for use, _ in self.uses.during(periods))


@dataclass(frozen=True)
class Baseline:
    """What was observed before the infusion."""

    bleeds: Bleeds
    rules: MeasureRules
    used: Fraction | None

    @property
    def days(self) -> int:
        return self.bleeds.days

    @property
    def long_enough(self) -> bool:
        return self.days >= self.rules.lead_in_days

    def rate(self, kind: str = "all") -> Fraction | None:
        """The crude yearly rate; None when the lead-in is too short."""
        return self.rules.per_year(self.bleeds.of(kind), self.days) if self.long_enough else None


def _overlap(courses: Iterable[Period], periods: Iterable[Period]) -> bool:
    return any(c.first <= p.last and p.first <= c.last for c in courses for p in periods)
