"""When a task asks for a reminder, at which instant a person gets it, and who hears of it when nobody acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from workflow.rules.effects import Task
from workflow.rules.protocol_parse import Release, parse_release
from workflow.rules.reading import Fault, Node
from workflow.rules.site_settings import Setting, deciding

ESCALATION = "escalation"
ROLES = ("clinician", "site_admin")
FIRST_RETRY, LONGEST_RETRY, GIVE_UP = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Reminder:
    """What is true of a task on a day, and the day since when: the occurrence of the notice."""

    kind: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderFile:
    """`days`: whole days after the window closed, by the role that then hears of the task.

    An escalation that could not be told in `tells_for_days` is history, and is told no more. `review_days`: days
    after which somebody else hears of an emergency access that nobody has reviewed (0 in version 1, which knew none).
    """

    release: Release
    days: Mapping[str, int]
    tells_for_days: int
    second_person_hours: int
    review_days: int = 0


def reminder(task: Task, today: date) -> Reminder | None:
    """Overdue beats due beats opening. None before the window, after the grace days, snoozed, or when ended.

    A booked task is due on its appointment, and nobody needs to be told that its window has opened.
    """
    if task.ended_as is not None or today < task.opens_on or today >= task.missed_on:
        return None
    if task.snoozed_until is not None and today < task.snoozed_until:
        return None
    found = _reminder(task, today)
    if found is None or task.snoozed_until is None:
        return found
    return Reminder(found.kind, max(found.on, task.snoozed_until))


def _reminder(task: Task, today: date) -> Reminder | None:
    if today > task.closes_on:
        return Reminder("overdue", task.closes_on + timedelta(days=1))
    due_on = task.booked_on or task.due_on
    if today >= due_on:
        return Reminder("due", due_on)
    return None if task.booked_on else Reminder("opening", task.opens_on)


def instant(on: date, hour: int, timezone: str) -> datetime:
    """That full hour of a date on a site's clock, in UTC.

    An hour that the clock skips counts an hour later; of an hour that it shows twice, the second one.
    """
    local = datetime.combine(on, time(hour), ZoneInfo(timezone))
    twice = local.utcoffset() > local.replace(fold=1).utcoffset()  # type: ignore[operator]
    return local.replace(fold=1 if twice else 0).astimezone(UTC)


def wait(attempts: int) -> timedelta:
    """How long to wait after so many tries that failed: 1, 2, 4 … minutes, at most an hour."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_RETRY)


def days_at(file: ReminderFile, settings: Iterable[Setting], on: date) -> Mapping[str, int]:
    """A site's numbers of days by role on a date: its own where it has set one, else those of the file."""
    rows = [s for s in settings if s.kind == ESCALATION]
    own = {role: deciding([s for s in rows if s.key == role], on) for role in file.days}
    return {r: int(s.payload["value"]) if (s := own[r]) else days for r, days in file.days.items()}


def parse_reminders(data: Mapping[str, Any]) -> tuple[ReminderFile | None, list[Fault]]:
    """The file, or None and every fault of it."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    release = parse_release(node)
    tasks, alerts = node.table_at("tasks"), node.table_at("alerts")
    reviews = node.table_at("emergency_access") if node.has("emergency_access") else None
    file = ReminderFile(
        release=release,
        days={role: tasks.whole(f"{role}_days") for role in ROLES},
        tells_for_days=tasks.whole("tells_for_days"),
        second_person_hours=alerts.whole("second_person_hours"),
        review_days=reviews.whole("review_days") if reviews else 0,
    )
    for part in filter(None, (tasks, alerts, reviews, node)):
        part.close()
    return (None if faults else file), faults
