"""What a coordinator says about a task: done, waived, missed, on hold, whose it is, who was called. Each is an act.

An act on a task that somebody else has ended meanwhile is refused with who ended it and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from patients.access import staff_at
from patients.errors import Conflict, Invalid, NotFound, Stale
from patients.rules.words import TASKS
from workflow.models import Act, TaskDue
from workflow.selectors.acts import Ending, ending
from workflow.selectors.decisions import local_date
from workflow.selectors.shown import instant
from workflow.services import acts
from workflow.services.door import Entry, the_door

CONFIRMED = ("override-confirm", "escalation")
PAST_WINDOW = "The window ends on {}: what is past it is never hidden."


def complete(*, patient: UUID, key: str, reason: str, by: str, at: datetime | None = None) -> Act:
    """The task was done outside Daymark's own evidence (a visit, a call). Raises Conflict when it ended."""
    return _end(patient, "complete", key, reason, by, at)


def waive(*, patient: UUID, key: str, reason: str, by: str, at: datetime | None = None) -> Act:
    """The task need not be done. Raises Conflict when it ended."""
    return _end(patient, "waive", key, reason, by, at)


def miss(*, patient: UUID, key: str, reason: str, by: str, at: datetime | None = None) -> Act:
    """The task was not done in time and will not be; the reason says why. Raises Conflict when it ended."""
    return _end(patient, "miss", key, reason, by, at)


def snooze(
    *, patient: UUID, key: str, until: date | None, reason: str, by: str, at: datetime | None = None
) -> Act:
    """Off the list, and no reminders, before `until`; None takes it off hold. The task's dates do not move.

    `until` lies after today and not after the window: a task comes back while it can still be done in time,
    and one that is past its window stays in view. Raises Invalid otherwise, Conflict when the task ended.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        task = _open_task(entry, key)
        if until is not None:
            _check_hold(until, entry.today, task.closes_on)
        payload = {"until": until.isoformat() if until else None}
        return acts.write(entry, kind="snooze", key=key, payload=payload, reason=reason)


def _check_hold(until: date, today: date, closes_on: date) -> None:
    if until <= today:
        raise Invalid.at("/until", "past", "Choose a date after today.")
    if until > closes_on:
        raise Invalid.at("/until", "beyond-window", PAST_WINDOW.format(closes_on.isoformat()))


def assign(
    *,
    patient: UUID,
    key: str,
    assignee: str,
    by: str,
    at: datetime | None = None,
    reason: str = "",
    seen: str | None = None,
) -> Act | None:
    """Whose task it is: the username of a coordinator or clinician of the site, or nobody's when empty.

    `seen`: whose it was when the caller looked; Stale when somebody else took it since. Giving it to whom
    it belongs already writes nothing.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        task = _open_task(entry, key)
        if assignee and assignee not in _team(entry):
            raise Invalid.at("/assignee", "unknown", "Nobody of that name works with patients at this site.")
        if task.assignee == assignee:
            return None
        if seen is not None and task.assignee != seen:
            raise _taken(entry, task, assignee)
        return acts.write(entry, kind="assign", key=key, payload={"assignee": assignee}, reason=reason)


def _taken(entry: Entry, task: TaskDue, assignee: str) -> Stale:
    last = acts.on_key(entry.pathway.pk, "assign", task.key)[-1]
    whose = f"gave this task to {task.assignee}" if task.assignee else "left this task to nobody"
    text = f"{last.by} {whose} {_when(entry, last.recorded_at)}; nothing was changed."
    return Stale(text, current={"assignee": task.assignee or None}, submitted={"assignee": assignee or None})


def contact(
    *, patient: UUID, key: str, contact: Mapping[str, Any], by: str, at: datetime | None = None
) -> Act:
    """Logs who was contacted about a task, ended or not: `who`, `how`, `outcome`, `at` (default now), `note`.

    The same entry of the same person twice is one. Raises Invalid for a time that lies ahead.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        _task(entry, key)
        moment: datetime = contact.get("at") or entry.recorded_at
        if moment > entry.recorded_at:
            raise Invalid.at("/at", "future", "A contact is logged after it was made.")
        payload = {name: contact[name] for name in ("who", "how", "outcome")}
        payload["at"] = instant(moment.replace(microsecond=0))
        note = contact.get("note", "")
        for known in acts.on_key(patient, "contact", key):
            if (known.payload, known.reason, known.by) == (payload, note, by):
                return known
        true_on = local_date(moment, entry.timezone)
        return acts.write(entry, kind="contact", key=key, payload=payload, true_on=true_on, reason=note)


def _team(entry: Entry) -> set[str]:
    people = staff_at(entry.pathway.site_id, ("coordinator", "clinician"), today=entry.today)
    return {person.username for person in people}


def _end(patient: UUID, kind: str, key: str, reason: str, by: str, at: datetime | None) -> Act:
    with the_door(patient=patient, by=by, at=at) as entry:
        if _open_task(entry, key).kind in CONFIRMED:
            raise Conflict("This task ends when the named clinician confirms the override.")
        return acts.write(entry, kind=kind, key=key, payload={}, reason=reason)


def _task(entry: Entry, key: str) -> TaskDue:
    task = TaskDue.objects.filter(patient_id=entry.pathway.pk, key=key).first()
    if task is None:
        raise NotFound("There is no such task.")
    return task


def _open_task(entry: Entry, key: str) -> TaskDue:
    task = _task(entry, key)
    if task.ended_as in (None, "", "missed"):
        return task
    found = ending(task)
    told: dict[str, Any] = {"ended_by": found.by, "ended_at": instant(found.at)} if found else {}
    raise Conflict(_ended(entry, task, found), ended_as=task.ended_as, **told)


def _ended(entry: Entry, task: TaskDue, found: Ending | None) -> str:
    word = TASKS[task.ended_as or ""]
    if found is None:
        return f"This task has already ended ({word}); nothing was changed."
    told = f"{found.by} {_when(entry, found.at)}"
    if found.result:
        return f"A result that {told} recorded fulfilled this task; nothing was changed."
    return f"This task was ended by {told} ({word}); nothing was changed."


def _when(entry: Entry, moment: datetime) -> str:
    """On 3 Mar 2027 at 09:12, by the site's clock."""
    local = moment.astimezone(ZoneInfo(entry.timezone))
    return f"on {local.day} {local:%b %Y} at {local:%H:%M}"
