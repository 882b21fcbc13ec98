"""A real worker on a real broker, as the worker's database role: a bell rings, the service does the work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from config.embedded import Valkey
from patients.access import everywhere
from patients.models import Heartbeat, Run
from tests.factories.people import make_site, make_staff
from tests.services.ready import given, ready_patient
from workflow.models import Notice, Pathway
from workflow.services import infusions, intake

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[Any]:
    """A Celery worker on a Valkey of its own, mail into a folder."""
    valkey = Valkey(tmp_path / "valkey")
    valkey.ensure()
    kept = {
        **os.environ, "REDIS_URL": valkey.url, "DAYMARK_DB_ROLE": "daymark_worker", "DAYMARK_VAR": str(tmp_path),
        "EMAIL_URL": f"filemail://{tmp_path}/mail", "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    command = [
        "celery",
        "--quiet",
        "-A",
        "config",
        "worker",
        "--concurrency",
        "1",
        "--loglevel",
        "ERROR",
        "--without-gossip",
    ]
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=ROOT, env=kept
    )
    from celery import Celery

    yield Celery(broker=valkey.url), tmp_path / "mail"
    process.terminate()
    process.wait(30)
    valkey.stop()


def until(true: Callable[[], bool], seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with everywhere(by="t"):
            if true():
                return True
        time.sleep(0.2)
    return False


def test_the_bell_wakes_sender_sweep_and_redecision(worker: Any) -> None:
    app, mail = worker
    with everywhere(by="t"):
        site = make_site("bell")
    with everywhere(by="t"):
        make_staff(site, "clinician")
        patient = ready_patient(site)
        infusions.record(patient=patient.pk, fields=given(), by="t", at=timezone.now())
        item = {
            "analyte": "ALT",
            "value": "77",
            "unit": "U/L",
            "collected_at": "2026-03-30T08:00:00Z",
            "reference_high": "40",
        }
        intake.record_results(patient=patient.pk, items=[item], by="t")
        Pathway.objects.update(next_change_on=timezone.now().date() - timedelta(days=1))
        seq = Pathway.objects.get(pk=patient.pk).decided_seq
    for task in (
        "workflow.heartbeat",
        "workflow.sweep",
        "workflow.redecide",
        "workflow.send_notices",
        "outcomes.assess",
    ):
        app.send_task(task)
    assert until(lambda: Heartbeat.objects.filter(name="worker").exists())
    assert until(lambda: Run.objects.filter(name="workflow.sweep", ok=True).exists())
    assert until(lambda: Pathway.objects.get(pk=patient.pk).decided_seq > seq)
    assert until(lambda: Notice.objects.filter(kind="alert", sent_at__isnull=False).count() == 1)
    assert len([m for m in mail.iterdir() if "Subject: 1 safety alert" in m.read_text(encoding="utf-8")]) == 1
    assert until(lambda: Pathway.objects.filter(pk=patient.pk, assessed_seq__gt=seq).exists())
