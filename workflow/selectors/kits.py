"""Whether the kits that were ordered still fit the patient's weight."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from patients.models import Patient
from workflow.rules import kits
from workflow.selectors.decisions import decided, local_date
from workflow.selectors.facts import history


def kit_warnings(patient: Patient) -> dict[UUID, list[str]]:
    """Per kit that counts today, what does not fit: drift of the weight, number of vials."""
    result = decided(history(patient.pk), as_of=local_date(timezone.now(), patient.site.timezone))
    return {
        row.id: list(kits.warnings(result.protocol, row, result.decision.dose)) for row in result.facts.kits
    }
