"""Is the patient free of continuous prophylaxis, and since when was it taken up again?

Regimens that follow each other without a free day are one course, so that a change of dose or product neither
ends a bridge nor begins a return. A course begun within the first days after the infusion is a bridge and
counts only if it still runs at the target of month 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.periods import Period, merged
from workflow.rules.facts import PatientFacts, RegimenFact
from workflow.rules.windows import add_months


@dataclass(frozen=True, slots=True)
class Prophylaxis:
    """As of a day. `returned`: the first course that counts against it; `back_on`: the first day of the first
    such course that is no bridge; `never_off`: there was no free day since prophylaxis should have ended."""

    off: bool
    returned: Period | None
    back_on: date | None
    never_off: bool


def courses(facts: PatientFacts) -> tuple[Period, ...]:
    """Continuous prophylaxis, oldest first."""
    return merged(Period(r.from_on, r.to_on or date.max) for r in _regimens(facts))


def _regimens(facts: PatientFacts) -> Sequence[RegimenFact]:
    return [r for r in facts.regimens if r.reason == "prophylaxis"]


def prophylaxis(found: Sequence[Period], day0: date, on: date, rules: MeasureRules) -> Prophylaxis:
    """The state on a day after the infusion."""
    free_from = day0 + timedelta(days=rules.free_from_day)
    bridged = add_months(day0, rules.bridge_month)
    against = [c for c in found if _counts(c, free_from, bridged, on, rules)]
    returned = against[0] if against else None
    return Prophylaxis(
        off=returned is None,
        returned=returned,
        back_on=next((c.first for c in against if c.first >= free_from), None),
        never_off=returned is not None and returned.first <= free_from <= on <= returned.last,
    )


def _counts(course: Period, free_from: date, bridged: date, on: date, rules: MeasureRules) -> bool:
    if course.first > on:
        return False
    if course.last >= on:
        return True
    if course.first < free_from:
        return course.last >= bridged and bridged <= on
    return Period(course.first, course.last).days >= rules.course_days


def proving(facts: PatientFacts, course: Period | None) -> tuple[RegimenFact, ...]:
    """The regimens that make up a course."""
    if course is None:
        return ()
    return tuple(r for r in _regimens(facts) if course.holds(r.from_on))
