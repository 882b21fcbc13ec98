"""Steroid courses from what clinicians ordered: the template with its hold step, changes, ends, doses taken.

Template: fixed weekly steps, then a hold that extends itself while ALT is above baseline, then a taper.
The hold ends on the day of the first final ALT at most the baseline that was collected on or after
`return_from_day` of the course, but lasts at least `hold_min_days`. Without a baseline the ULN of the
result decides. While the hold is open its end and the taper are not known and not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from patients.rules.bounds import at_most
from workflow.rules.effects import SteroidCourse, SteroidStep
from workflow.rules.facts import Act, PatientFacts, ResultFact
from workflow.rules.protocol import Protocol, SteroidTemplate, Trigger
from workflow.rules.triggers import Baseline, baseline, follow_up_rows

DAY = timedelta(days=1)
WEEK = 7


def courses(protocol: Protocol, facts: PatientFacts, today: date) -> tuple[SteroidCourse, ...]:
    """Every course ordered so far, by start."""
    orders: dict[str, Act] = {}
    for act in facts.acts_by_kind.get("steroid", ()):
        orders[act.key] = act
    found = [_course(protocol, facts, key, act.payload, today) for key, act in orders.items()]
    return tuple(sorted(found, key=lambda c: (c.started_on, c.id)))


def _course(
    protocol: Protocol, facts: PatientFacts, key: str, order: Mapping[str, Any], today: date
) -> SteroidCourse:
    started = date.fromisoformat(order["started_on"])
    ended = date.fromisoformat(order["ended_on"]) if order.get("ended_on") else None
    steps, taper_from = _steps(protocol, facts, order, started)
    steps = _cut(steps, ended)
    last = ended or (steps[-1].to_on if steps else None)
    return SteroidCourse(
        id=key,
        started_on=started,
        steps=tuple(steps),
        state=_state(started, last, taper_from, today),
        ended_on=ended or (last if last is not None and last < today else None),
        alert=order.get("alert", ""),
        alternative_cause=order.get("alternative_cause", ""),
        doses=_doses(facts, key),
        flags=_flags(protocol, started, last, today),
    )


def _steps(
    protocol: Protocol, facts: PatientFacts, order: Mapping[str, Any], started: date
) -> tuple[list[SteroidStep], date | None]:
    """The steps, and from when the dose is tapered (template only)."""
    if order.get("steps"):
        return [_own(step) for step in order["steps"]], None
    assert protocol.steroids is not None
    trigger = next((t for t in protocol.triggers if t.decision_task), protocol.triggers[0])
    return _by_template(protocol.steroids, trigger, facts, started)


def proposed(template: SteroidTemplate, started: date) -> tuple[SteroidStep, ...]:
    """The template from a day on, as far as it is known: the last step is held until ALT is back."""
    hold_from = started + timedelta(days=template.hold_from_day - 1)
    hold = SteroidStep(from_on=hold_from, to_on=None, mg_per_day=template.hold_mg)
    return (*_runs(started, template.steps), hold)


def _own(step: Mapping[str, Any]) -> SteroidStep:
    last = step.get("to")
    return SteroidStep(
        from_on=date.fromisoformat(step["from"]),
        to_on=date.fromisoformat(last) if last else None,
        mg_per_day=Decimal(step["mg_per_day"]),
    )


def _by_template(
    template: SteroidTemplate, trigger: Trigger, facts: PatientFacts, started: date
) -> tuple[list[SteroidStep], date | None]:
    *steps, held = proposed(template, started)
    back = _back_on(template, trigger, facts, started)
    if back is None:
        return [*steps, held], None
    hold_to = max(back, held.from_on + timedelta(days=template.hold_min_days - 1))
    taper = _runs(hold_to + DAY, template.taper)
    return [*steps, replace(held, to_on=hold_to), *taper], hold_to + DAY


def _runs(first: date, parts: Sequence[tuple[int, Decimal]]) -> Iterator[SteroidStep]:
    """Consecutive steps of so many days at so many mg."""
    for days, mg in parts:
        last = first + timedelta(days=days - 1)
        yield SteroidStep(from_on=first, to_on=last, mg_per_day=mg)
        first = last + DAY


def _back_on(template: SteroidTemplate, trigger: Trigger, facts: PatientFacts, started: date) -> date | None:
    """The day of the first final value that is back, collected late enough in the course."""
    if facts.infusion is None:
        return None
    base = baseline(trigger, facts)
    earliest = started + timedelta(days=template.return_from_day - 1)
    for row in follow_up_rows(trigger.analyte, facts):
        if row.final and row.collected_on >= earliest and _is_back(row, base):
            return row.collected_on
    return None


def _is_back(row: ResultFact, base: Baseline) -> bool:
    limit = base.value if base.value is not None else row.reference_high
    return row.value is not None and limit is not None and at_most(row.comparator, row.value, limit) is True


def _cut(steps: list[SteroidStep], ended: date | None) -> list[SteroidStep]:
    """The steps as far as the course went."""
    if ended is None:
        return steps
    kept = [s for s in steps if s.from_on <= ended]
    return [
        SteroidStep(from_on=s.from_on, to_on=ended, mg_per_day=s.mg_per_day)
        if s.to_on is None or s.to_on > ended
        else s
        for s in kept
    ]


def _state(started: date, last: date | None, taper_from: date | None, today: date) -> str:
    if today < started:
        return "planned"
    if last is not None and last < today:
        return "ended"
    return "tapering" if taper_from is not None and taper_from <= today else "running"


def _doses(facts: PatientFacts, key: str) -> tuple[tuple[date, Decimal], ...]:
    """What was taken, one entry a day: a later record of a day replaces the earlier."""
    taken = {
        date.fromisoformat(a.payload["on"]): Decimal(a.payload["mg"])
        for a in facts.acts_by_kind.get("steroid-dose", ())
        if a.key == key
    }
    return tuple(sorted(taken.items()))


def _flags(protocol: Protocol, started: date, last: date | None, today: date) -> tuple[str, ...]:
    if protocol.steroids is None:
        return ()
    fewest, most = protocol.steroids.usual_weeks
    days = ((last or today) - started).days + 1
    if last is not None and days < fewest * WEEK:
        return ("shorter-than-usual",)
    return ("longer-than-usual",) if days > most * WEEK else ()
