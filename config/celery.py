"""The bell: Celery wakes services on a static schedule. PostgreSQL is the record of what is due and done."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("daymark", task_cls="config.runs:Recorded")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["patients", "workflow", "outcomes"])
BELLS: dict[str, dict[str, Any]] = {
    "heartbeat": {"task": "workflow.heartbeat", "schedule": 20.0},
    "send-notices": {"task": "workflow.send_notices", "schedule": 5.0, "options": {"expires": 10.0}},
    "run-imports": {"task": "workflow.run_imports", "schedule": 5.0, "options": {"expires": 5.0}},
    "redecide": {"task": "workflow.redecide", "schedule": 60.0},
    "sweep": {"task": "workflow.sweep", "schedule": 10.0},
    "seal": {"task": "patients.seal", "schedule": 60.0},
    "run-exports": {"task": "outcomes.run_exports", "schedule": 5.0, "options": {"expires": 5.0}},
    "assess": {"task": "outcomes.assess", "schedule": 30.0},
}
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
app.conf.beat_schedule = {name: {**bell, "last_run_at": NEVER} for name, bell in BELLS.items()}
"""A beat that has started rings every bell at once: one that dies again and again still wakes everybody."""


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
