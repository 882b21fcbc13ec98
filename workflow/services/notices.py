"""Sends notices: lease a row, send the mail, mark the row. A crash means a second try, never silence.

The same row always makes the same message under the same Message-ID. Mail names no patient, drug or value.
"""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.template.loader import render_to_string
from django.utils import timezone

from patients.access import everywhere
from workflow.models import Act, Alert, Notice

LEASE = timedelta(seconds=120)
FIRST_RETRY, LONGEST_RETRY, GIVE_UP = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=72)
BATCH = 20
SENDER = "send_notices"

ANSWERED_BY = {
    "override": ("confirm-override", "void"),
    "override-escalation": ("confirm-override", "void"),
    "void": ("void",),
}
"""Notices about an infusion, by rule: texts of their own, and the acts after which nothing is asked any more."""

LEASE_SQL = """
update workflow_notice set leased_until = %(until)s, leased_by = %(by)s, attempts = attempts + 1
where id in (
    select id from workflow_notice
    where sent_at is null and failed_at is null and cancelled_at is null and next_try_at <= %(now)s
      and (leased_until is null or leased_until <= %(now)s)
    order by next_try_at, id limit %(limit)s for update skip locked
) returning id
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one run did."""

    sent: int = 0
    cancelled: int = 0
    deferred: int = 0
    failed: int = 0


def due(*, at: datetime | None = None) -> Iterator[dict[str, Any]]:
    """What would be sent now, to whom and why; changes nothing."""
    moment = at or timezone.now()
    with everywhere(by=SENDER):
        for row in _open().filter(next_try_at__lte=moment).order_by("next_try_at", "id"):
            yield {
                "key": row.key,
                "kind": row.kind,
                "channel": row.channel,
                "recipient": row.recipient.username,
                "reason": row.rule,
                "due_at": row.due_at.isoformat().replace("+00:00", "Z"),
            }


def send(*, at: datetime | None = None, worker: str = "") -> Counts:
    """Sends everything that is due, row by row. `at` is the clock for leases and back-off."""
    totals = {"sent": 0, "cancelled": 0, "deferred": 0, "failed": 0}
    while leased := _lease(at or timezone.now(), worker or socket.gethostname()):
        for pk in leased:
            totals[_deliver(pk, at)] += 1
    return Counts(**totals)


def _open() -> Any:
    rows = Notice.objects.filter(sent_at__isnull=True, failed_at__isnull=True, cancelled_at__isnull=True)
    return rows.select_related("recipient", "site")


def _lease(now: datetime, worker: str) -> list[UUID]:
    with everywhere(by=SENDER), connection.cursor() as cursor:
        parameters: dict[str, Any] = {"now": now, "until": now + LEASE, "by": worker[:64], "limit": BATCH}
        cursor.execute(LEASE_SQL, parameters)
        return [row[0] for row in cursor.fetchall()]


def _deliver(pk: UUID, at: datetime | None) -> str:
    with everywhere(by=SENDER):
        notice = _open().get(pk=pk)
        true = _still_true(notice)
    if not true:
        return _mark(pk, "cancelled", cancelled_at=at or timezone.now())
    try:
        message(notice).send()
    except smtplib.SMTPException as error:
        return _refused(notice, error, at or timezone.now())
    except OSError as error:
        return _defer(notice, type(error).__name__, at or timezone.now())
    return _mark(pk, "sent", sent_at=at or timezone.now(), error="")


def _still_true(notice: Notice) -> bool:
    """Mail tells only what is true when it is sent."""
    if not notice.recipient.is_active or not notice.recipient.email:
        return False
    about = notice.key.rpartition(":")[2]
    if notice.rule == "alert":
        return Alert.objects.filter(pk=about, state="open").exists()
    answers = ANSWERED_BY.get(notice.rule)
    return answers is None or not Act.objects.filter(key=about, kind__in=answers).exists()


def message(notice: Notice) -> EmailMultiAlternatives:
    """The mail for a row: subject, text and HTML from templates, a fixed Message-ID, a link that needs sign-in."""
    context = {
        "notice": notice,
        "link": f"{settings.BASE_URL}/admin/",
        "ref": str(notice.pk)[-8:].upper(),
        "day": date.fromisoformat(notice.occurrence) if notice.kind == "digest" else None,
    }
    name = f"email/{notice.rule if notice.rule in ANSWERED_BY else notice.kind}"
    subject = " ".join(render_to_string(f"{name}.subject", context).split())
    host = urlsplit(settings.BASE_URL).hostname or "daymark"
    headers = {"Message-ID": f"<notice-{notice.pk}@{host}>", "Auto-Submitted": "auto-generated"}
    mail = EmailMultiAlternatives(
        subject,
        render_to_string(f"{name}.txt", context),
        to=[notice.recipient.email],
        headers=headers,
    )
    mail.attach_alternative(render_to_string(f"{name}.html", context), "text/html")
    return mail


def _refused(notice: Notice, error: smtplib.SMTPException, now: datetime) -> str:
    """A permanent refusal ends the row; anything else is tried again later."""
    code = _code(error)
    if 500 <= code < 600:
        return _mark(notice.pk, "failed", failed_at=now, error=f"smtp {code}")
    return _defer(notice, f"smtp {code}" if code else type(error).__name__, now)


def _code(error: smtplib.SMTPException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _ in error.recipients.values())
    return int(getattr(error, "smtp_code", 0) or 0)


def _defer(notice: Notice, why: str, now: datetime) -> str:
    if now - notice.due_at > GIVE_UP:
        return _mark(notice.pk, "failed", failed_at=now, error=why[:64])
    wait = min(FIRST_RETRY * 2 ** (notice.attempts - 1), LONGEST_RETRY)
    return _mark(notice.pk, "deferred", next_try_at=now + wait, error=why[:64])


def _mark(pk: UUID, outcome: str, **columns: Any) -> str:
    with everywhere(by=SENDER):
        Notice.objects.filter(pk=pk).update(leased_until=None, leased_by="", **columns)
    return outcome
