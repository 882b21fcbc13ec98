"""What one treated patient adds to figures over many: readings and prophylaxis by month, bleeds by period.

A month belongs to the figures from the day its window opens. What ends the observation before its target makes
it censored. Bleeds are counted in the lead-in, from Day 0 to the end of the ramp-up, and after it up to the
newest month that has come; the two assays are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from outcomes.rules.activity import activity
from outcomes.rules.bleeding import KINDS, Bleeds
from outcomes.rules.figure_months import FigureMonth, FigureMonths
from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.periods import DAY, Period
from outcomes.rules.prophylaxis import prophylaxis
from outcomes.rules.record import Record
from outcomes.rules.verdicts import Reading
from workflow.rules.facts import PatientFacts
from workflow.rules.windows import Window, add_months, around

SEEN, OPEN, CENSORED = "seen", "open", "censored"


@dataclass(frozen=True, slots=True)
class MonthPoint:
    """`state`: censored, open (the window has not closed) or seen. `off`: free of prophylaxis on the target;
    None before the target, and when censored."""

    month: int
    state: str
    one_stage: Reading | None = None
    chromogenic: Reading | None = None
    off: bool | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Observed days and the bleeds in them, in the order of `KINDS`; no days: nothing was observed."""

    days: int = 0
    bleeds: tuple[int, ...] = (0,) * len(KINDS)


@dataclass(frozen=True, slots=True)
class Points:
    """`steady_until`: the last date on which they are the same without new facts."""

    months: tuple[MonthPoint, ...]
    before: Counted
    early: Counted
    later: Counted
    steady_until: date


def points(facts: PatientFacts, today: date, rules: MeasureRules, figures: FigureMonths) -> Points | None:
    """The points of a patient on a date; None before the infusion."""
    if facts.day0 is None:
        return None
    return _Run(Record(facts, rules, facts.day0), today, figures).points()


class _Run:
    def __init__(self, record: Record, today: date, figures: FigureMonths) -> None:
        self.record, self.today = record, today
        self.spans = [(m.number, _span(record.day0, m)) for m in figures.months]

    def points(self) -> Points:
        ramp_up = self.record.day0 + timedelta(days=self.record.rules.ramp_up_days)
        reached = [span.target for _, span in self.spans if span.target <= self.today]
        early = Period(self.record.day0, ramp_up)
        later = Period(ramp_up + DAY, max(reached, default=ramp_up))
        ended = self.record.ended_on is not None
        return Points(
            months=tuple(self._months()),
            before=self._before(),
            early=self._counted(early) if ended or ramp_up <= self.today else Counted(),
            later=self._counted(later),
            steady_until=self._steady_until(ramp_up),
        )

    def _months(self) -> Iterator[MonthPoint]:
        for number, span in self.spans:
            if span.opens <= self.today:
                yield self._month(number, span)

    def _month(self, number: int, span: Window) -> MonthPoint:
        record = self.record
        if record.ended_on is not None and record.ended_on < span.target:
            return MonthPoint(number, CENSORED)
        off = None
        if span.target <= self.today:
            off = prophylaxis(record.courses, record.day0, span.target, record.rules).off
        readings = {
            assay: activity(record.facts, analyte, span, record.given).reading
            for assay, analyte in record.rules.assays.items()
        }
        return MonthPoint(number, SEEN if span.closes < self.today else OPEN, **readings, off=off)

    def _before(self) -> Counted:
        baseline = self.record.baseline
        return _told(baseline.bleeds) if baseline and baseline.long_enough else Counted()

    def _counted(self, period: Period) -> Counted:
        last = min(period.last, self.record.ended_on or period.last)
        if last < period.first:
            return Counted()
        return _told(self.record.bleeds(Period(period.first, last)))

    def _steady_until(self, ramp_up: date) -> date:
        days = [d for _, s in self.spans for d in (s.opens, s.target, s.closes + DAY)]
        return min((d - DAY for d in (ramp_up, *days) if d > self.today), default=date.max)


def _span(day0: date, month: FigureMonth) -> Window:
    return around(add_months(day0, month.number), month.before, month.after)


def _told(seen: Bleeds) -> Counted:
    return Counted(seen.days, tuple(seen.of(kind) for kind in KINDS))
