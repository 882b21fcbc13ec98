"""Self-written laboratory messages about synthetic people."""

from __future__ import annotations

import json
from typing import Any


def oru(
    *observations: str, mrn: str = "N-1", family: str = "Muster", born: str = "19800101", **more: Any
) -> bytes:
    """An ORU^R01 with one order; each observation is an OBX from field 2 on, or another whole segment."""
    control, filler = more.get("control", "C1"), more.get("filler", "F1")
    at, sent = more.get("at", "20270220081500"), more.get("sent", "20270220120000")
    segments = [
        f"MSH|^~\\&|{more.get('app', 'LAB')}|{more.get('facility', 'HOSP')}|DAYMARK|X|{sent}||ORU^R01|{control}|P|2.5.1",
        f"PID|1||{mrn}^^^HOSP^MR||{family}^Kim||{born}|M",
        f"OBR|1||{filler}|24325-3^Liver^LN|||{at}",
    ]
    for number, text in enumerate(observations, start=1):
        segments.append(text if text[3:4] == "|" else f"OBX|{number}|{text}")
    return "\r".join(segments).encode() + b"\r"


def alt(value: str = "45", *, unit: str = "U/L", status: str = "F", high: str = "7-40") -> str:
    """The OBX of an ALT."""
    return f"NM|1742-6^ALT^LN||{value}|{unit}|{high}||||{status}"


def observation(**more: Any) -> dict[str, Any]:
    """A FHIR Observation of an ALT, about Patient/p1."""
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "1742-6"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2027-02-20T08:15:00Z",
        "issued": "2027-02-20T12:00:00Z",
        "valueQuantity": {"value": 45, "unit": "U/L", "system": "http://unitsofmeasure.org", "code": "U/L"},
        **more,
    }


def bundle(
    *resources: dict[str, Any], mrn: str = "N-1", family: str = "Muster", born: str = "1980-01-01"
) -> bytes:
    """A collection Bundle of one Patient and these resources."""
    person = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": "urn:mrn", "value": mrn}],
        "name": [{"family": family}],
        "birthDate": born,
    }
    entries = [{"resource": r} for r in (person, *resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
