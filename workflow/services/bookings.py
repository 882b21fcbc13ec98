"""Booking a follow-up: an appointment beside the target, before the infusion or after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from patients.errors import Conflict, Invalid, NotFound
from workflow.models import Act
from workflow.rules import bookings as rules
from workflow.rules import follow_ups
from workflow.rules.effects import Task
from workflow.selectors.bookings import visits
from workflow.services import acts
from workflow.services.door import Entry, the_door

ENDED = "The follow-up has ended."


def book(
    *,
    patient: UUID,
    key: str,
    on: date | None,
    visit: bool = False,
    expected: int | None = None,
    by: str,
    at: datetime | None = None,
) -> Sequence[Act]:
    """Books the follow-up for a date; None takes the booking back. No window and no state moves.

    `visit`: the same for every open follow-up with the same target, as one draw may satisfy them all.
    `expected` is the number of bookings of this task the caller has seen (None: whatever there is).
    Raises NotFound for what is no follow-up, Conflict when it has ended, Stale when somebody booked
    meanwhile, Invalid for a date that has passed or is not after the infusion.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        facts, known = visits(patient, today=entry.today)
        task = _open(known, key)
        if expected is not None:
            acts.must_be(of_task(patient, key), expected, submitted=_payload(on))
        infusion_on = follow_ups.infusion_day(facts)
        wrong = rules.refusal(on, entry.today, infusion_on) if on and infusion_on else None
        if wrong:
            raise Invalid.at("/on", *wrong)
        same = [t.key for t in known if t.due_on == task.due_on and _is_open(t)] if visit else [key]
        return [_write(entry, each, on) for each in same]


def of_task(patient: UUID, key: str) -> Sequence[Act]:
    """Every booking of one follow-up, oldest first."""
    return acts.on_key(patient, "book", key)


def _write(entry: Entry, key: str, on: date | None) -> Act:
    return acts.write(entry, kind="book", key=key, payload=_payload(on))


def _payload(on: date | None) -> dict[str, Any]:
    return {"on": on.isoformat() if on else None}


def _open(known: Sequence[Task], key: str) -> Task:
    task = next((t for t in known if t.key == key), None)
    if task is None:
        raise NotFound("There is no such follow-up.")
    if not _is_open(task):
        raise Conflict(ENDED)
    return task


def _is_open(task: Task) -> bool:
    return task.ended_as in (None, "missed")
