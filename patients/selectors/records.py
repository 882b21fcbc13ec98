"""Records of one person: the one that is decided, and those that were merged into it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from patients.models import Patient


def records(patient: UUID) -> QuerySet[Patient, Any]:
    """Ids of the patient's own record and of those merged into it, to be used within a query: `patient__in=…`."""
    return Patient.objects.filter(Q(pk=patient) | Q(merged_into=patient)).order_by().values("pk")


def aliases(patient: UUID) -> list[Patient]:
    """Records merged into the patient's, by code."""
    return list(Patient.objects.filter(merged_into=patient).order_by("code"))
