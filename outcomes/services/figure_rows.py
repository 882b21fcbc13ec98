"""Keeps the stored points of figures over many patients in step with the facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from outcomes.models import FigureRow
from outcomes.selectors.figures import stored_points
from workflow.rules.facts import History
from workflow.rules.version import RULES_VERSION
from workflow.selectors.decisions import local_date

UPDATED = [f.name for f in FigureRow._meta.concrete_fields if not f.primary_key]


def store(found: Iterable[History], sites: Mapping[UUID, UUID], moment: datetime) -> None:
    """Decides and stores the points of some patients; the caller holds the transaction."""
    rows, gone = [], []
    for history in found:
        patient, today = history.person.id, local_date(moment, history.timezone)
        values = stored_points(history, today)
        if values is None:
            gone.append(patient)
        else:
            rows.append(
                FigureRow(
                    patient_id=patient,
                    site_id=sites[patient],
                    assessed_for=today,
                    derived_by=RULES_VERSION,
                    **values,
                )
            )
    FigureRow.objects.filter(patient__in=gone).delete()
    FigureRow.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["patient"], update_fields=UPDATED
    )
