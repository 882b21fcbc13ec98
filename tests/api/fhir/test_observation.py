"""Results as Observations: values, units, codes, states, dates; and what becomes of corrections."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import V1, World, ok
from tests.api.fhir.conftest import R4, Resource, body, found, issues, of_analyte, report

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
OWN = "urn:daymark:analyte"


@pytest.fixture
def shown(world: World, patient: UUID) -> list[Resource]:
    return found(world.api().get(R4 + f"Observation?patient={patient}&_count=200"))


def quantity(value: str, unit: str, code: str = "", **more: str) -> Resource:
    return {"value": Decimal(value), "unit": unit, "system": UCUM, "code": code or unit, **more}


VALUES: list[tuple[str, str, Any]] = [
    ("ALT", "valueQuantity", quantity("72.50", "U/L")),
    ("AST", "valueQuantity", quantity("10", "U/L", comparator="<")),
    ("TBIL", "valueQuantity", quantity("1", "mg/dL")),
    ("FIX_OS", "valueQuantity", quantity("7", "IU/dL", "[IU]/dL")),
    ("WEIGHT", "valueQuantity", quantity("70.0", "kg")),
    ("INR", "valueQuantity", quantity("1.1", "1")),
    ("PLT", "valueQuantity", quantity("250", "10*3/uL")),
    ("AAV5_NAB", "valueRatio", {"numerator": {"value": 1}, "denominator": {"value": 10, "comparator": "<"}}),
]


@pytest.mark.parametrize(("analyte", "field", "value"), VALUES, ids=[v[0] for v in VALUES])
def test_a_value_is_shown_in_the_form_it_has(
    shown: list[Resource], analyte: str, field: str, value: Any
) -> None:
    row = of_analyte(shown, analyte)
    assert row[field] == value
    assert [name for name in row if name.startswith("value")] == [field] and "dataAbsentReason" not in row


def test_digits_are_sent_as_reported(world: World, patient: UUID) -> None:
    text = world.api().get(R4 + f"Observation?patient={patient}&code=ALT,WEIGHT").content.decode()
    assert '"value":72.50,' in text and '"value":70.0,' in text and "E+" not in text


@pytest.mark.parametrize(
    ("analyte", "snomed", "text"),
    [("HBSAG", "260385009", "nicht reaktiv"), ("LIVER_US", "17621005", "normal")],
)
def test_a_word_is_coded_and_kept(shown: list[Resource], analyte: str, snomed: str, text: str) -> None:
    value = of_analyte(shown, analyte)["valueCodeableConcept"]
    assert (value["coding"][0]["code"], value["text"]) == (snomed, text)


STATES = [
    ("ALT", "final"),
    ("FIX_OS", "preliminary"),
    ("INR", "corrected"),
    ("CREAT", "amended"),
    ("HIV_RNA", "registered"),
]


@pytest.mark.parametrize(("analyte", "status"), STATES)
def test_the_state_is_that_of_the_report(shown: list[Resource], analyte: str, status: str) -> None:
    assert of_analyte(shown, analyte)["status"] == status


def test_a_result_without_a_value_says_why(shown: list[Resource]) -> None:
    assert of_analyte(shown, "HIV_RNA")["dataAbsentReason"]["coding"][0]["code"] == "temp-unknown"


CODES = [
    ("ALT", [(LOINC, "1742-6"), (OWN, "ALT")]),
    ("PLT", [(LOINC, "777-3"), (LOINC, "26515-7"), (OWN, "PLT")]),
    ("AAV5_NAB", [(OWN, "AAV5_NAB")]),
]


@pytest.mark.parametrize(("analyte", "codes"), CODES, ids=[c[0] for c in CODES])
def test_loinc_stands_before_the_own_code(
    shown: list[Resource], analyte: str, codes: list[tuple[str, str]]
) -> None:
    coding = of_analyte(shown, analyte)["code"]["coding"]
    assert [(c["system"], c["code"]) for c in coding] == codes


def test_what_else_is_known_of_a_result(shown: list[Resource], patient: UUID) -> None:
    row = of_analyte(shown, "ALT")
    assert row["subject"] == {"reference": f"Patient/{patient}"}
    assert row["effectiveDateTime"] == "2027-02-26T07:00:00Z"
    assert row["issued"] == "2027-02-26T14:00:00Z"
    assert row["performer"] == [{"display": "Central"}]
    assert row["category"][0]["coding"][0]["code"] == "laboratory"
    limits = {name: limit["value"] for name, limit in row["referenceRange"][0].items()}
    assert limits == {"low": 5, "high": 45}
    assert of_analyte(shown, "AAV5_NAB")["method"] == {"text": "clinical-study"}
    assert of_analyte(shown, "AAV5_NAB")["effectiveDateTime"] == "2027-02-20"
    assert of_analyte(shown, "TBIL")["note"] == [{"text": "Reported as 17.1 umol/L"}]
    categories = {a: of_analyte(shown, a)["category"][0]["coding"][0]["code"] for a in ("WEIGHT", "LIVER_US")}
    assert categories == {"WEIGHT": "vital-signs", "LIVER_US": "imaging"}


def test_a_correction_is_a_new_version_of_the_same_observation(world: World, patient: UUID) -> None:
    api, url = world.api(), V1 + f"patients/{patient}/results/"
    before = of_analyte(found(api.get(R4 + f"Observation?patient={patient}")), "ALT")
    corrected = report(1, "ALT", "27.5", "U/L", status="corrected", reported_at="2027-02-27T09:00:00Z")
    made = ok(api.post(url, corrected), 201)
    after = body(api.get(R4 + f"Observation/{before['id']}"))
    assert (before["meta"]["versionId"], after["meta"]["versionId"]) == ("1", "2")
    assert (after["status"], after["valueQuantity"]["value"]) == ("corrected", Decimal("27.5"))
    assert len(found(api.get(R4 + f"Observation?patient={patient}&code=ALT"))) == 1
    assert api.get(R4 + f"Observation/{before['id']}")["ETag"] == 'W/"2"'
    old_name = api.get(R4 + f"Observation/{made['id']}")
    assert (old_name.status_code, old_name["Location"]) == (
        301, f"http://testserver{R4}Observation/{before['id']}",
    )  # fmt: skip


def test_a_retracted_result_shows_no_value(world: World, patient: UUID) -> None:
    api = world.api()
    made = ok(api.post(V1 + f"patients/{patient}/results/", report(90, "GGT", "31", "U/L")), 201)
    ok(api.post(V1 + f"results/{made['id']}/retract/", {"reason": "another person's blood"}))
    answer = api.get(R4 + f"Observation?patient={patient}&code=GGT")
    row = of_analyte(found(answer), "GGT")
    assert row["status"] == "entered-in-error"
    assert not [name for name in row if name.startswith("value")] and "referenceRange" not in row
    assert b'"value":31' not in answer.content


def test_one_draw_from_two_sources_is_shown_once(world: World, patient: UUID) -> None:
    api = world.api()
    ok(api.post(V1 + f"patients/{patient}/results/", [report(1, "ALT", "72.50", "U/L", source="other")]))
    assert len(found(api.get(R4 + f"Observation?patient={patient}&code=ALT"))) == 1


def test_nothing_else_is_an_observation(world: World, patient: UUID) -> None:
    for pk in (patient, UUID(int=7)):
        issues(world.api().get(R4 + f"Observation/{pk}"), 404)
