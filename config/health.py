"""Liveness and readiness: is the process there; do database, broker, scheduler and sender do their work?

The web process is the one part that still runs when the scheduler is silent, so it says so by mail.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from patients.access import everywhere
from patients.models import Heartbeat
from patients.services import holds
from workflow.selectors import notices as selector
from workflow.services import ledger, notices

BEAT_AGE, NOTICE_AGE = timedelta(seconds=90), timedelta(minutes=5)
STARTED = time.monotonic()
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every part works, else 503; says only which part. Mail that an operator holds back is no fault."""
    parts = {"database": False, "broker": _broker(), "beat": False, "notices": False}
    mail = "unknown"
    try:
        held = holds.mail_hold() is not None
        mail = "frozen" if held else "goes out"
        parts |= _stored(timezone.now(), held)
    except DatabaseError:
        connection.close()
    ready = all(parts.values())
    told = {"status": "ok" if ready else "unavailable", **parts, "mail": mail}
    return JsonResponse(told, status=200 if ready else 503)


def _broker() -> bool:
    try:
        return bool(
            redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2).ping()
        )
    except (redis.RedisError, OSError):
        return False


def _stored(now: datetime, held: bool) -> dict[str, bool]:
    """What the database says: the scheduler's last sign of life, and whether mail waits for too long."""
    last = Heartbeat.objects.filter(name="beat").values_list("at", flat=True).first() or NEVER
    with everywhere(by="readyz"):
        late = not held and selector.late(now=now, longer_than=NOTICE_AGE)
        silent = abs(now - last) > BEAT_AGE
        if silent and time.monotonic() - STARTED > BEAT_AGE.total_seconds():
            _silent(last, now)
    return {"database": True, "beat": not silent, "notices": not late}


def _silent(since: datetime, now: datetime) -> None:
    ledger.scheduler_silent(since=since, at=now)
    if selector.waits(ledger.SILENT, now=now):
        transaction.on_commit(threading.Thread(target=_tell, daemon=True).start)


def _tell() -> None:
    """Sends what nobody else would: the worker that sends mail is woken by the scheduler."""
    try:
        notices.send(worker="web", kind=ledger.SILENT)
    finally:
        connection.close()
