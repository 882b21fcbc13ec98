"""Two records of one person become one, and a mistaken merge is taken back whole.

The merged record is an alias: its facts stay where they were written and count for the one that stays. What comes for
it later is kept under it too, so that undoing gives each record what was ever written for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from patients.errors import Conflict, Fault, Invalid
from patients.models import Patient
from patients.services import custody
from workflow.models import Act, Pathway
from workflow.selectors.merging import preview
from workflow.services import acts, apply
from workflow.services.door import the_door
from workflow.services.results import sort_repetitions

MERGE, UNDO = "merge", "unmerge"
NOT_MERGED = "This record is not merged into another one."


def merge(*, patient: UUID, into: UUID, reason: str, by: str, at: datetime | None = None) -> Act:
    """Makes `patient` an alias of `into`, and decides that one again with the facts of both.

    Raises NotFound when one of the two is not in the caller's sites, Invalid naming every refusal at once.
    """
    with transaction.atomic():
        locked = _locked(patient, into)
        refused = preview(patient, into, at=at).refusals
        if refused:
            raise Invalid.of(*(Fault("/into", r.code, r.text) for r in refused))
        gone = locked[patient]
        with the_door(patient=into, by=by, at=at) as entry:
            if gone.last_recorded_at and entry.recorded_at <= gone.last_recorded_at:
                entry.recorded_at = gone.last_recorded_at + timedelta(microseconds=1)
            custody.merge(patient=patient, into=into)
            sort_repetitions(entry, (patient, *entry.records))
            apply.withdraw(gone, at=entry.recorded_at)
            return acts.write(
                entry, kind=MERGE, key=str(patient), payload={"code": gone.patient.code}, reason=reason
            )


def undo(*, patient: UUID, reason: str, by: str, at: datetime | None = None) -> Act:
    """Parts a merged record from the one it was merged into, and decides both again, each by its own facts.

    What was recorded meanwhile under the number or id of the merged record goes with it. Raises NotFound, or Conflict
    when the record is not merged.
    """
    with transaction.atomic():
        into = _merged_into(patient)
        gone = _locked(patient, into)[patient]
        if _merged_into(patient) != into:
            raise Conflict(NOT_MERGED)
        with the_door(patient=into, by=by, at=at) as entry:
            custody.unmerge(patient=patient)
            sort_repetitions(entry, [pk for pk in entry.records if pk != patient])
            sort_repetitions(entry, [patient])
            act = acts.write(
                entry, kind=UNDO, key=str(patient), payload={"code": gone.patient.code}, reason=reason
            )
        gone.patient.refresh_from_db()
        gone.last_recorded_at = entry.recorded_at
        apply.decide(gone, at=entry.recorded_at)
        return act


def _merged_into(patient: UUID) -> UUID:
    into = Patient.objects.filter(pk=patient).values_list("merged_into", flat=True).first()
    if into is None:
        raise Conflict(NOT_MERGED)
    return into


def _locked(*records: UUID) -> dict[UUID, Pathway]:
    """The pathways of both records, locked in the order of their ids."""
    rows = Pathway.objects.select_for_update(of=("self",)).select_related("site", "patient__site")
    return {p.pk: p for p in rows.filter(pk__in=records).order_by("pk")}
