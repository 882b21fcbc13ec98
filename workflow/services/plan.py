"""The booked infusion date: what a date would mean before it is saved, and saving it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from patients.errors import Conflict, Invalid
from patients.rules.words import counted
from workflow.models import Act
from workflow.selectors.plan import preview
from workflow.services import acts
from workflow.services.door import Entry, the_door

GIVEN = "The therapy has been given; it is given once, so no date can be planned."


def book(
    *,
    patient: UUID,
    infusion_on: date,
    booked: str = "",
    expected: int | None = None,
    by: str,
    at: datetime | None = None,
) -> Act:
    """Books the infusion, whether or not gates block on that date; keeps what the move changes.

    `booked` says what happens to follow-ups with a booked date: shift or keep. `expected` is the number of
    plans the caller has seen (None: whatever there is). Raises Conflict after the infusion, Stale when somebody
    planned meanwhile, Invalid for a date that has passed, and when it is not said although there are such follow-ups.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        _not_given(entry)
        _unchanged(patient, expected, infusion_on)
        if infusion_on < entry.today:
            raise Invalid.at("/infusion_on", "past", "Choose today or a later date.")
        seen = preview(patient, infusion_on=infusion_on, today=entry.today)
        payload: dict[str, Any] = {"infusion_on": infusion_on.isoformat(), "changes": seen["changes"]}
        if booked:
            payload["booked"] = booked
        if moved := [m for m in seen["bookings"] if m["old_target"] != m["target"]]:
            payload["bookings"] = _moves(moved, booked)
        return acts.write(entry, kind="plan", payload=payload)


def cancel(*, patient: UUID, expected: int | None = None, by: str, at: datetime | None = None) -> Act:
    """Takes the booking back; the patient is in screening (or cleared) again. `expected` as in `book`."""
    with the_door(patient=patient, by=by, at=at) as entry:
        _not_given(entry)
        _unchanged(patient, expected, None)
        return acts.write(entry, kind="plan", payload={"infusion_on": None})


def plans(patient: UUID) -> Sequence[Act]:
    """Every plan of the infusion, oldest first; one that took it back has no date."""
    return acts.on_key(patient, "plan", "")


def _unchanged(patient: UUID, expected: int | None, on: date | None) -> None:
    if expected is not None:
        acts.must_be(plans(patient), expected, submitted={"infusion_on": on.isoformat() if on else None})


def _moves(moved: Sequence[Mapping[str, Any]], booked: str) -> list[dict[str, str]]:
    """Each booked follow-up with its date before and after the move."""
    if not booked:
        number = counted(len(moved), "follow-up")
        raise Invalid.at("/booked", "required", f"Say whether to shift or keep {number} with a booked date.")
    return [{"key": m["key"], "old": m["booked_on"], "new": m[booked]["on"]} for m in moved]


def _not_given(entry: Entry) -> None:
    if entry.pathway.day0 is not None:
        raise Conflict(GIVEN)
