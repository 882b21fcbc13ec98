"""What a page of FHIR resources needs besides its rows, in one query each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet

from patients.models import Event, FactorUse, Patient, Result
from workflow.models import Infusion, Pathway, TaskDue


def versions(rows: Sequence[Result]) -> dict[UUID, int]:
    """How many versions each result has, in one query."""
    counted = Result.objects.filter(lineage__in=[r.lineage for r in rows]).values_list("lineage")
    return dict(counted.annotate(number=Count("pk")))


def version(pk: UUID) -> Result | None:
    """The version of a result with this id."""
    return Result.objects.filter(pk=pk).first()


def standing(model: type[Any]) -> QuerySet[Any]:
    """Facts that no other fact supersedes; retracted ones too."""
    newer = model.objects.filter(supersedes=OuterRef("pk"), patient_id=OuterRef("patient_id"))
    rows: QuerySet[Any] = model.objects.filter(~Exists(newer))
    return rows


def deaths(rows: Sequence[Patient]) -> dict[UUID, date]:
    """The day of death of those who died, in one query."""
    died = standing(Event).filter(patient__in=[r.pk for r in rows], kind="death", retracted=False)
    return dict(died.values_list("patient_id", "from_on"))


def fulfilments(rows: Sequence[TaskDue]) -> dict[str, UUID]:
    """The result behind each stored reference (`result:<version>`) of these tasks."""
    stored = {name for row in rows for name in row.payload.get("fulfilled_by", ())}
    versions = [name.removeprefix("result:") for name in stored if name.startswith("result:")]
    found = Result.objects.filter(pk__in=versions).values_list("pk", "lineage")
    return {f"result:{pk}": lineage for pk, lineage in found}


def tasks_of(rows: Sequence[Pathway]) -> dict[UUID, list[UUID]]:
    """Ids of each patient's tasks, soonest due first."""
    found: dict[UUID, list[UUID]] = {row.patient_id: [] for row in rows}
    tasks = TaskDue.objects.filter(patient_id__in=found).order_by("due_on", "id")
    for patient, task in tasks.values_list("patient_id", "pk"):
        found[patient].append(task)
    return found


def newer_administration(pk: UUID) -> Infusion | FactorUse | None:
    """The administration that took the place of this one."""
    infusion = Infusion.objects.filter(supersedes=pk).first()
    return infusion or FactorUse.objects.filter(supersedes=pk).first()
