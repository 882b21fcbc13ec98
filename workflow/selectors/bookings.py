"""Follow-ups with their booked dates, before the infusion as laid out for its booked date."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from workflow.rules import follow_ups
from workflow.rules.effects import Task
from workflow.rules.facts import PatientFacts, known
from workflow.selectors import shown
from workflow.selectors.decisions import pinned
from workflow.selectors.facts import history


def visits(patient: UUID, *, today: date) -> tuple[PatientFacts, tuple[Task, ...]]:
    """The facts that count today, and the follow-ups that can be booked."""
    facts = known(history(patient), as_of=today)
    return facts, follow_ups.visits(pinned(facts), facts, today)


def rows(patient: UUID, *, today: date) -> list[dict[str, Any]]:
    """Booked follow-ups in the public shape, by target."""
    return [shown.task_json(t, today) for t in visits(patient, today=today)[1] if t.booked_on]
