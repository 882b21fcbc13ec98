"""Random codes under which patients appear in the exports of a contract: drawn once, then always the same."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from uuid import UUID

from outcomes.models import SubjectCode
from patients.models import Patient
from workflow.selectors.acts import patients_with

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 10
BATCH = 1000


def draw(contract: str) -> int:
    """Gives a code to each enrolled patient in view without one. Returns how many."""
    enrolled = set(patients_with("enrolment", contract))
    drawn = 0
    while missing := enrolled - _known(contract):
        drawn += _give(contract, sorted(missing)[:BATCH])
    return drawn


def _known(contract: str) -> set[UUID]:
    return set(SubjectCode.objects.filter(contract=contract).values_list("patient_id", flat=True))


def _give(contract: str, patients: Iterable[UUID]) -> int:
    """A code that is taken already is left out, and drawn anew in the next round."""
    sites = Patient.objects.filter(pk__in=patients).values_list("pk", "site_id")
    rows = [SubjectCode(contract=contract, patient_id=pk, site_id=site, code=_code()) for pk, site in sites]
    return len(SubjectCode.objects.bulk_create(rows, ignore_conflicts=True))


def _code() -> str:
    """Begins with two letters, so that no spreadsheet takes it for a number."""
    return "SU" + "".join(secrets.choice(LETTERS) for _ in range(LENGTH - 2))
