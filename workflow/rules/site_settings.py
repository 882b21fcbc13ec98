"""A site's dated settings: certification, holidays, and its own numbers in place of an assumption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

OVERRIDE = "override"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of a site's settings. An override names a number in `key` and gives it as payload `value`."""

    kind: str
    key: str
    recorded_at: datetime
    from_on: date | None = None
    to_on: date | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)

    def begun(self, on: date) -> bool:
        return self.from_on is None or self.from_on <= on

    def holds(self, on: date) -> bool:
        return self.begun(on) and (self.to_on is None or on <= self.to_on)


def deciding(rows: Iterable[Setting], on: date) -> Setting | None:
    """Of the rows of one kind and key the newest recorded that has begun by `on`; None where it has ended.

    So a later row ends, revokes (payload `revoked`) or replaces an earlier one from the day it begins.
    """
    newest = max((s for s in rows if s.begun(on)), key=_order, default=None)
    return newest if newest is not None and newest.holds(on) and not newest.payload.get("revoked") else None


def in_force(rows: Iterable[Setting], on: date, timezone: str) -> tuple[Setting, ...]:
    """All rows, but of overrides only the one per key that decides on a date."""
    found: list[Setting] = []
    overrides: dict[str, list[Setting]] = {}
    for row in rows:
        if row.kind == OVERRIDE:
            overrides.setdefault(row.key, []).append(_begun(row, timezone))
        else:
            found.append(row)
    decided = (deciding(same, on) for same in overrides.values())
    return (*found, *(s for s in decided if s is not None))


def changes(row: Setting, timezone: str) -> Iterator[date]:
    """Dates on which an override begins, and on which it counts no more."""
    if row.kind != OVERRIDE:
        return
    begun = _begun(row, timezone)
    if begun.from_on is not None:
        yield begun.from_on
    if begun.to_on is not None:
        yield begun.to_on + timedelta(days=1)


def local_day(moment: datetime, timezone: str) -> date:
    """The calendar date at an instant."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def _begun(row: Setting, timezone: str) -> Setting:
    """An override without a first day counts from the site's date of its recording."""
    return row if row.from_on else replace(row, from_on=local_day(row.recorded_at, timezone))


def _order(row: Setting) -> tuple[datetime, date, date]:
    return (row.recorded_at, row.from_on or date.min, row.to_on or date.min)
