"""What a calendar feed says about a task: a number instead of a name, and how its events change over time.

A feed remembers what it has told. An event that moves gets a higher sequence number and a later time of
change; a task that ended, or went to somebody else, is told as cancelled for thirty days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID

CANCELLED_DAYS = 30
SECOND = timedelta(seconds=1)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a feed last told about one task. `ended_at`: since when it is told as cancelled."""

    on: date
    title: str
    sequence: int
    modified_at: datetime
    ended_at: datetime | None = None


def reference(task: UUID) -> str:
    """Six digits that stand for a task where nothing else may be said."""
    return f"{task.int % 1_000_000:06d}"


def changes(wanted: Mapping[T, tuple[date, str]], known: Mapping[T, Told], now: datetime) -> dict[T, Told]:
    """What differs between the tasks that are to be told (day and title) and what was told before.

    Asking again without a change changes nothing; sequence and time of change only ever rise.
    """
    found = {
        key: _moved(known.get(key), on, title, now)
        for key, (on, title) in wanted.items()
        if not _same(known.get(key), on, title)
    }
    gone = {key: told for key, told in known.items() if key not in wanted and told.ended_at is None}
    return found | {key: _ended(told, now) for key, told in gone.items()}


def _same(told: Told | None, on: date, title: str) -> bool:
    return told is not None and told.ended_at is None and (told.on, told.title) == (on, title)


def _moved(told: Told | None, on: date, title: str, now: datetime) -> Told:
    if told is None:
        return Told(on=on, title=title, sequence=0, modified_at=_second(now))
    return replace(_next(told, now), on=on, title=title, ended_at=None)


def _ended(told: Told, now: datetime) -> Told:
    following = _next(told, now)
    return replace(following, ended_at=following.modified_at)


def _next(told: Told, now: datetime) -> Told:
    modified_at = max(_second(now), told.modified_at + SECOND)
    return replace(told, sequence=told.sequence + 1, modified_at=modified_at)


def _second(moment: datetime) -> datetime:
    """Calendars tell time by the second."""
    return moment.replace(microsecond=0)


def shows(told: Told, now: datetime) -> bool:
    """Whether the feed still tells it: always while the task stands, thirty days once it is cancelled."""
    return told.ended_at is None or now - told.ended_at < timedelta(days=CANCELLED_DAYS)
