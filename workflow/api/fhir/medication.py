"""What was given: the infusion of Day 0 and uses of factor concentrate, as MedicationAdministrations. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from patients.models import FactorUse
from patients.rules.catalog import FactorProducts
from workflow.api.fhir.observations import instant
from workflow.models import Infusion
from workflow.rules import fhir_codes as codes

Resource = dict[str, Any]
INTRAVENOUS = {"coding": [{"system": codes.SNOMED, "code": "47625008", "display": "Intravenous route"}]}


def infusion(row: Infusion, product: str) -> Resource:
    """The infusion; `product` names the therapy of the pathway."""
    status = codes.infusion_status(row.outcome, row.volume_ml, row.retracted)
    coding = {"coding": [{"system": codes.NDC, "code": row.ndc}]} if row.ndc else {}
    period = {"start": instant(row.started_at)} | ({"end": instant(row.ended_at)} if row.ended_at else {})
    return {
        **_common(row, status),
        "medicationCodeableConcept": {**coding, "text": product},
        "effectivePeriod": period,
        **({} if status == "entered-in-error" else {"dosage": _infused(row)}),
    }


def factor_use(row: FactorUse, products: FactorProducts) -> Resource:
    """One use of a concentrate, on a day, in international units."""
    status = "entered-in-error" if row.retracted else "completed"
    product = products.products.get(row.product.strip().upper())
    hcpcs = [{"system": codes.HCPCS, "code": product.hcpcs}] if product and product.hcpcs else []
    dose = {"dosage": {"route": INTRAVENOUS, "dose": _quantity(row.iu, "IU", "[IU]")}}
    return {
        **_common(row, status),
        "medicationCodeableConcept": {**({"coding": hcpcs} if hcpcs else {}), "text": row.product},
        "effectiveDateTime": row.given_on.isoformat(),
        "reasonCode": [{"coding": [{"system": codes.REASONS, "code": row.reason}], "text": row.reason}],
        **({} if row.retracted else dose),
    }


def _common(row: Infusion | FactorUse, status: str) -> Resource:
    body: Resource = {
        "resourceType": "MedicationAdministration",
        "id": str(row.pk),
        "meta": {"versionId": "1", "lastUpdated": instant(row.recorded_at)},
        "status": status,
        "subject": {"reference": f"Patient/{row.patient_id}"},
    }
    if row.source_id:
        body["identifier"] = [{"system": f"urn:daymark:source:{row.source}", "value": row.source_id}]
    return body


def _infused(row: Infusion) -> Resource:
    dosage: Resource = {"route": INTRAVENOUS, "dose": _quantity(row.volume_ml, "mL", "mL")}
    if row.percent_given is not None:
        dosage["text"] = f"{_plain(row.percent_given)} % of the dose was given"
    if row.rate_ml_h is not None:
        dosage["rateQuantity"] = _quantity(row.rate_ml_h, "mL/h", "mL/h")
    return dosage


def _quantity(value: Decimal, unit: str, code: str) -> Resource:
    return {"value": value.normalize(), "unit": unit, "system": codes.UCUM, "code": code}


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
