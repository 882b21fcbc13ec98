"""Exports as the people of a site see them."""

from __future__ import annotations

from uuid import UUID

from patients.models import Patient
from workflow.selectors.acts import patients_with


def enrolled_sites(contract: str) -> list[UUID]:
    """Sites in view with an enrolled patient."""
    patients = patients_with("enrolment", contract)
    return sorted(set(Patient.objects.filter(pk__in=patients).values_list("site_id", flat=True)))
