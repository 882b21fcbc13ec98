"""A laboratory result as a FHIR Observation. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from patients.models import Result
from patients.rules.catalog import Analyte
from workflow.rules import fhir_codes as codes

Resource = dict[str, Any]
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


def observation(row: Result, analyte: Analyte, version: int) -> Resource:
    """The version that counts. Its id is that of the result over all versions, `version` how many there are."""
    category = codes.category(analyte)
    body: Resource = {
        "resourceType": "Observation",
        "id": str(row.lineage),
        "meta": _meta(row, category, version),
        "status": codes.OBSERVATION_STATUS[row.status],
        "category": [_concept(codes.CATEGORIES, category, codes.CATEGORY_WORDS[category])],
        "code": _code(row, analyte),
        "subject": {"reference": f"Patient/{row.patient_id}"},
        "effectiveDateTime": effective(row),
        **_value(row),
        **_reference_range(row),
    }
    if row.source_id:
        body["identifier"] = [{"system": f"urn:daymark:source:{row.source}", "value": row.source_id}]
    if row.reported_at:
        body["issued"] = instant(row.reported_at)
    if row.assay:
        body["method"] = {"text": row.assay}
    if row.lab:
        body["performer"] = [{"display": row.lab}]
    return body


def instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def effective(row: Result) -> str:
    """The instant of collection, or the day where only that is known."""
    return row.collected_on.isoformat() if row.precision == "day" else instant(row.collected_at)


def exact(row: Result) -> Decimal:
    """The value with the digits it was reported with, unless it had to be converted."""
    assert row.value is not None
    if row.factor in (None, Decimal(1)):
        for digits in NUMBER.findall(row.value_text):
            number = Decimal(digits.replace(",", "."))
            if number == row.value:
                return number
    return row.value.normalize()


def _meta(row: Result, category: str, version: int) -> Resource:
    profile = {"profile": [codes.US_CORE + "observation-lab"]} if category == "laboratory" else {}
    return {"versionId": str(version), "lastUpdated": instant(row.recorded_at), **profile}


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _code(row: Result, analyte: Analyte) -> Resource:
    loincs = codes.loincs(analyte, row.loinc, row.factor)
    coding = [{"system": codes.LOINC, "code": code} for code in loincs]
    own = {"system": codes.ANALYTES, "code": analyte.code, "display": analyte.title}
    return {"coding": [*coding, own], "text": analyte.title}


def _value(row: Result) -> Resource:
    """value[x], or why there is none. A retracted or cancelled result shows no value, whatever it was."""
    if row.status in codes.WITHOUT_VALUE:
        return _absent(codes.WITHOUT_VALUE[row.status])
    if row.value is not None:
        return _number(row)
    if row.code in codes.VALUES:
        coded = _concept(codes.SNOMED, *codes.VALUES[row.code])
        return {"valueCodeableConcept": coded | {"text": row.value_text.strip() or row.code}}
    return {"valueString": row.value_text} if row.value_text.strip() else _absent("unknown")


def _absent(reason: str) -> Resource:
    return {"dataAbsentReason": {"coding": [{"system": codes.ABSENT, "code": reason}]}}


def _number(row: Result) -> Resource:
    comparator = {"comparator": row.comparator} if row.comparator else {}
    if row.unit == "{titer}":
        return {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": exact(row), **comparator}}}
    value: Resource = {"valueQuantity": {"value": exact(row), **comparator, **_unit(row.unit)}}
    if row.factor not in (None, Decimal(1)):
        value["note"] = [{"text": f"Reported as {row.value_text.strip()} {row.unit_text.strip()}"}]
    return value


def _unit(unit: str) -> Resource:
    return {"unit": unit, "system": codes.UCUM, "code": codes.ucum(unit)} if unit else {}


def _reference_range(row: Result) -> Resource:
    if row.status in codes.WITHOUT_VALUE:
        return {}
    limits = {"low": row.reference_low, "high": row.reference_high}
    shown: Resource = {
        name: {"value": limit.normalize(), **_unit(row.unit)}
        for name, limit in limits.items()
        if limit is not None
    }
    if not shown:
        return {}
    default = {"text": "Default of the source, not reported"} if row.uln_source == "default" else {}
    return {"referenceRange": [shown | default]}
