"""Until when it is certain that everything recorded is visible: open writes hold a ticket of their second.

A write stamps its facts before it commits. Whoever reads "as known at" an instant between the two would not
see them, and another reading of the same instant later would. So each write takes a shared advisory lock
whose key is the second in which it began, and readers ask for nothing later than the oldest of these.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import TextField
from django.db.models.expressions import RawSQL

TICKETS = 0x0DA1
"""First key of the advisory locks; the second one is the time in seconds."""


def ticket(moment: datetime) -> RawSQL:
    """An expression that takes the ticket of a write, until its transaction ends."""
    second = int(moment.timestamp()) % 2**31
    return RawSQL("pg_advisory_xact_lock_shared(%s, %s)::text", (TICKETS, second), output_field=TextField())


def horizon(now: datetime) -> datetime:
    """The latest instant, at most `now`, at which no other transaction may still record something."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select min(objid::bigint) from pg_locks where locktype = 'advisory' and classid = %s"
            " and objsubid = 2 and pid <> pg_backend_pid()"
            " and database = (select oid from pg_database where datname = current_database())",
            [TICKETS],
        )
        oldest = cursor.fetchone()[0]
    if oldest is None:
        return now
    return min(now, datetime.fromtimestamp(oldest, UTC) - timedelta(microseconds=1))
