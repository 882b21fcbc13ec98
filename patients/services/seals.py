"""Seals new audit rows: each minute one link of the chain over everything that was committed since.

Writers are not held up. A row's number is given out before its transaction commits, so the sealer notes the
last number of each table and waits until every transaction that was open at that moment has ended: then all
rows up to there are known, for good.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from patients import access, signing
from patients.models import Seal, SealPart
from patients.rules import chain

log = logging.getLogger("daymark")
PATIENCE, MOST = 5.0, 100_000
"""Seconds to wait for open transactions; rows of one part."""

STILL_OPEN = """
select format('process %%s of role %%s, %%s', l.pid, a.usename, coalesce(nullif(a.application_name, ''), 'unnamed'))
from pg_snapshot_xip(pg_current_snapshot()) x
join pg_locks l on l.locktype = 'transactionid' and l.transactionid = x::xid and l.pid <> pg_backend_pid()
join pg_stat_activity a on a.pid = l.pid and a.datname = current_database() and a.usesysid is not null
where x < %s::xid8
order by x limit 1
"""
"""The oldest of the transactions waited for, in words. Autovacuum, which belongs to no role, writes no rows of ours."""


def seal(*, at: datetime | None = None) -> Seal | None:
    """Adds one link for all rows since the last one; None when there is nothing new or somebody else seals.

    Also None when a transaction stays open longer than `PATIENCE`: its rows are sealed by a later call.
    """
    with transaction.atomic(), access.bookkeeping():
        if not _alone():
            return None
        limits = _last_rows()
        if (still_open := _settled()) is not None:
            log.warning(f"nothing was sealed, a transaction has been open for too long: {still_open}")
            return None
        parts = list(_parts(limits))
        return _link(parts, at or timezone.now()) if parts else None


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended('daymark.seal', 0))")
        return bool(cursor.fetchone()[0])


def _last_rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("select relation, last from daymark_last_rows() order by relation")
        return dict(cursor.fetchall())


def _settled() -> str | None:
    """None once every other transaction that is open now has ended; after `PATIENCE` the oldest still open."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_snapshot_xmax(pg_current_snapshot())::text")
        horizon, deadline = cursor.fetchone()[0], time.monotonic() + PATIENCE
        while True:
            cursor.execute(STILL_OPEN, [horizon])
            if (found := cursor.fetchone()) is None:
                return None
            if time.monotonic() > deadline:
                return str(found[0])
            time.sleep(0.02)


def _parts(limits: Mapping[str, int]) -> Iterator[SealPart]:
    sealed = _sealed()
    for relation, upto in limits.items():
        after = sealed[relation]
        while after < upto:
            count, last, members = _members(relation, after, upto)
            until = last if count == MOST else upto
            if count:
                yield SealPart(relation=relation, after=after, upto=until, members=members)
            after = until


def _sealed() -> dict[str, int]:
    """Up to which row each table is sealed; a new one from its first shape on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select s.relation, coalesce((select max(p.upto) from patients_sealpart p where p.relation = s.relation),"
            " min(s.after)) from patients_eventshape s group by s.relation"
        )
        return dict(cursor.fetchall())


def _members(relation: str, after: int, upto: int) -> tuple[int, int, bytes]:
    with connection.cursor() as cursor:
        cursor.execute("select * from daymark_members(%s, %s, %s, %s)", [relation, after, upto, MOST])
        count, last, members = cursor.fetchone()
        return count, last or after, bytes(members)


def _link(parts: list[SealPart], at: datetime) -> Seal:
    last = Seal.objects.order_by("-number").first()
    number, previous = (last.number + 1, last.hash) if last else (1, chain.FIRST)
    told = [chain.part_told(p.relation, p.after, p.upto, bytes(p.members)) for p in parts]
    digest = chain.link_hash(number, at, previous, told)
    key, signature = signing.sign(digest)
    row = Seal.objects.create(
        number=number, at=at, previous=previous, parts_told=told, hash=digest, key=key, signature=signature
    )
    for part in parts:
        part.seal = row
    SealPart.objects.bulk_create(parts)
    log.info("sealed", extra={"count": sum(t["rows"] for t in told), "seal": f"{number}:{digest}"})
    return row
