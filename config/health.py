"""Liveness and readiness: is the process there; do database, broker, scheduler and sender do their work?"""

from __future__ import annotations

from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from patients.access import everywhere
from patients.models import Heartbeat
from workflow.models import Notice

BEAT_AGE, NOTICE_AGE = timedelta(seconds=90), timedelta(minutes=5)


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every part works, else 503; says only which part."""
    parts = {"database": _database(), "broker": _broker()}
    parts |= (
        {"beat": _beat(), "notices": _notices()} if parts["database"] else {"beat": False, "notices": False}
    )
    ready = all(parts.values())
    return JsonResponse({"status": "ok" if ready else "unavailable", **parts}, status=200 if ready else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        return True
    except DatabaseError:
        return False


def _broker() -> bool:
    try:
        return bool(
            redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2).ping()
        )
    except (redis.RedisError, OSError):
        return False


def _beat() -> bool:
    last = Heartbeat.objects.filter(name="beat").values_list("at", flat=True).first()
    return last is not None and timezone.now() - last <= BEAT_AGE


def _notices() -> bool:
    """No notice has waited longer than it may (one that is retried after a refusal is not late)."""
    with transaction.atomic(), everywhere(by="readyz"):
        late = Notice.objects.filter(
            sent_at__isnull=True,
            failed_at__isnull=True,
            cancelled_at__isnull=True,
            next_try_at__lt=timezone.now() - NOTICE_AGE,
        )
        return not late.exists()
