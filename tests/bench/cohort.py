"""The measured cohort: one patient told through the services, copied as often as asked.

The patient was treated five years ago and has 600 results (12 analytes, 50 draws), 20 bleeds, 100 uses of
concentrate and the milestones of a contract; what is scheduled follows from the protocol.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

ANALYTES = {
    "ALT": "30", "AST": "22", "ALP": "80", "TBIL": "0.7", "FIX_OS": "35", "FIX_CH": "15", "HGB": "14", "WBC": "6",
    "PLT": "220", "INR": "1", "AFP": "3", "WEIGHT": "72",
}  # fmt: skip
DRAWS, BLEEDS, USES = 50, 20, 100
COPIED_AT_ONCE, DECIDED_AT_ONCE = 500, 25


def build(patients: int, *, today: date) -> Any:
    """The site of `patients` equal people, each decided on facts of its own."""
    from outcomes.services.cohort import Teller
    from patients.access import everywhere
    from patients.services import sites
    from tests.factories.clones import clone
    from tests.factories.people import make_site

    with everywhere(by="bench"):
        site = make_site("bench")
        sites.create_source(code="bench", site=site)
        told = Teller(site, today, random.Random(1), "B1", contract="sample-level")
        _tell(told, today)
    for first in range(1, patients, COPIED_AT_ONCE):
        clone(told.patient, min(COPIED_AT_ONCE, patients - first), first=first)
    _decide(site)
    _settle()
    return site


def _tell(t: Any, today: date) -> None:
    day0 = today - timedelta(days=1827)
    t.taken_over_on = today - timedelta(days=2)
    t.infuse(day0)
    for n in range(1, DRAWS + 1):
        t.results(day0 + timedelta(days=7 * n if n <= 13 else 91 + (n - 13) * 46), ANALYTES)
    for n in range(BLEEDS):
        t.bleed(day0 + timedelta(days=30 + 85 * n))
    for n in range(USES):
        on = day0 + timedelta(days=22 + 17 * n)
        t.fact(on, "factor-uses", product="IDELVION", iu="3000", given_on=on.isoformat(), reason="bleed")


def _decide(site: Any) -> None:
    """What is stored about the copies names facts of the first: decides them anew."""
    from patients.access import everywhere
    from patients.models import Patient
    from workflow.services import intake

    with everywhere(by="bench"):
        copies = Patient.objects.filter(site=site).exclude(mrn="B1").values_list("pk", flat=True)
        told = [intake.Delivery(patient, ()) for patient in copies]
        for first in range(0, len(told), DECIDED_AT_ONCE):
            intake.receive_all(deliveries=told[first : first + DECIDED_AT_ONCE], by="bench", decide=True)


def _settle() -> None:
    from django.db import connection

    from patients.access import as_owner

    with as_owner(), connection.cursor() as cursor:
        cursor.execute("analyze")
