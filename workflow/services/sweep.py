"""What the clock brings about: notices that fell due, and patients whose decision changes with the date."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from patients.access import as_worker, everywhere
from patients.models import Site, SiteSetting
from workflow import data
from workflow.models import Pathway, Watermark
from workflow.rules import reminders
from workflow.rules.reminders import LONGEST_RETRY
from workflow.rules.second_person import CONFIRM_HOURS
from workflow.rules.site_settings import Setting
from workflow.selectors.decisions import local_date
from workflow.services import apply, emergency, ledger, reminder_sql

BATCH = 200
AT_ONCE = 5000
SWEEPER = "sweep"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SET_BACK = timedelta(minutes=5)
"""A clock that goes back further than this makes the sweep look at everything anew."""
QUARTER = 900
"""Seconds. Whatever the time zone, its full hours are quarters of an hour in UTC."""
DIED_AFTER = timedelta(hours=1)


def sweep(*, at: datetime | None = None) -> int:
    """Writes the notices that are true at `at` and were not written before. Returns new rows.

    After a pause of any length each task is told once, as it stands now. Sweeps that run at the same time
    are one: the others find it at work and write nothing.
    """
    moment = at or timezone.now()
    with everywhere(by=SWEEPER), as_worker(), _since(moment) as last:
        if last is None:
            return 0
        return _written(last, moment)


@contextmanager
def _since(moment: datetime) -> Iterator[datetime | None]:
    """Up to when the sweep has looked, locked until the transaction ends; None while another one looks."""
    marks = Watermark.objects.select_for_update(skip_locked=True).filter(name=SWEEPER)
    mark = marks.first()
    if mark is None:
        Watermark.objects.get_or_create(name=SWEEPER, defaults={"until": BEGINNING})
        mark = marks.first()
    if mark is None:
        yield None
        return
    yield min(mark.until, moment) if mark.until - moment <= SET_BACK else BEGINNING
    if mark.until < moment or mark.until - moment > SET_BACK:
        Watermark.objects.filter(name=SWEEPER).update(until=moment)


def _levels(moment: datetime) -> dict[str, Any]:
    """After how many days each role hears of a task, and at which sites (null: at all of them)."""
    file, own = data.reminders(), _own_settings()
    groups: dict[tuple[str, int], list[str]] = defaultdict(list)
    for site, zone in Site.objects.values_list("pk", "timezone") if own else ():
        for level in reminders.days_at(file, own[site], local_date(moment, zone)).items():
            groups[level].append(str(site))
    levels = groups.items() if own else [(level, None) for level in file.days.items()]
    told = [{"role": role, "days": days, "sites": sites} for (role, days), sites in levels]
    return {"levels": json.dumps(told), "tells_for": file.tells_for_days}


def _own_settings() -> dict[UUID, list[Setting]]:
    own: dict[UUID, list[Setting]] = defaultdict(list)
    columns = ("kind", "key", "recorded_at", "from_on", "to_on", "payload")
    for row in SiteSetting.objects.filter(kind=reminders.ESCALATION).values("site_id", *columns):
        own[row.pop("site_id")].append(Setting(**row))
    return own


def _written(last: datetime, now: datetime) -> int:
    """Rows written for patients who were decided again, for what fell due by the clock, and the daily mails.

    Dates begin, and daily mails go out, at full hours somewhere: between two of them only facts bring news.
    """
    hourly = int(last.timestamp()) // QUARTER != int(now.timestamp()) // QUARTER
    second = {"alert": data.reminders().second_person_hours, "override": CONFIRM_HOURS}
    asked: dict[str, Any] = {"last": last, "late_last": now if last == BEGINNING else last, "now": now}
    asked |= {"longest": max(second.values()), "shortest": min(second.values())}
    changed, unanswered = _probed(reminder_sql.NEWS, asked)
    asked |= _levels(now) if hourly or changed else {}
    fell_due, morning = _probed(reminder_sql.HOURLY, asked) if hourly else (False, False)
    if last == BEGINNING:
        _execute(reminder_sql.FROM_AHEAD, {**asked, "longest": LONGEST_RETRY, "back": SET_BACK})
    new = _changed(asked) if changed else 0
    new += _execute(reminder_sql.BY_TIME, asked) if fell_due else 0
    for rule, hours in second.items() if unanswered else ():
        new += _execute(reminder_sql.SECOND_PERSON, {**asked, "rule": rule, "hours": hours})
    if hourly:
        with everywhere(by=SWEEPER):
            ledger.died_imports(before=now - DIED_AFTER, at=now)
            emergency.escalate(at=now)
    return new + (_mornings(asked) if morning or new else 0)


def _mornings(asked: Mapping[str, Any]) -> int:
    """The daily mails, once the reminders that none of them will carry are out of the way."""
    _execute(reminder_sql.TIDY, asked)
    _execute(reminder_sql.ORPHANED, asked)
    return _execute(reminder_sql.DIGESTS, asked)


def _probed(sql: str, asked: Mapping[str, Any]) -> Sequence[bool]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return tuple(cursor.fetchone())


def _changed(asked: Mapping[str, Any]) -> int:
    """Patients who were decided again: what is no longer so is withdrawn, what is so now is written."""
    total, seen = 0, AT_ONCE
    while seen == AT_ONCE:
        with connection.cursor() as cursor:
            cursor.execute(reminder_sql.BY_CHANGE, {**asked, "limit": AT_ONCE})
            seen, made = cursor.fetchone()
        total += made
    return total


def _execute(sql: str, asked: Mapping[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return int(cursor.rowcount)


def redecide(*, at: datetime | None = None, seconds: float | None = None) -> int:
    """Decides again every patient whose decision may differ by now, in batches. Returns how many.

    Stops after `seconds`, so that other work comes in between; the next call goes on.
    """
    moment = at or timezone.now()
    stop = time.monotonic() + (float("inf") if seconds is None else seconds)
    total = 0
    while batch := _redecide_batch(moment):
        total += batch
        if batch < BATCH or time.monotonic() > stop:
            break
    return total


def _redecide_batch(moment: datetime) -> int:
    with everywhere(by=SWEEPER):
        ids = _due(moment)
        rows = Pathway.objects.select_for_update(of=("self",), skip_locked=True).select_related(
            "site", "patient__site"
        )
        pathways = dict.fromkeys(rows.filter(pk__in=ids).order_by("pk"), moment)
        apply.decide_all(pathways)
        return len(pathways)


def _due(moment: datetime) -> list[UUID]:
    """Patients whose `next_change_on` has come at their site."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.patient_id from workflow_pathway p join patients_site s on s.id = p.site_id"
            " where p.next_change_on <= (%s::timestamptz at time zone s.timezone)::date"
            " order by p.next_change_on limit %s",
            [moment, BATCH],
        )
        return [row[0] for row in cursor.fetchall()]
