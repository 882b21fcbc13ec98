"""Reads single acts."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from workflow.models import Act, Pathway


def last_key(patient: UUID, kind: str) -> str | None:
    """The key of the newest act of a kind, if there is one."""
    rows = Act.objects.filter(patient_id=patient, kind=kind).order_by("-recorded_at", "-id")
    return rows.values_list("key", flat=True).first()


def patient_of(kind: str, key: str) -> UUID | None:
    """Whom the acts on a key are about."""
    return Act.objects.filter(kind=kind, key=key).values_list("patient_id", flat=True).first()


def patients_with(kind: str, key: str) -> list[UUID]:
    """Patients with an act of a kind on a key."""
    return list(Act.objects.filter(kind=kind, key=key).values_list("patient_id", flat=True).distinct())


def treated(patients: Sequence[UUID]) -> int:
    """How many of them have had their infusion."""
    return Pathway.objects.filter(pk__in=patients, day0__isnull=False).count()
