"""Hundreds of committed patients aged up to 105 whose every typed text carries a token."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from outcomes.services import enrolment
from patients import access
from patients.models import Patient
from tests.exports.conftest import TODAY, Cohort, database, sites  # noqa: F401 (fixtures)
from tests.factories.clones import clone

COPIES = 220
TOKEN = "CANARY"


@pytest.fixture(scope="package")
def crowd(sites: Cohort) -> Cohort:  # noqa: F811
    """Two stories at the north, enrolled in both contracts, each copied with birth years going back."""
    for mrn, months in ((f"{TOKEN}-24", 24), (f"{TOKEN}-14", 14)):
        _marked(sites, sites.told(mrn, months))
        clone(sites.patients[mrn], COPIES // 2)
    return sites


def _marked(cohort: Cohort, patient: UUID) -> None:
    mrn = next(m for m, pk in cohort.patients.items() if pk == patient)
    with cohort.teller(mrn) as told:
        on = TODAY - timedelta(100)
        told.fact(
            TODAY, "bleeds", onset_at=told.at(on).isoformat(), site=f"{TOKEN} knee of Anna Smith, 555-0100",
            joint=True, cause="traumatic", treated=True, note=f"{TOKEN} anna@example.org",
        )  # fmt: skip
        told.fact(
            TODAY, "factor-uses", product=f"{TOKEN} brand", iu="500", given_on=on.isoformat(), reason="other"
        )
        told.fact(
            TODAY, "coverage", payer=f"{TOKEN} plan of Anna", contract="sample-warranty", to=None,
            **{"from": "2020-01-01"},
        )  # fmt: skip
        told.fact(
            TODAY, "events", kind="follow_up_gap", source=TOKEN, **{"from": "2026-11-01", "to": "2026-11-09"}
        )
        told.fact(
            TODAY, "attestations", code="hcc-risk", on=on.isoformat(), note=f"{TOKEN} http://example.org"
        )
        told.results(on, {"FIX_OS": "33"}, lab=f"{TOKEN} laboratory", source_id=f"{TOKEN}-1")
    with access.everywhere(by="test"):
        Patient.objects.filter(pk=patient).update(
            family_name=f"{TOKEN}son", given_name=f"{TOKEN}a", birth_date=date(TODAY.year - 50, 5, 17)
        )
        enrolment.enrol(patient=patient, contract_code="sample-warranty", by="test", at=told.at(TODAY))
