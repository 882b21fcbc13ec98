"""One milestone of one patient as its measures and criteria see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from outcomes.rules.activity import Activity, activity
from outcomes.rules.bleeding import Bleeds
from outcomes.rules.contract import Contract, Criterion
from outcomes.rules.observation import Observed, observed, window_of
from outcomes.rules.poisson import upper_limit
from outcomes.rules.prophylaxis import Prophylaxis, prophylaxis
from outcomes.rules.record import Record
from workflow.rules.windows import Window


@dataclass(frozen=True)
class Scene:
    """`end` is the last day of observation; `attested`: a clinician has decided it before its window closed."""

    record: Record
    contract: Contract
    month: int
    span: Window
    end: date
    today: date
    attested: bool = False
    _activities: dict[str, Activity] = field(default_factory=dict)
    _bleeds: dict[Observed, Bleeds] = field(default_factory=dict)

    def activity(self, assay: str) -> Activity:
        if assay not in self._activities:
            self._activities[assay] = self.activity_in(assay, self.span)
        return self._activities[assay]

    def activity_in(self, assay: str, span: Window) -> Activity:
        record = self.record
        analyte = record.rules.assays[assay]
        return activity(record.facts, analyte, span, record.given, self.contract.grace_days)

    @cached_property
    def prophylaxis(self) -> Prophylaxis:
        return prophylaxis(self.record.courses, self.record.day0, self.end, self.record.rules)

    @cached_property
    def window(self) -> Observed:
        """The window of the contract's bleeding rate."""
        return observed(self.record, self.contract, self.month, self.end)

    def window_of(self, criterion: Criterion) -> Observed:
        return window_of(self.record, self.contract, criterion, self.month, self.end)

    def bleeds(self, window: Observed) -> Bleeds:
        if window not in self._bleeds:
            self._bleeds[window] = self.record.bleeds(window.period)
        return self._bleeds[window]

    def rate(self, bleeds: Bleeds, kind: str) -> Fraction | None:
        """The crude yearly rate; None when too few days were observed."""
        if bleeds.days < self.record.rules.least_days:
            return None
        return self.record.rules.per_year(bleeds.of(kind), bleeds.days)

    def limit(self, bleeds: Bleeds, kind: str) -> Decimal | None:
        """The exact upper limit of the rate."""
        rules = self.record.rules
        if bleeds.days < rules.least_days:
            return None
        return upper_limit(bleeds.of(kind), rules.confidence_percent) * rules.year_days / bleeds.days


def change(rate: Fraction | None, baseline: Fraction | None) -> Fraction | None:
    """Percent of change against the baseline, negative when there are fewer; None where it cannot be told."""
    return 100 * (rate / baseline - 1) if rate is not None and baseline else None
