"""Records of one person: the one that is decided, and those that were merged into it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from patients.errors import Fault, Merged
from patients.models import Patient


def merged_into(survivor: UUID) -> Merged:
    """The refusal that names the record to use instead."""
    code = Patient.objects.values_list("code", flat=True).get(pk=survivor)
    text = f"This record is merged into {code}: use that one."
    return Merged(text, [Fault("", Merged.code, text)], survivor=str(survivor))


def records(patient: UUID) -> QuerySet[Patient, Any]:
    """Ids of all records of the person whose record this is, to be used within a query: `patient__in=…`."""
    named = Patient.objects.filter(pk=patient).values("merged_into")
    whole = Coalesce(Subquery(named), Value(patient))
    return Patient.objects.filter(Q(pk=whole) | Q(merged_into=whole)).order_by().values("pk")
