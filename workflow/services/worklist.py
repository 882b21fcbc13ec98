"""What a coordinator says about a task: done, waived, missed, snoozed, whose it is. Each is an act with a reason."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from patients.access import staff_at
from patients.errors import Conflict, Invalid, NotFound
from workflow.models import Act, TaskDue
from workflow.services import acts
from workflow.services.door import Entry, the_door

CONFIRMED = ("override-confirm", "escalation")
ENDED = "This task has already ended; nothing was changed."


def complete(*, patient: UUID, key: str, reason: str, by: str, at: datetime | None = None) -> Act:
    """The task was done outside Daymark's own evidence (a visit, a call). Raises Conflict when it ended."""
    return _end(patient, "complete", key, reason, by, at)


def waive(*, patient: UUID, key: str, reason: str, by: str, at: datetime | None = None) -> Act:
    """The task need not be done. Raises Conflict when it ended."""
    return _end(patient, "waive", key, reason, by, at)


def miss(*, patient: UUID, key: str, reason: str, by: str, at: datetime | None = None) -> Act:
    """The task was not done in time and will not be; the reason says why. Raises Conflict when it ended."""
    return _end(patient, "miss", key, reason, by, at)


def snooze(*, patient: UUID, key: str, until: date, reason: str, by: str, at: datetime | None = None) -> Act:
    """No reminders before `until`, which must lie after today. The task's dates do not move."""
    with the_door(patient=patient, by=by, at=at) as entry:
        _open_task(entry, key)
        if until <= entry.today:
            raise Invalid.at("/until", "past", "Choose a date after today.")
        return acts.write(entry, kind="snooze", key=key, payload={"until": until.isoformat()}, reason=reason)


def assign(*, patient: UUID, key: str, assignee: str, by: str, at: datetime | None = None) -> Act:
    """Whose task it is: the username of a coordinator or clinician of the site, or nobody's when empty."""
    with the_door(patient=patient, by=by, at=at) as entry:
        _open_task(entry, key)
        if assignee and assignee not in _team(entry):
            raise Invalid.at("/assignee", "unknown", "Nobody of that name works with patients at this site.")
        return acts.write(entry, kind="assign", key=key, payload={"assignee": assignee})


def _team(entry: Entry) -> set[str]:
    people = staff_at(entry.pathway.site_id, ("coordinator", "clinician"), today=entry.today)
    return {person.username for person in people}


def _end(patient: UUID, kind: str, key: str, reason: str, by: str, at: datetime | None) -> Act:
    with the_door(patient=patient, by=by, at=at) as entry:
        if _open_task(entry, key).kind in CONFIRMED:
            raise Conflict("This task ends when the named clinician confirms the override.")
        return acts.write(entry, kind=kind, key=key, payload={}, reason=reason)


def _open_task(entry: Entry, key: str) -> TaskDue:
    task = TaskDue.objects.filter(patient_id=entry.pathway.pk, key=key).first()
    if task is None:
        raise NotFound("There is no such task.")
    if task.ended_as not in (None, "", "missed"):
        raise Conflict(ENDED)
    return task
