"""Stored milestones and points of figures: refreshed when a patient was decided anew, when a date has come, and when
one is signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from outcomes.models import Assessment
from outcomes.rules.signing import milestone_id, signed, superseded
from outcomes.selectors.drift import overdue
from outcomes.selectors.versions import milestones
from outcomes.services import figure_rows
from patients.access import everywhere
from patients.models import Patient
from workflow.rules.facts import History, known
from workflow.rules.version import RULES_VERSION
from workflow.selectors import stale
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import histories, history
from workflow.services.pathways import mark_assessed

BATCH = 200
UPDATED = (
    "contract_version", "target_on", "opens_on", "closes_on", "verdict", "payload", "frozen", "decided_at", "derived_by",
)  # fmt: skip


def refresh(*, at: datetime | None = None) -> int:
    """Assesses every patient whose stored milestones may be out of date, in batches. Returns how many."""
    moment, total = at or timezone.now(), 0
    for batch in (_decided, _dated):
        while done := batch(moment):
            total += done
    return total


def store(patient: UUID, *, at: datetime) -> None:
    """Assesses one patient now; the caller holds the patient's lock."""
    site = Patient.objects.values_list("site_id", flat=True).get(pk=patient)
    _store(history(patient), site, at)


def _decided(moment: datetime) -> int:
    """Patients decided since they were assessed last."""
    with everywhere(by="assess"), transaction.atomic():
        due = stale.unassessed(BATCH)
        found = histories([d.patient for d in due]) if due else {}
        for entry in due:
            _store(found[entry.patient], entry.site, moment)
            mark_assessed(entry.patient, entry.seq)
        figure_rows.store(found.values(), {d.patient: d.site for d in due}, moment)
        return len(due)


def _dated(moment: datetime) -> int:
    """Patients whose stored rows a date or new rules have outdated."""
    with everywhere(by="assess"), transaction.atomic():
        due = overdue(moment, BATCH)
        found = histories(list(due)) if due else {}
        for patient, site in due.items():
            _store(found[patient], site, moment)
        figure_rows.store(found.values(), due, moment)
        return len(due)


def _store(found: History, site: UUID, moment: datetime) -> None:
    patient = found.person.id
    rows = list(_rows(found, site, moment))
    Assessment.objects.filter(patient_id=patient).exclude(pk__in=[r.pk for r in rows]).delete()
    Assessment.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=UPDATED)


def _rows(found: History, site: UUID, moment: datetime) -> Iterator[Assessment]:
    today = local_date(moment, found.timezone)
    facts = known(found, as_of=today)
    for row in milestones(found, today):
        yield _row(found.person.id, site, row, row["assessment_version"], row["attested"], moment)
        acts = signed(facts, row["contract"]).get(row["month"], ())
        for old in superseded(acts, row["assessment_version"]):
            yield _row(found.person.id, site, old.milestone, old.version, True, moment)


def row_id(patient: UUID, contract: str, month: int, version: int) -> UUID:
    """The id of a stored version; that of version 1 is the milestone's."""
    milestone = milestone_id(patient, contract, month)
    return milestone if version == 1 else uuid5(milestone, f"version:{version}")


def _row(
    patient: UUID, site: UUID, row: Mapping[str, Any], version: int, frozen: bool, moment: datetime
) -> Assessment:
    columns = {
        n: row[n]
        for n in ("contract", "contract_version", "month", "target_on", "opens_on", "closes_on", "verdict")
    }
    return Assessment(
        id=row_id(patient, row["contract"], row["month"], version),
        patient_id=patient,
        site_id=site,
        version=version,
        frozen=frozen,
        payload=dict(row),
        decided_at=moment,
        derived_by=RULES_VERSION,
        **columns,
    )
