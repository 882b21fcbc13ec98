"""The calendar that follows an infusion: of the recorded one, or as if it were given on a date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

from workflow.rules import alerts, schedule, steroids
from workflow.rules.bookings import bookable, last_planned
from workflow.rules.effects import Task
from workflow.rules.evaluate import obligations_from
from workflow.rules.facts import InfusionFact, PatientFacts
from workflow.rules.protocol import Protocol

NOBODY = UUID(int=0)


def given_on(facts: PatientFacts, on: date) -> PatientFacts:
    """The same patient as if infused on that date at midnight."""
    started = datetime.combine(on, time.min, UTC)
    infusion = InfusionFact(
        id=NOBODY,
        recorded_at=started,
        started_at=started,
        ended_at=None,
        day0=on,
        weight_kg=Decimal(1),
        volume_ml=Decimal(1),
        outcome="complete",
    )
    return replace(facts, infusion=infusion)


def calendar(protocol: Protocol, facts: PatientFacts, today: date) -> tuple[Task, ...]:
    """Every task after the infusion that the facts hold."""
    found = alerts.alerts(protocol, facts)
    courses = steroids.courses(protocol, facts, today)
    scene = schedule.Scene(protocol, facts, obligations_from(facts), found, courses, today)
    return schedule.tasks(scene)


def infusion_day(facts: PatientFacts) -> date | None:
    """Day 0, else the date for which the infusion is or was last booked."""
    return facts.day0 or last_planned(facts)


def visits(protocol: Protocol, facts: PatientFacts, today: date) -> tuple[Task, ...]:
    """The follow-ups that can be booked: after Day 0, or before it as laid out for the booked date."""
    on = infusion_day(facts)
    if on is None:
        return ()
    given = facts if facts.infusion else given_on(facts, on)
    return tuple(t for t in calendar(protocol, given, max(today, on)) if bookable(protocol, t))
