"""Which phase a patient is in.

No plan and blocked: screening; ready: cleared; booked: scheduled; Day 0 to the close of the last weekly
window: monitoring; to the last milestone month: follow_up; to the last year: long_term; then, or after
death or withdrawal: closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from workflow.rules.facts import PatientFacts
from workflow.rules.protocol import Protocol
from workflow.rules.windows import add_months, target

CLOSING = ("death", "withdrawn")


def phase(protocol: Protocol, facts: PatientFacts, ready: bool, today: date) -> str:
    """The phase on a date."""
    closed = closed_on(facts)
    if closed is not None and closed <= today:
        return "closed"
    if facts.day0 is None:
        if facts.planned_on is not None:
            return "scheduled"
        return "cleared" if ready else "screening"
    for name, last in zip(("monitoring", "follow_up", "long_term"), borders(protocol, facts), strict=True):
        if today <= last:
            return name
    return "closed"


def closed_on(facts: PatientFacts) -> date | None:
    """From when there is nothing more to follow: death or withdrawal."""
    return min((e.from_on for e in facts.events if e.kind in CLOSING), default=None)


def borders(protocol: Protocol, facts: PatientFacts) -> Iterator[date]:
    """The last days of monitoring, follow-up and long-term follow-up."""
    assert facts.day0 is not None
    phases = protocol.phases
    yield target(facts.day0, "w", phases.monitoring_to_week) + timedelta(days=_after_last_week(protocol))
    yield add_months(facts.day0, phases.follow_up_to_month)
    yield add_months(facts.day0, 12 * phases.long_term_to_year)


def _after_last_week(protocol: Protocol) -> int:
    weeks = [s for item in protocol.monitoring for s in item.slots if s.unit == "w"]
    last = [s.after for s in weeks if s.number == protocol.phases.monitoring_to_week]
    return max(last, default=0)
