"""Stored milestone verdicts: refreshed for patients that were decided since the last assessment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from outcomes.models import Assessment
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.verdicts import MilestoneState
from outcomes.selectors.milestones import states
from patients.access import everywhere
from workflow.rules.facts import known
from workflow.rules.version import RULES_VERSION
from workflow.selectors import stale
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import histories
from workflow.services.pathways import mark_assessed

BATCH = 200
UPDATED = ("target_on", "opens_on", "closes_on", "verdict", "payload", "decided_at", "derived_by")


def refresh(*, at: datetime | None = None) -> int:
    """Assesses every stale patient in batches. Returns how many."""
    moment, total = at or timezone.now(), 0
    while batch := _batch(moment):
        total += batch
    return total


def _batch(moment: datetime) -> int:
    with everywhere(by="assess"), transaction.atomic():
        due = stale.unassessed(BATCH)
        known_histories = histories([d.patient for d in due]) if due else {}
        for entry in due:
            history = known_histories[entry.patient]
            today = local_date(moment, history.timezone)
            _store(entry.patient, entry.site, states(known(history, as_of=today), today), moment)
            mark_assessed(entry.patient, entry.seq)
        return len(due)


def _store(patient: UUID, site: UUID, found: Sequence[MilestoneState], moment: datetime) -> None:
    rows = [_row(patient, site, state, moment) for state in found]
    Assessment.objects.filter(patient_id=patient, frozen=False).exclude(pk__in=[r.pk for r in rows]).delete()
    Assessment.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=UPDATED)


def _row(patient: UUID, site: UUID, state: MilestoneState, moment: datetime) -> Assessment:
    columns: dict[str, Any] = {
        n: getattr(state, n) for n in ("target_on", "opens_on", "closes_on", "verdict")
    }
    return Assessment(
        id=uuid5(patient, f"assessment:{state.contract}:{state.month}:1"),
        patient_id=patient,
        site_id=site,
        contract=state.contract,
        contract_version=state.contract_version,
        month=state.month,
        payload=milestone_json(state),
        decided_at=moment,
        derived_by=RULES_VERSION,
        **columns,
    )
