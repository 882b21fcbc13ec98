"""Tasks as a decision stores them, without the facts that lead to them: for what rests on stored rows alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from patients.models import Patient, Site
from tests.factories.people import PatientFactory
from tests.rules.test_reminders import task
from workflow.models import Notice, Pathway
from workflow.rules.effects import Decision, Task
from workflow.selectors.derived import derived_rows, stored_fingerprints
from workflow.services import apply

DAY = timedelta(days=1)
MONDAY = date(2026, 3, 9)
"""The window of `task()` opens on this Monday, it is due on Thursday, closes on Sunday, is missed on Monday 23."""


def at(day: int = 0, hour: int = 12) -> datetime:
    """An instant by days after that Monday and UTC hour; Berlin is an hour ahead."""
    return datetime.combine(MONDAY + day * DAY, time(hour), UTC)


def patient(site: Site, **more: Any) -> Patient:
    """Somebody without any task, as of long ago."""
    return PatientFactory(site=site, at=at(-100), **more)


def store(someone: Patient, *tasks: Task) -> None:
    """These are the patient's tasks now; the patient counts as decided again."""
    pathway = Pathway.objects.select_related("site").get(pk=someone.pk)
    decision = Decision(
        today=MONDAY, phase="monitoring", gates=(), ready=False, blocked_by=(), tasks=tasks, alerts=()
    )
    rows = list(derived_rows(pathway.pk, decision, pathway.site.timezone))
    stored = stored_fingerprints([pathway.pk])[pathway.pk]
    apply._store({pathway: apply._changes(rows, stored)})
    pathway.decided_seq += 1
    pathway.save()


def rows(*, live: bool = True) -> list[tuple[str, str, str]]:
    """Kind, occurrence and recipient of the reminders in the ledger; `live`: those that are not withdrawn."""
    found = Notice.objects.filter(key__startswith="task:").order_by(
        "created_at", "kind", "recipient__username"
    )
    found = found.filter(cancelled_at=None) if live else found
    return [(n.rule, n.occurrence[5:], n.recipient.username) for n in found.select_related("recipient")]


__all__ = ["DAY", "MONDAY", "at", "patient", "rows", "store", "task"]
