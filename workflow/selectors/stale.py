"""Patients whose milestones were not assessed since they were last decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models import F

from workflow.models import Pathway


@dataclass(frozen=True, slots=True)
class Unassessed:
    patient: UUID
    site: UUID
    seq: int


def unassessed(limit: int) -> list[Unassessed]:
    """The first `limit` of them, by id."""
    rows = Pathway.objects.filter(decided_seq__gt=F("assessed_seq")).order_by("pk")
    return [Unassessed(p.patient_id, p.site_id, p.decided_seq) for p in rows[:limit]]


def waiting(patients: Iterable[UUID]) -> set[UUID]:
    """Those of some patients who were decided since they were assessed."""
    rows = Pathway.objects.filter(patient_id__in=list(patients), decided_seq__gt=F("assessed_seq"))
    return set(rows.values_list("patient_id", flat=True))


def assessed(size: int) -> Iterator[list[UUID]]:
    """Patients whose milestones are up to date, in batches."""
    rows = Pathway.objects.filter(decided_seq=F("assessed_seq")).order_by("pk").values_list("pk", flat=True)
    found = rows.iterator(chunk_size=size)
    while batch := list(islice(found, size)):
        yield batch


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a patient's facts are decided, and when the last of them was recorded."""

    seq: int
    recorded_at: datetime | None


def marks(patients: Iterable[UUID]) -> dict[UUID, Mark]:
    """The mark of each patient in view."""
    rows = Pathway.objects.filter(pk__in=list(patients))
    return {pk: Mark(seq, at) for pk, seq, at in rows.values_list("pk", "decided_seq", "last_recorded_at")}


def treated(patients: Iterable[UUID]) -> int:
    """How many of them have had their infusion."""
    return Pathway.objects.filter(pk__in=list(patients), day0__isnull=False).count()
