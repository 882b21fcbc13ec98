"""Sends notices: lease a row, send the mail, mark the row. A crash means a second try, never silence.

The same row always makes the same message under the same Message-ID. Each row is leased just before it is
sent, so a sender that dies holds up one mail, for as long as its lease.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from patients.access import everywhere
from workflow.models import Notice
from workflow.models.notice import OPEN
from workflow.rules.reminders import GIVE_UP, wait
from workflow.selectors.notices import SERVER
from workflow.services import notice_sql, reminder_sql, undelivered
from workflow.services.mailing import LONGEST, Answer, Post, posting
from workflow.services.mails import mail_for

LEASE = timedelta(seconds=LONGEST + 10)
"""Longer than any mail takes: nobody sends it a second time while it is under way."""
SENDER = "send_notices"
COUNTED = ("alerts", "due", "overdue", "opened")
FREE = {"leased_until": None, "leased_by": ""}


@dataclass(frozen=True, slots=True)
class Counts:
    """What one run did, in rows of the ledger."""

    sent: int = 0
    cancelled: int = 0
    deferred: int = 0
    failed: int = 0


def due(*, at: datetime | None = None) -> Iterator[dict[str, Any]]:
    """What would be sent now, to whom and why; changes nothing."""
    with everywhere(by=SENDER):
        for row in _rows(notice_sql.DUE, {"now": at or timezone.now()}):
            yield {**row, "due_at": row["due_at"].isoformat().replace("+00:00", "Z")}


def send(
    *, at: datetime | None = None, worker: str = "", seconds: float | None = None, kind: str = ""
) -> Counts:
    """Sends what is due, one by one. `at` is the clock for leases and back-off.

    Stops after `seconds`; with `kind` only notices of that kind are sent.
    """
    done: Counter[str] = Counter()
    stop = time.monotonic() + (float("inf") if seconds is None else seconds)
    with posting() as post:
        while time.monotonic() < stop:
            outcome = _next(post, at, worker or socket.gethostname(), kind)
            if outcome is None:
                break
            done.update(outcome)
    return Counts(**done)


def _next(post: Post, at: datetime | None, worker: str, kind: str) -> dict[str, int] | None:
    """Deals with the row that is due first: how many rows ended how. None when nothing is due."""
    with everywhere(by=SENDER):
        now = at or timezone.now()
        notice = _leased(now, worker, kind)
        if notice is None:
            return None
        if not (_is_so(notice, now) and _counted(notice, now)):
            return _mark(notice, "cancelled", cancelled_at=now)
    try:
        answer = post.send(mail_for(notice))
    except ValueError as error:
        answer = Answer("refused", type(error).__name__)
    with everywhere(by=SENDER):
        return _answered(notice, answer, at or timezone.now())


def _leased(now: datetime, worker: str, kind: str) -> Notice | None:
    asked = {"now": now, "until": now + LEASE, "by": worker[:64], "kind": kind}
    row = next(_rows(notice_sql.LEASE, asked), None)
    return Notice.objects.select_related("recipient", "site").get(pk=row["id"]) if row else None


def _is_so(notice: Notice, now: datetime) -> bool:
    """Mail tells only what is so when it is sent."""
    return bool(next(_rows(notice_sql.TRUE, {"now": now, "id": notice.pk}))["so"])


def _counted(notice: Notice, now: datetime) -> bool:
    """Counts for a digest what needs the person now, and keeps it. False when nothing does."""
    if notice.kind != "digest" or notice.told is not None:
        return True
    asked = {"now": now, "site": notice.site_id, "person": notice.recipient_id}
    told = next(_rows(reminder_sql.COUNT_ONE, asked), None)
    if told is None or not any(told[name] for name in COUNTED):
        return False
    notice.told = {**told, "on": told.pop("on").isoformat(), "at": now.isoformat()}
    Notice.objects.filter(pk=notice.pk).update(told=notice.told)
    return True


def _answered(notice: Notice, answer: Answer, now: datetime) -> dict[str, int]:
    if answer.outcome == "sent":
        _carried(notice, now)
        return _mark(notice, "sent", sent_at=now, cancelled_at=None, error="", delivered_in=notice.pk)
    if answer.outcome == "refused":
        return _failed(notice, answer, now)
    if answer.sure:
        Notice.objects.filter(pk=notice.pk).update(told=None)
    if answer.outcome == "down":
        return _put_off(_due_with(notice, now), SERVER + answer.why, now)
    return _put_off(_due_with(notice, now).filter(recipient=notice.recipient), answer.why, now)


def _carried(notice: Notice, now: datetime) -> None:
    """The reminders that a digest has told: those that were there when it was counted."""
    if notice.told is None:
        return
    asked: dict[str, Any] = {"now": datetime.fromisoformat(notice.told["at"]), "sent": now, "digest": notice.pk,
             "person": notice.recipient_id, "site": notice.site_id}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(reminder_sql.CARRIED, asked)


def _failed(notice: Notice, answer: Answer, now: datetime) -> dict[str, int]:
    """Refused for good: the row, and where the address itself is refused all that is due to it."""
    rows = _due_with(notice, now).filter(recipient=notice.recipient)
    return _give_up(rows if answer.address else rows.filter(pk=notice.pk), answer.why, now)


def _put_off(rows: QuerySet[Notice], why: str, now: datetime) -> dict[str, int]:
    """Later, each row by how often it has failed; what has failed for too long is given up."""
    done = _give_up(rows.filter(tried_since__lte=now - GIVE_UP), f"gave up: {why}", now)
    for attempts in set(rows.values_list("attempts", flat=True)):
        done["deferred"] += rows.filter(attempts=attempts).update(
            attempts=attempts + 1,
            next_try_at=now + wait(attempts + 1),
            tried_since=Coalesce("tried_since", Value(now)),
            error=why[:64],
            **FREE,
        )
    return done


def _give_up(rows: QuerySet[Notice], why: str, now: datetime) -> Counter[str]:
    for site, person in set(rows.filter(site__isnull=False).values_list("site_id", "recipient_id")):
        undelivered.opened(site=site, person=person, why=why, at=now)
    return Counter(failed=rows.update(failed_at=now, error=why[:64], **FREE))


def _due_with(notice: Notice, now: datetime) -> QuerySet[Notice]:
    """This row, and all others that are due and that no other sender has."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now) | Q(pk=notice.pk)
    return Notice.objects.filter(OPEN, free, next_try_at__lte=now)


def _mark(notice: Notice, outcome: str, **columns: Any) -> dict[str, int]:
    Notice.objects.filter(pk=notice.pk).update(**columns, **FREE)
    return {outcome: 1}


def _rows(sql: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        names = [column.name for column in cursor.description]
        yield from (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
