"""What beat wakes. Each task is one call of a service; arguments are never data, results are never kept."""

from __future__ import annotations

from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

from patients.models import Heartbeat
from workflow.services import imports, notices
from workflow.services import sweep as sweeper


def _alone(name: str) -> bool:
    """Whether this is the only one of its kind running; holds until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


@shared_task(name="workflow.heartbeat")
def heartbeat() -> None:
    """Beat has woken a worker: both are alive."""
    for name in ("beat", "worker"):
        Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


@shared_task(name="workflow.send_notices")
def send_notices() -> None:
    notices.send()


@shared_task(name="workflow.redecide")
def redecide() -> None:
    sweeper.redecide()


@shared_task(name="workflow.run_imports")
def run_imports() -> None:
    imports.run_queued()


@shared_task(name="workflow.sweep")
def sweep() -> None:
    with transaction.atomic():
        if _alone("workflow.sweep"):
            sweeper.sweep()
