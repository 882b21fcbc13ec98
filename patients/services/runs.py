"""When each background task last ran, and how it ended: kept for the people who look after the machinery."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

STARTED = """
insert into patients_run (name, started_at, error) values (%s, %s, '')
on conflict (name) do update set started_at = excluded.started_at, ended_at = null, ok = null, error = ''
"""
ENDED = """
update patients_run set ended_at = %(at)s, ok = %(ok)s, error = %(error)s,
    ok_at = case when %(ok)s then %(at)s else ok_at end
where name = %(name)s
"""


def started(*, name: str, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(STARTED, [name, at])


def ended(*, name: str, at: datetime, error: str = "") -> None:
    """`error`: the kind of the exception that ended the run; "" when it did its work."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED, {"name": name, "at": at, "ok": not error, "error": error[:64]})
