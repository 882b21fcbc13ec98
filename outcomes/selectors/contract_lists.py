"""Contracts that a patient can be enrolled in, and the milestone behind an id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from outcomes import data
from outcomes.models import Assessment
from outcomes.rules.contract import Contract
from outcomes.rules.figures import plain
from outcomes.rules.signing import milestone_id
from workflow.selectors.acts import patients_with


@dataclass(frozen=True, slots=True)
class Found:
    """Which milestone an id stands for."""

    patient: UUID
    contract: str
    month: int


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
        "price": plain(contract.price),
        "refund_cap_percent": plain(contract.refund_cap_percent),
        "milestones": [m.month for m in contract.milestones],
        "criteria": [c.code for c in contract.criteria],
    }


def find_milestone(milestone: UUID) -> Found | None:
    """The milestone with this id among the patients the caller can see; stored ones are found at once."""
    row = Assessment.objects.filter(pk=milestone, version=1).first()
    if row is not None:
        return Found(row.patient_id, row.contract, row.month)
    for contract in data.contracts():
        for patient in patients_with("enrolment", contract.code):
            for m in contract.milestones:
                if milestone_id(patient, contract.code, m.month) == milestone:
                    return Found(patient, contract.code, m.month)
    return None
