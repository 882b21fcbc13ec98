"""Contracts and their milestones over all patients of the visible sites."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid5

from django.utils import timezone

from outcomes import data
from outcomes.rules.contract import Contract
from outcomes.selectors.milestones import milestone_rows
from workflow.rules.facts import known
from workflow.selectors.acts import patients_with
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import histories


def contract_json(contract: Contract) -> dict[str, Any]:
    """A contract's terms; an invented one says so."""
    return {
        "id": str(data.contract_id(contract)),
        "code": contract.code,
        "version": contract.version,
        "title": contract.title,
        "invented": contract.invented,
        "payer": contract.payer,
        "effective_from": contract.effective_from.isoformat(),
        "effective_to": contract.effective_to.isoformat() if contract.effective_to else None,
        "currency": contract.currency,
        "price_basis": contract.price_basis,
        "milestones": [m.month for m in contract.milestones],
        "criteria": [c.code for c in contract.criteria],
    }


def contract_milestones(code: str, *, as_of: date | None, verdict: str | None) -> list[dict[str, Any]]:
    """Milestones of every enrolled patient, by patient and month."""
    now = timezone.now()
    rows: list[dict[str, Any]] = []
    for patient, history in sorted(histories(patients_with("enrolment", code)).items()):
        on = as_of or local_date(now, history.timezone)
        for row in milestone_rows(known(history, as_of=on), on):
            if row["contract"] == code and verdict in (None, row["verdict"]):
                rows.append(
                    {
                        "id": _id(patient, code, row["month"]),
                        "patient": str(patient),
                        **row,
                        "attested": False,
                    }
                )
    return rows


def _id(patient: UUID, code: str, month: int) -> str:
    return str(uuid5(patient, f"milestone:{code}:{month}"))
