"""Targets, windows and states: the calendar arithmetic of the whole pathway, in site-local dates.

Week w is Day 0 + 7w; months are calendar months, clamped to the month's last day (31 August + 6 months is
28 or 29 February); a year is twelve months.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from workflow.rules.effects import Task
from workflow.rules.protocol import Slot


@dataclass(frozen=True, slots=True)
class Window:
    """Target date with the first and last day on which it counts, both inclusive."""

    target: date
    opens: date
    closes: date


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or the last day of a shorter one."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(years, month + 1)[1]
    return date(years, month + 1, min(day.day, last))


def target(day0: date, unit: str, number: int) -> date:
    """The target date of week, month or year `number` after Day 0."""
    if unit == "w":
        return day0 + timedelta(days=7 * number)
    return add_months(day0, number if unit == "m" else 12 * number)


def window(day0: date, slot: Slot) -> Window:
    """The window of one slot."""
    return around(target(day0, slot.unit, slot.number), slot.before, slot.after)


def around(middle: date, before: int, after: int) -> Window:
    return Window(middle, middle - timedelta(days=before), middle + timedelta(days=after))


def missed_from(closes_on: date, grace_days: int) -> date:
    """The first day after the grace days."""
    return closes_on + timedelta(days=grace_days + 1)


def state(task: Task, today: date) -> str:
    """upcoming before the window, open in it, overdue in the grace days, then missed; or how it ended."""
    if task.ended_as is not None:
        return task.ended_as
    if today < task.opens_on:
        return "upcoming"
    if today <= task.closes_on:
        return "open"
    return "overdue" if today < task.missed_on else "missed"
