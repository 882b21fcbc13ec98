"""What beat wakes. Each task is one call of a service; arguments are never data, results are never kept."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from patients.models import Heartbeat
from workflow.services import imports, notices
from workflow.services import sweep as sweeper

AT_MOST, MAIL_AT_MOST = 20.0, 10.0
"""Seconds after which a task lets others go first, the heartbeat among them; the next bell goes on. Bells that many
mails kept waiting for as long have expired, so that they do not pile up before the others."""


@shared_task(name="workflow.heartbeat")
def heartbeat() -> None:
    """Beat has woken a worker: both are alive."""
    for name in ("beat", "worker"):
        Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


@shared_task(name="workflow.send_notices")
def send_notices() -> None:
    notices.send(seconds=MAIL_AT_MOST)


@shared_task(name="workflow.sweep")
def sweep() -> None:
    sweeper.sweep()


@shared_task(name="workflow.redecide")
def redecide() -> None:
    sweeper.redecide(seconds=AT_MOST)


@shared_task(name="workflow.run_imports")
def run_imports() -> None:
    imports.run_queued()
