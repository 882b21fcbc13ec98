"""A laboratory's reports in every form a value can have, posted through the API, and the façade's answers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from outcomes.services import cohort
from tests.api.conftest import V1, World, ok

R4 = "/fhir/R4/"
Resource = dict[str, Any]


def body(answer: Any, status: int = 200) -> Any:
    """The resource of an answer, numbers as Decimal with all digits sent."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/fhir+json"), answer["Content-Type"]
    return json.loads(answer.content, parse_float=Decimal)


def issues(answer: Any, status: int) -> list[Resource]:
    """The issues of an OperationOutcome."""
    told = body(answer, status)
    assert told["resourceType"] == "OperationOutcome" and told["issue"]
    return list(told["issue"])


def found(answer: Any) -> list[Resource]:
    """The resources of a searchset."""
    told = body(answer)
    assert (told["resourceType"], told["type"]) == ("Bundle", "searchset")
    return [entry["resource"] for entry in told.get("entry", [])]


def link(bundle: Resource, relation: str) -> str:
    return next((part["url"] for part in bundle["link"] if part["relation"] == relation), "")


def report(number: int, analyte: str, value: str, unit: str = "", **more: Any) -> dict[str, Any]:
    fields = {
        "analyte": analyte,
        "value": value,
        "unit": unit,
        "collected_at": "2027-02-26T08:00:00+01:00",
        "source": "lab",
        "source_id": f"R-{number}",
        **more,
    }
    return {k: v for k, v in fields.items() if v or k == "value"}


REPORTS = [
    report(1, "ALT", "72.50", "U/L", reference_low="5", reference_high="45.0", lab="Central", reported_at="2027-02-26T15:00:00+01:00"),
    report(2, "AST", "<10", "IU/L"),
    report(3, "TBIL", "17.1", "umol/L"),
    report(4, "AAV5_NAB", "<1:10", collected_at="2027-02-20", assay="clinical-study"),
    report(5, "HBSAG", "nicht reaktiv", collected_at="2027-02-21"),
    report(6, "FIX_OS", "7", "%", status="preliminary"),
    report(7, "WEIGHT", "70.0", "kg", collected_at="2027-02-25"),
    report(8, "INR", "1.1", "INR", status="corrected"),
    report(9, "HIV_RNA", "", "", status="registered"),
    report(10, "LIVER_US", "normal", collected_at="2027-01-15"),
    report(11, "", "250", "10*9/L", loinc="26515-7"),
    report(12, "CREAT", "0.9", "mg/dL", status="amended"),
]  # fmt: skip


@pytest.fixture
def patient(world: World) -> UUID:
    """A patient of the site north with one report of each form."""
    pk = world.told(cohort.referred)
    ok(world.api().post(V1 + f"patients/{pk}/results/", REPORTS))
    return pk


def of_analyte(resources: list[Resource], analyte: str) -> Resource:
    return next(r for r in resources if analyte in [c["code"] for c in r["code"]["coding"]])
