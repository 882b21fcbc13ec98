"""Reads single acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from patients.models import Result
from patients.selectors.records import records
from workflow.models import Act, TaskDue
from workflow.selectors.shown import instant

ENDING = ("complete", "waive", "miss", "acknowledge", "confirm-override")
WHOSE = Coalesce("patient__merged_into", "patient_id")
"""The patient whose act it is: of a merged record's, the one that stays."""
TASK_ACTS = ("complete", "waive", "miss", "snooze", "assign", "book", "contact")


def last_key(patient: UUID, kind: str) -> str | None:
    """The key of the newest act of a kind, if there is one."""
    rows = Act.objects.filter(patient_id__in=records(patient), kind=kind).order_by("-recorded_at", "-id")
    return rows.values_list("key", flat=True).first()


def patient_of(kind: str, key: str) -> UUID | None:
    """Whom the acts on a key are about."""
    return Act.objects.filter(kind=kind, key=key).values_list(WHOSE, flat=True).first()


def patients_with(kind: str, key: str) -> list[UUID]:
    """Patients with an act of a kind on a key."""
    return list(Act.objects.filter(kind=kind, key=key).values_list(WHOSE, flat=True).distinct())


@dataclass(frozen=True, slots=True)
class Ending:
    """Who ended a task, and when: by an act, or by recording the result that fulfils it."""

    by: str
    at: datetime
    result: bool


def ending(task: TaskDue) -> Ending | None:
    """How an ended task ended; None where it follows from something else than a result or an act on it."""
    fulfilled = [ref.partition(":")[2] for ref in task.payload["fulfilled_by"]]
    if fulfilled:
        row = Result.objects.filter(pk__in=fulfilled).order_by("-recorded_at").first()
        return Ending(row.by, row.recorded_at, result=True) if row else None
    about = (task.key, task.key.partition(":")[2])
    act = (
        Act.objects.filter(patient_id__in=records(task.patient_id), key__in=about, kind__in=ENDING)
        .order_by("-recorded_at")
        .first()
    )
    return Ending(act.by, act.recorded_at, result=False) if act else None


def on_task(patient: UUID, key: str) -> list[Act]:
    """Everything people said about one task, newest first."""
    rows = Act.objects.filter(patient_id__in=records(patient), key=key, kind__in=TASK_ACTS)
    return list(rows.order_by("-recorded_at", "-id"))


def contacts(patient: UUID, key: str) -> QuerySet[Act]:
    """The contact log of a task, newest contact first."""
    rows = Act.objects.filter(patient_id__in=records(patient), key=key, kind="contact")
    return rows.order_by("-payload__at", "-recorded_at", "-id")


def contact_json(act: Act) -> dict[str, Any]:
    return {
        "id": str(act.pk),
        **{name: act.payload[name] for name in ("at", "who", "how", "outcome")},
        "note": act.reason,
        "by": act.by,
        "recorded_at": instant(act.recorded_at),
    }
