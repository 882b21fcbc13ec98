"""The acts on one task as forms: which a task offers, their fields, and the service that saves each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from patients.errors import Invalid
from patients.models import User
from patients.services.shapes import checked
from workflow.admin.forms import REASON, Field
from workflow.models import TaskDue
from workflow.rules import contacts
from workflow.services import shapes, worklist
from workflow.services.worklist import CONFIRMED


@dataclass(frozen=True, slots=True)
class TaskForm:
    """One act. `save(task, fields, by)` gets the public JSON shape and checks it."""

    verb: str
    title: str
    button: str
    fields: tuple[Field, ...]
    save: Callable[[TaskDue, dict[str, Any], str], object]
    saved: str

    def read(self, posted: QueryDict) -> dict[str, Any]:
        """The JSON object of a posted form; what was left empty is left out."""
        values = {f.name: f.read(posted) for f in self.fields}
        return {name: value for name, value in values.items() if value != ""}


def _end(verb: Callable[..., object]) -> Callable[[TaskDue, dict[str, Any], str], object]:
    def save(task: TaskDue, data: dict[str, Any], by: str) -> object:
        return verb(patient=task.patient_id, key=task.key, by=by, **checked(shapes.ReasonIn, data))

    return save


def _snooze(task: TaskDue, data: dict[str, Any], by: str) -> object:
    fields = checked(shapes.SnoozeIn, data)
    return worklist.snooze(patient=task.patient_id, key=task.key, by=by, **fields)


def _wake(task: TaskDue, data: dict[str, Any], by: str) -> object:
    return _snooze(task, {**data, "until": None}, by)


def _assign(task: TaskDue, data: dict[str, Any], by: str) -> object:
    fields = checked(shapes.AssignIn, {"assignee": "", "seen": "", **data})
    return worklist.assign(patient=task.patient_id, key=task.key, by=by, **fields)


def _contact(task: TaskDue, data: dict[str, Any], by: str) -> object:
    told = checked(shapes.ContactIn, {**data, **_instant(data.get("at"), task.site.timezone)})
    return worklist.contact(patient=task.patient_id, key=task.key, contact=told, by=by)


def _instant(text: str | None, zone: str) -> dict[str, str]:
    """The site's clock as an instant."""
    if text is None:
        return {}
    try:
        return {"at": datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).isoformat()}
    except ValueError as error:
        raise Invalid.at("/at", "invalid", "Enter day and time, such as 2027-03-10 08:30.") from error


def _choices(words: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((code, text[0].upper() + text[1:]) for code, text in words.items())


CONTACT = TaskForm(
    "contact",
    "Log a contact",
    "Save contact",
    (
        Field("who", "Who was contacted", "select", choices=_choices(contacts.WHO)),
        Field("how", "How", "select", choices=_choices(contacts.HOW)),
        Field("outcome", "What came of it", "select", choices=_choices(contacts.OUTCOMES)),
        Field("at", "When", "datetime-local", "By the clock of the site."),
        Field("note", "Note", "area", "Needed for “Somebody else” and “Other”.", optional=True),
    ),
    _contact,
    "Contact saved.",
)
SNOOZE = TaskForm(
    "snooze",
    "Put on hold",
    "Put on hold",
    (Field("until", "Off the list until", "date", "At most to the last day of the window."), REASON),
    _snooze,
    "Task put on hold.",
)
WAKE = TaskForm("wake", "Take off hold", "Take off hold", (REASON,), _wake, "Task is back on the list.")
COMPLETE = TaskForm(
    "complete", "Mark as done", "Mark as done", (REASON,), _end(worklist.complete), "Task marked as done."
)
WAIVE = TaskForm("waive", "Waive", "Waive task", (REASON,), _end(worklist.waive), "Task waived.")
MISS = TaskForm("miss", "Missed, say why", "Save reason", (REASON,), _end(worklist.miss), "Reason saved.")


def assign_form(team: Sequence[User]) -> TaskForm:
    """Whose task it is; `seen` is whose it was when the page was made."""
    people = (("", "Nobody"), *((u.username, named(u)) for u in team))
    return TaskForm(
        "assign",
        "Assign",
        "Assign",
        (
            Field("seen", "", "hidden"),
            Field("assignee", "To", "select", choices=people, optional=True),
            Field("reason", "Reason", "area", "It is kept in the history.", optional=True),
        ),
        _assign,
        "Task assigned.",
    )


def named(user: User) -> str:
    """Their name with their username, or the username alone."""
    name = user.get_full_name()
    return f"{name} ({user.username})" if name else user.username


def every(team: Sequence[User]) -> dict[str, TaskForm]:
    """All acts by their verb: the services say which of them fit."""
    forms = (CONTACT, assign_form(team), SNOOZE, WAKE, COMPLETE, WAIVE, MISS)
    return {form.verb: form for form in forms}


def offered(task: TaskDue, today: date) -> list[str]:
    """The verbs that fit the task today; on an ended one a contact may still be logged."""
    if task.ended_as not in (None, "", "missed"):
        return ["contact"]
    ends = [] if task.kind in CONFIRMED else ["complete", "waive", "miss"]
    held = task.snoozed_until is not None and task.snoozed_until > today
    hold = ["wake"] if held else ["snooze"] if today < task.closes_on else []
    return ["contact", "assign", *hold, *ends]
