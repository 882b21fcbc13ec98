"""Patient as a FHIR Patient. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from patients.models import Patient
from workflow.rules import fhir_codes as codes

Resource = dict[str, Any]


def patient(row: Patient, died_on: date | None) -> Resource:
    """With US Core's must-have elements: identifier, name, gender, birth date."""
    body: Resource = {
        "resourceType": "Patient",
        "id": str(row.pk),
        "meta": {"versionId": str(row.version), "profile": [codes.US_CORE + "patient"]},
        "identifier": [_mrn(row)],
        "active": row.merged_into is None,
        "name": [_name(row)],
        "gender": row.sex,
        "birthDate": row.birth_date.isoformat(),
        "managingOrganization": {"display": row.site.name},
    }
    if died_on is not None:
        body["deceasedDateTime"] = died_on.isoformat()
    if row.merged_into is not None:
        body["link"] = [{"other": {"reference": f"Patient/{row.merged_into}"}, "type": "replaced-by"}]
    return body


def _mrn(row: Patient) -> Resource:
    kind = {"system": codes.IDENTIFIERS, "code": "MR", "display": "Medical record number"}
    return {
        "use": "usual",
        "type": {"coding": [kind]},
        "system": codes.mrn_system(row.site.code),
        "value": row.mrn,
    }


def _name(row: Patient) -> Resource:
    name: Resource = {"use": "official", "family": row.family_name}
    return name | ({"given": [row.given_name]} if row.given_name else {})
