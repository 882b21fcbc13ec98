"""A patient who may be infused, made through the services."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from patients.models import Patient, Site
from tests.factories.people import PatientFactory
from workflow.services import facts, intake

DAY0 = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CODES = ("hematology-consult", "shared-decision", "hepatotoxic-review", "reproductive-counselling", "lft-plan",
         "steroid-plan", "no-prior-gene-therapy", "hemophilia-b-diagnosis")  # fmt: skip
RESULTS = [
    (-60, "LIVER_US", "normal", ""), (-60, "LIVER_ELASTO", "normal", ""), (-21, "AAV5_NAB", "1:21", ""),
    (-16, "HBSAG", "negative", ""), (-16, "HBCAB", "negative", ""), (-16, "HCV_AB", "negative", ""),
    (-16, "HIV_AGAB", "negative", ""), (-14, "FIX_INH", "0.1", "BU"), (-12, "FIX_OS", "1.2", "%"),
    (-12, "FIX_CH", "0.9", "%"), (-11, "HGB", "14", "g/dL"), (-11, "WBC", "6", "10*3/uL"), (-11, "PLT", "220", "10*3/uL"),
    (-11, "INR", "1", ""), (-8, "ALT", "25", "U/L"), (-8, "AST", "20", "U/L"), (-8, "ALP", "80", "U/L"),
    (-8, "TBIL", "0.7", "mg/dL"), (-6, "WEIGHT", "72", "kg"),
]  # fmt: skip
ULN = {"ALT": "40", "AST": "40", "ALP": "120", "TBIL": "1.2"}


def ready_patient(site: Site, *, policy: str = "us-standard", without: str = "", **person: Any) -> Patient:
    """Every gate passes on DAY0, but for what is left out: an analyte, an attestation code, or "regimens"."""
    at = NOON - timedelta(days=1)
    patient = PatientFactory(site=site, policy=policy, at=NOON - timedelta(days=100), **person)
    assay = "extended-range" if policy == "ca-cda" else "clinical-study"
    items = [_item(*row, assay) for row in RESULTS if row[1] != without]
    intake.record_results(patient=patient.pk, items=items, by="t", at=at, listed=True)
    for code in CODES:
        if code != without:
            data = {"code": code, "on": str(DAY0 - timedelta(days=13))}
            facts.record(patient=patient.pk, kind="attestations", data=data, by="t", at=at)
    if without != "regimens":
        data = {"product": "IDELVION", "iu_per_kg": "40", "interval_days": "7", "from": "2024-01-01"}
        facts.record(patient=patient.pk, kind="regimens", data=data, by="t", at=at)
    return patient


def _item(offset: int, analyte: str, value: str, unit: str, assay: str) -> dict[str, Any]:
    on = DAY0 + timedelta(days=offset)
    return {
        "analyte": analyte, "value": value, "unit": unit, "collected_at": f"{on}T08:00:00Z",
        "reference_high": ULN.get(analyte, ""), "assay": assay if analyte == "AAV5_NAB" else "",
    }  # fmt: skip


def given(**more: Any) -> dict[str, Any]:
    """What was given on DAY0."""
    start = NOON - timedelta(hours=3)
    plain = {
        "started_at": start, "ended_at": start + timedelta(hours=1), "observed_until": start + timedelta(hours=5),
        "weight_kg": Decimal(72), "volume_ml": Decimal(144), "outcome": "complete", "place_of_service": "22",
    }  # fmt: skip
    return {**plain, **more}
