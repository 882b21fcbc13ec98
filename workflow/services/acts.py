"""Acts: decisions of people, kept as append-only rows beside the observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from patients.errors import Stale
from patients.selectors.records import records
from workflow.models import Act
from workflow.rules.records import OF_THE_RECORD
from workflow.services.door import Entry, the_door


def record(
    *,
    patient: UUID,
    kind: str,
    key: str = "",
    payload: Mapping[str, Any],
    by: str,
    at: datetime | None = None,
    true_on: date | None = None,
    reason: str = "",
) -> Act:
    """Records one act and decides the patient again. `true_on` defaults to the site's date of recording."""
    with the_door(patient=patient, by=by, at=at) as entry:
        return write(entry, kind=kind, key=key, payload=payload, true_on=true_on, reason=reason)


def write(
    entry: Entry,
    *,
    kind: str,
    key: str = "",
    payload: Mapping[str, Any],
    true_on: date | None = None,
    reason: str = "",
    record: UUID | None = None,
) -> Act:
    """One act within an open door; `record` as in `Entry.stamp`."""
    return Act.objects.create(
        kind=kind,
        key=key,
        payload=dict(payload),
        true_on=true_on or entry.today,
        reason=reason,
        **entry.stamp(record),
    )


def on_key(patient: UUID, kind: str, key: str) -> Sequence[Act]:
    """All acts of one kind on one key, oldest first."""
    return list(
        Act.objects.filter(patient_id__in=_records(patient, kind), kind=kind, key=key).order_by(
            "recorded_at", "id"
        )
    )


def of_kind(patient: UUID, kind: str) -> Sequence[Act]:
    """All acts of one kind, oldest first."""
    return list(
        Act.objects.filter(patient_id__in=_records(patient, kind), kind=kind).order_by("recorded_at", "id")
    )


def _records(patient: UUID, kind: str) -> Any:
    """The records whose acts of a kind count for the patient."""
    return [patient] if kind in OF_THE_RECORD else records(patient)


def must_be(known: Sequence[Act], expected: int, *, submitted: Mapping[str, Any]) -> None:
    """Raises Stale when the caller has seen another number of acts than there are: somebody saved first."""
    if len(known) != expected:
        current = dict(known[-1].payload) if known else {}
        raise Stale(
            "Somebody else saved first.", current=current, submitted=dict(submitted), version=len(known)
        )
