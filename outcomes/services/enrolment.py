"""A patient is enrolled in a contract: an act that carries the contract's months as data."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from outcomes import data
from outcomes.rules.contract import obligations
from patients.errors import Invalid, NotFound
from patients.models import Coverage, Patient
from workflow.rules.effects import ObligationSet
from workflow.selectors.decisions import local_date
from workflow.services import acts, facts


def enrol(*, patient: UUID, contract_code: str, by: str, at: datetime | None = None) -> None:
    """Enrols in the version in force on the site's date of recording; the code or the contract's id is accepted.

    Raises Invalid for an unknown contract or one that is not in force.
    """
    row = Patient.objects.select_related("site").filter(pk=patient).first()
    if row is None:
        raise NotFound("There is no such patient.")
    today = local_date(at or timezone.now(), row.site.timezone)
    named = data.find_contract(contract_code)
    try:
        found = data.in_force(named.code if named else contract_code, today)
    except LookupError as error:
        known = ", ".join(sorted({c.code for c in data.contracts()}))
        raise Invalid.at(
            "/contract", "unknown", f"No contract “{contract_code}” in force; known are {known}."
        ) from error
    payload = {"version": found.version, "obligations": _payload(obligations(found))}
    acts.record(patient=patient, kind="enrolment", key=found.code, payload=payload, by=by, at=at)


def cover(*, patient: UUID, posted: Any, by: str, at: datetime | None = None) -> facts.Stored:
    """Records an insurance episode. One that names a contract enrols the patient in it, once.

    Raises Invalid for an unknown contract or one that is not in force; then nothing is stored.
    """
    with transaction.atomic():
        stored = facts.record(patient=patient, kind="coverage", data=posted, by=by, at=at)
        if isinstance(stored.row, Coverage) and _is_new(stored.row):
            enrol(patient=patient, contract_code=stored.row.contract, by=by, at=at)
        return stored


def _is_new(row: Coverage) -> bool:
    """Whether the episode names a contract in which the patient is not enrolled yet."""
    if not row.contract or row.retracted:
        return False
    named = data.find_contract(row.contract)
    return named is None or not acts.on_key(row.patient_id, "enrolment", named.code)


def _payload(owed: ObligationSet) -> dict[str, Any]:
    return {
        "title": owed.title,
        "analytes": list(owed.analytes),
        "grace_days": owed.grace_days,
        "slots": [{"month": s.month, "before": s.before, "after": s.after} for s in owed.slots],
    }
