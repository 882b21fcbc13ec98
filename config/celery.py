"""The bell: Celery wakes services on a static schedule. PostgreSQL is the record of what is due and done."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("daymark", task_cls="config.runs:Recorded")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["patients", "workflow", "outcomes"])
app.conf.beat_schedule = {
    "heartbeat": {"task": "workflow.heartbeat", "schedule": 20.0},
    "send-notices": {"task": "workflow.send_notices", "schedule": 10.0},
    "run-imports": {"task": "workflow.run_imports", "schedule": 5.0, "options": {"expires": 5.0}},
    "redecide": {"task": "workflow.redecide", "schedule": 60.0},
    "sweep": {"task": "workflow.sweep", "schedule": 60.0},
    "seal": {"task": "patients.seal", "schedule": 60.0},
    "run-exports": {"task": "outcomes.run_exports", "schedule": 5.0, "options": {"expires": 5.0}},
    "assess": {"task": "outcomes.assess", "schedule": 30.0},
}


@worker_init.connect
@beat_init.connect
def _may_start(**_: object) -> None:
    """An exception would only be logged here."""
    from config.boot import check

    try:
        check()
    except RuntimeError as error:
        raise SystemExit(str(error)) from error


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery leaves logging as the settings say: JSON lines on stderr."""
