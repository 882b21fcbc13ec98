"""FHIR R4 Observations: every value, whom they are about, ranges, identity; and documents that are refused."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from patients.readers import fhir_results
from patients.readers.envelope import Named, PatientNumber, Unreadable
from patients.readers.fhir import People
from patients.rules.codemaps import SourceRules
from tests.readers.messages import (
    NAB,
    bundle,
    coding,
    fhir,
    json_bytes,
    meant,
    ndjson,
    observation,
    one,
    patient,
    quantity,
    valued,
)

EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)
SNOMED = "http://snomed.info/sct"
HBSAG = {"code": {"coding": [coding("5196-1")]}}
NAB5 = {"code": {"coding": [coding("NAB5", "L")]}}
VITAL = [{"coding": [coding("vital-signs", "http://terminology.hl7.org/CodeSystem/observation-category")]}]


def judged(resource: dict[str, Any], rules: SourceRules = NAB) -> Any:
    return meant(one(resource), rules)


def test_a_plain_result() -> None:
    found = judged(observation(
        issued="2026-03-01T10:00:00+01:00", method={"text": "IFCC"}, performer=[{"display": "Central"}],
        note=[{"text": "one"}, {"text": "two"}], interpretation=[{"coding": [coding("H", "v3")]}],
    ))  # fmt: skip
    envelope = found.envelope
    assert (found.disposition, found.analyte, found.number, found.unit) == (
        "result",
        "ALT",
        Decimal(51),
        "U/L",
    )
    assert (envelope.collected, envelope.reported_at) == (EIGHT, datetime(2026, 3, 1, 9, tzinfo=UTC))
    assert (envelope.method, envelope.lab, envelope.note, envelope.flag) == (
        "IFCC",
        "Central",
        "one\ntwo",
        "H",
    )
    assert envelope.where == {"entry": 1, "resource": "Observation", "id": "o1"}
    assert envelope.named == Named(
        numbers=(PatientNumber("4711", ("urn:mrn",)),),
        family_name="Doe",
        birth_date=date(1985, 5, 17),
        sex="female",
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("72.50", "72.50"), ("72", "72"), ("7.250E1", "72.50"), ("72.0", "72.0"), ("0.0", "0.0"), ("5e1", "50"),
        ("1e-7", "0.0000001"), ("-0.5", "-0.5"),
    ],
)  # fmt: skip
def test_numbers_keep_their_digits(written: str, text: str) -> None:
    data = json_bytes(bundle(patient(), valued(valueQuantity=quantity("@")))).replace(
        b'"@"', written.encode()
    )
    found = fhir(data)[0]
    assert found.value == text
    assert f'"value": {Decimal(written)}' in found.raw


@pytest.mark.parametrize(
    "written",
    [
        '"55"',
        "true",
        "null",
        "[55]",
        '{"value": 55}',
        "1e999999999",
        "1e-999999999",
        "9" * 60,
        "-1E+999999999",
    ],
)
def test_what_is_no_number_is_not_read_as_one(written: str) -> None:
    data = json_bytes(bundle(patient(), valued(valueQuantity=quantity("@")))).replace(
        b'"@"', written.encode()
    )
    found = meant(fhir(data)[0])
    assert (found.disposition, found.reason, found.number) == ("quarantine", "value-unparseable", None)
    json.loads(found.envelope.raw)


@pytest.mark.parametrize(
    "written", ["NaN", "Infinity", "-Infinity", "01", "1e9999999999999999999999", ".5", "1."]
)
def test_json_that_is_none(written: str) -> None:
    data = json_bytes(bundle(patient(), valued(valueQuantity=quantity("@")))).replace(
        b'"@"', written.encode()
    )
    if written.startswith("1e9"):
        with pytest.raises(Unreadable):
            fhir(data)
        return
    with pytest.raises(Unreadable) as error:
        fhir(data)
    assert error.value.reason == "unreadable"


@pytest.mark.parametrize(
    ("comparator", "disposition"),
    [("<", "result"), ("<=", "result"), (">", "result"), (">=", "result"), (None, "result"), ("ad", "quarantine"),
     ("~", "quarantine"), (["<"], "quarantine"), ({"x": 1}, "quarantine"), ("", "quarantine")],
)  # fmt: skip
def test_comparators(comparator: Any, disposition: str) -> None:
    found = judged(valued(valueQuantity=quantity(51, comparator=comparator)))
    assert found.disposition == disposition
    if disposition == "result":
        assert (found.value.comparator, found.number) == (comparator or "", Decimal(51))


@pytest.mark.parametrize(
    ("held", "unit"),
    [
        (quantity(51, "U/L"), "U/L"), ({"value": 51, "unit": "U/L"}, "U/L"), ({"value": 51, "code": "U/L"}, "U/L"),
        ({"value": 51, "unit": "IU/L", "code": "x", "system": "urn:lab"}, "IU/L"), ({"value": 51}, ""),
        ({"value": 51, "unit": "IU/L", "system": "http://unitsofmeasure.org"}, "IU/L"), ({"value": 51, "unit": 7}, ""),
    ],
)  # fmt: skip
def test_the_unit_is_the_ucum_code_else_the_words(held: dict[str, Any], unit: str) -> None:
    assert one(valued(valueQuantity=held)).unit == unit


@pytest.mark.parametrize(
    ("value", "disposition", "reason", "number"),
    [
        ({"valueInteger": 51}, "quarantine", "unit-unknown", None),
        ({"valueInteger": 51.5}, "quarantine", "value-unparseable", None),
        ({"valueInteger": "51"}, "quarantine", "value-unparseable", None),
        ({"valueString": "51 U/L"}, "result", "", "51"),
        ({"valueString": "<10 U/L"}, "result", "", "10"),
        ({"valueString": "hemolysed"}, "quarantine", "value-unparseable", None),
        ({"valueString": "pending"}, "pending", "", None),
        ({"valueString": ""}, "pending", "", None),
        ({"valueString": 51}, "quarantine", "value-unparseable", None),
        ({"valueBoolean": True}, "quarantine", "value-unparseable", None),
        ({"valueRange": {"low": quantity(5), "high": quantity(9)}}, "quarantine", "value-unparseable", None),
        ({"valueSampledData": {"data": "1 2 3"}}, "quarantine", "value-unparseable", None),
        ({"valueTime": "08:00:00"}, "quarantine", "value-unparseable", None),
        ({"valueDateTime": "2026-03-01"}, "quarantine", "value-unparseable", None),
        ({"valuePeriod": {"start": "2026-03-01"}}, "quarantine", "value-unparseable", None),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 678}}}, "quarantine", "unit-dimension", None),
        ({"valueQuantity": quantity(51), "valueString": "51"}, "quarantine", "value-unparseable", None),
        ({"valueQuantity": {}}, "pending", "", None),
        ({"valueQuantity": "51"}, "pending", "", None),
        ({"valueCodeableConcept": {"text": "see note"}}, "quarantine", "value-unparseable", None),
        ({}, "pending", "", None),
    ],
)  # fmt: skip
def test_every_kind_of_value(
    value: dict[str, Any], disposition: str, reason: str, number: str | None
) -> None:
    found = judged(valued(**value))
    assert (found.disposition, found.reason) == (disposition, reason)
    assert disposition != "result" or found.number == Decimal(number or "")


def test_a_range_is_kept_as_a_range() -> None:
    assert one(valued(valueRange={"low": quantity(5), "high": quantity(9)})).span == ("5", "9")


@pytest.mark.parametrize(
    ("above", "below", "comparator", "number"),
    [
        ({"value": 1}, {"value": 678}, "", "678"), ({"value": 1}, {"value": 7, "comparator": "<"}, "<", "7"),
        ({"value": 1, "comparator": "<"}, {"value": 7}, "<", "7"), ({"value": 1.0}, {"value": 678.5}, "", "678.5"),
        ({"value": 1, "unit": "{titer}"}, {"value": 678}, "", "678"),
        ({"value": 2}, {"value": 678}, None, ""), ({"value": 1}, {}, None, ""), ({}, {"value": 678}, None, ""),
        ({"value": 1, "unit": "mg"}, {"value": 678, "unit": "mL"}, None, ""),
        ({"value": 1, "comparator": "<"}, {"value": 7, "comparator": ">"}, None, ""), ({"value": "1"}, {"value": 7}, None, ""),
    ],
)  # fmt: skip
def test_ratios_are_titers(above: Any, below: Any, comparator: str | None, number: str) -> None:
    found = judged(valued(valueRatio={"numerator": above, "denominator": below}, **NAB5))
    if comparator is None:
        assert (found.disposition, found.reason) == ("quarantine", "value-unparseable")
        return
    assert (found.disposition, found.value.comparator, found.number) == (
        "result",
        comparator,
        Decimal(number),
    )
    assert found.value.titer and found.assay == "clinical-study"


@pytest.mark.parametrize(
    ("concept", "code"),
    [
        ({"coding": [coding("260385009", SNOMED)]}, "negative"), ({"coding": [coding("260415000", SNOMED)]}, "negative"),
        ({"coding": [coding("10828004", SNOMED)]}, "positive"), ({"coding": [coding("260373001", SNOMED)]}, "positive"),
        ({"text": "Negative"}, "negative"), ({"text": "Not detected"}, "not_detected"),
        ({"coding": [coding("N", "urn:lab", "Non-Reactive")]}, "negative"),
        ({"coding": [coding("260385009", SNOMED), coding("10828004", SNOMED)]}, None),
        ({"coding": [coding("260385009", SNOMED)], "text": "Positive"}, None),
        ({"coding": [coding("260415000", SNOMED)], "text": "Not detected"}, "negative"),
        ({"coding": [coding("260385009", "urn:lab")]}, None),
    ],
)  # fmt: skip
def test_coded_values(concept: dict[str, Any], code: str | None) -> None:
    found = judged(valued(valueCodeableConcept=concept, **HBSAG))
    if code is None:
        assert (found.disposition, found.value.code) == ("quarantine", None)
    else:
        assert (found.disposition, found.value.code, found.number) == ("result", code, None)


@pytest.mark.parametrize(
    ("status", "value", "reason", "disposition"),
    [
        ("final", 51, None, "result"), ("amended", 51, None, "result"), ("corrected", 51, None, "result"),
        ("preliminary", 51, None, "result"), ("registered", None, None, "pending"), ("cancelled", None, None, "cancelled"),
        ("entered-in-error", 51, None, "retract"), ("unknown", 51, None, "quarantine"), ("weird", 51, None, "quarantine"),
        (None, 51, None, "quarantine"), (7, 51, None, "quarantine"), ("final", None, "unknown", "pending"),
        ("final", None, "temp-unknown", "pending"), ("final", None, "not-performed", "cancelled"),
        ("final", 51, "not-performed", "result"), ("preliminary", None, "not-performed", "pending"),
        ("registered", 51, None, "pending"),
    ],
)  # fmt: skip
def test_status_and_absent_data(status: Any, value: int | None, reason: str | None, disposition: str) -> None:
    absent = (
        {"coding": [coding(reason, "http://terminology.hl7.org/CodeSystem/data-absent-reason")]}
        if reason
        else None
    )
    held = quantity(value) if value is not None else None
    found = judged(observation(status=status, valueQuantity=held, dataAbsentReason=absent))
    assert found.disposition == disposition
    assert disposition != "quarantine" or found.reason == "status-unknown"


@pytest.mark.parametrize(
    ("codes", "analyte", "disposition", "reason"),
    [
        ([coding("1742-6")], "ALT", "result", ""), ([coding("X", "L"), coding("1742-6")], "ALT", "result", ""),
        ([coding("2345-7"), coding("1742-6")], "ALT", "result", ""), ([coding("1742-6"), coding("1920-8")], "", "quarantine", "unmapped-code"),
        ([coding("2345-7")], "", "untracked", ""), ([coding("1742-5")], "", "quarantine", "unmapped-code"),
        ([coding("X", "L")], "", "quarantine", "unmapped-code"), ([], "", "quarantine", "unmapped-code"),
        ([coding("GLU", "L")], "", "untracked", ""), ([coding("1742-6", "urn:oid:2.16.840.1.113883.6.1")], "ALT", "result", ""),
        ([coding("1742-²")], "", "quarantine", "unmapped-code"), ([{"code": 7, "system": 8}], "", "quarantine", "unmapped-code"),
        ([coding("3188-0"), coding("3187-2")], "", "quarantine", "unmapped-code"),
    ],
)  # fmt: skip
def test_codes(codes: list[Any], analyte: str, disposition: str, reason: str) -> None:
    found = judged(observation(code={"coding": codes}))
    assert (found.analyte, found.disposition, found.reason) == (analyte, disposition, reason)


@pytest.mark.parametrize(
    ("category", "code", "disposition"),
    [
        (VITAL, "29463-7", "quarantine"),
        (VITAL, "8867-4", "untracked"),
        (VITAL, "local", "untracked"),
        ([{"coding": [coding("social-history")]}], "local", "untracked"),
        ([{"coding": [coding("social-history")]}, {"coding": [coding("laboratory")]}], "local", "quarantine"),
        (None, "local", "quarantine"),
        (None, "8867-4", "untracked"),
        ([{"text": "Laboratory"}], "local", "quarantine"),
        (
            [{"coding": [coding("LAB", "http://terminology.hl7.org/CodeSystem/v2-0074")]}],
            "local",
            "quarantine",
        ),
    ],
)
def test_what_is_no_laboratory_result(category: Any, code: str, disposition: str) -> None:
    system = "L" if code == "local" else "http://loinc.org"
    assert (
        judged(observation(category=category, code={"coding": [coding(code, system)]})).disposition
        == disposition
    )


def test_body_weight_is_a_vital_sign_that_counts() -> None:
    found = judged(
        observation(category=VITAL, code={"coding": [coding("29463-7")]}, valueQuantity=quantity(72.5, "kg"))
    )
    assert (found.disposition, found.analyte, found.number) == ("result", "WEIGHT", Decimal("72.5"))


def test_disagreeing_codes_wait_whatever_the_category() -> None:
    codes = {"coding": [coding("29463-7"), coding("8302-2")]}
    assert judged(observation(category=VITAL, code=codes)).reason == "unmapped-code"


def test_panels_of_components_are_not_followed() -> None:
    panel = {"coding": [coding("CMP", "L")]}
    assert judged(valued(component=[{"code": panel}], code=panel)).disposition == "untracked"
    assert (
        judged(valued(component=[{"code": panel}], code={"coding": [coding("24323-8")]})).disposition
        == "untracked"
    )


def test_a_modifier_that_must_be_understood() -> None:
    found = judged(observation(modifierExtension=[{"url": "urn:not", "valueBoolean": True}]))
    assert (found.disposition, found.reason) == ("quarantine", "modifier-extension")
    assert judged(observation(modifierExtension=[])).disposition == "result"
    ranged = observation(referenceRange=[{"high": quantity(40), "modifierExtension": [{"url": "urn:not"}]}])
    assert judged(ranged).high is None


@pytest.mark.parametrize(
    ("told", "collected"),
    [
        ({"effectiveDateTime": "2026-03-01T08:00:00Z"}, EIGHT), ({"effectiveDateTime": "2026-03-01T09:00:00.000+01:00"}, EIGHT),
        ({"effectiveDateTime": "2026-03-01"}, date(2026, 3, 1)), ({"effectiveInstant": "2026-03-01T08:00:00Z"}, EIGHT),
        ({"effectivePeriod": {"start": "2026-03-01T08:00:00Z", "end": "2026-03-02"}}, EIGHT),
        ({"effectiveDateTime": "2026-03-01T08:00:00.123456789Z"}, EIGHT.replace(microsecond=123456)),
    ],
)  # fmt: skip
def test_times(told: dict[str, Any], collected: Any) -> None:
    found = one(observation(**{"effectiveDateTime": None, **told}))
    assert (found.collected, found.bad_time) == (collected, False)


@pytest.mark.parametrize(
    "told",
    [
        {}, {"effectiveDateTime": "2026"}, {"effectiveDateTime": "2026-03"}, {"effectiveDateTime": "2026-03-01T08:00:00"},
        {"effectiveDateTime": "2026-02-30"}, {"effectiveDateTime": "yesterday"}, {"effectiveDateTime": 20260301},
        {"effectiveTiming": {"event": ["2026-03-01"]}}, {"effectivePeriod": {"end": "2026-03-01"}},
        {"effectiveDateTime": "2026-03-01T08:00:00+99:00"}, {"effectiveDateTime": "0001-01-01T00:00:00+14:00"},
        {"effectiveDateTime": "9999-12-31T23:59:59-14:00"}, {"effectivePeriod": "2026"}, {"effectiveDateTime": "2026-03-01T24:00:00Z"},
        {"effectiveDateTime": "2026-03-01", "effectiveTiming": {}},
    ],
)  # fmt: skip
def test_times_that_cannot_be_used(told: dict[str, Any]) -> None:
    found = judged(observation(**{"effectiveDateTime": None, **told}))
    assert (found.disposition, found.reason) == ("quarantine", "bad-timestamp")


@pytest.mark.parametrize("issued", ["soon", "2026", 7, "0001-01-01T00:00:00+14:00", None])
def test_an_unusable_time_of_issue_is_none(issued: Any) -> None:
    assert one(observation(issued=issued)).reported_at is None


KNOWN = Named(
    numbers=(PatientNumber("4711", ("urn:mrn",)),),
    family_name="Doe",
    birth_date=date(1985, 5, 17),
    sex="female",
)


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("Patient/p1", ""), ("Patient/p1/_history/3", ""), ("https://a/fhir/Patient/p1", "https://a/fhir/Patient/p1"),
        ("https://a/fhir/Patient/p1/_history/3", "https://a/fhir/Patient/p1"), ("Patient/p1", "https://a/fhir/Patient/p1"),
        ("urn:uuid:1b2d0d0c-0000-4000-8000-000000000001", "urn:uuid:1b2d0d0c-0000-4000-8000-000000000001"),
        ("https://a/fhir/Patient/p1", ""), ("Patient/p1", "urn:uuid:1b2d0d0c-0000-4000-8000-000000000001"),
    ],
)  # fmt: skip
def test_references(reference: str, url: str) -> None:
    document = bundle(observation(subject={"reference": reference}), patient(), urls=["", url])
    assert fhir(json_bytes(document))[0].named == KNOWN


@pytest.mark.parametrize(
    "reference",
    ["Patient/p2", "https://b/fhir/Patient/p1", "p1", "Group/p1", "#p1", "urn:uuid:other", "", "Patient/", "Device/p1",
     "Patient?identifier=", "Patient?name=Doe", "Group?identifier=urn:mrn|4711"],
)  # fmt: skip
def test_references_that_lead_nowhere(reference: str) -> None:
    document = bundle(
        observation(subject={"reference": reference}), patient(), urls=["", "https://a/fhir/Patient/p1"]
    )
    assert fhir(json_bytes(document))[0].named == Named()


@pytest.mark.parametrize(
    "subject", [None, "Patient/p1", [], {"reference": 7}, {"identifier": "4711"}, {"display": "Doe"}]
)
def test_subjects_that_say_nobody(subject: Any) -> None:
    assert one(observation(subject=subject)).named == Named()


def test_two_servers_with_the_same_id() -> None:
    other = patient(identifier=[{"system": "urn:mrn", "value": "4712"}])
    urls = ["https://a/fhir/Patient/p1", "https://b/fhir/Patient/p1"]
    named = [
        fhir(json_bytes(bundle(patient(), other, observation(subject={"reference": r}), urls=[*urls, u])))[0].named
        for r, u in [
            (urls[0], ""), (urls[1], ""), ("Patient/p1", "https://a/fhir/Observation/o1"),
            ("Patient/p1", "https://b/fhir/Observation/o1"), ("Patient/p1", ""),
        ]
    ]  # fmt: skip
    assert [n.numbers[0].value if n.numbers else None for n in named] == [
        "4711",
        "4712",
        "4711",
        "4712",
        None,
    ]


def test_the_patient_inside_the_observation() -> None:
    inside = observation(subject={"reference": "#c"}, contained=[patient(id="c")])
    assert fhir(json_bytes(inside))[0].named == KNOWN
    group = observation(subject={"reference": "#c"}, contained=[patient(id="c", resourceType="Group")])
    assert fhir(json_bytes(group))[0].named == Named()


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ({"identifier": {"system": "urn:mrn", "value": " 4711 "}}, PatientNumber("4711", ("urn:mrn",))),
        ({"identifier": {"value": "4711"}}, PatientNumber("4711")),
        ({"reference": "Patient?identifier=urn:mrn|4711"}, PatientNumber("4711", ("urn:mrn",))),
        ({"reference": "Patient?identifier=urn%3Amrn%7C4711"}, PatientNumber("4711", ("urn:mrn",))),
        ({"reference": "https://a/Patient?active=true&identifier=urn:mrn|47+11"}, PatientNumber("47+11", ("urn:mrn",))),
        ({"reference": "Patient?identifier=4711"}, PatientNumber("4711")),
        ({"reference": "Patient?identifier=|4711"}, PatientNumber("4711")),
        ({"reference": "Patient/gone", "identifier": {"value": "4711"}}, PatientNumber("4711")),
    ],
)  # fmt: skip
def test_patients_by_their_number(subject: dict[str, Any], number: PatientNumber) -> None:
    assert one(observation(subject=subject)).named == Named(numbers=(number,), number_suffices=True)


@pytest.mark.parametrize(
    ("changes", "family", "born", "numbers"),
    [
        ({"birthDate": "1985"}, "Doe", None, 1), ({"birthDate": "1985-05"}, "Doe", None, 1), ({"birthDate": 1985}, "Doe", None, 1),
        ({"name": [{"use": "old", "family": "Roe"}, {"family": "Doe"}]}, "Doe", date(1985, 5, 17), 1),
        ({"name": []}, "", date(1985, 5, 17), 1), ({"name": [{"text": "Jane Doe"}]}, "", date(1985, 5, 17), 1),
        ({"identifier": [{"value": "1"}, {"use": "old", "value": "2"}, {"value": 3}, {}, {"value": "4"}]}, "Doe", date(1985, 5, 17), 2),
        ({"identifier": {"value": "1"}}, "Doe", date(1985, 5, 17), 0), ({"gender": {"x": 1}}, "Doe", date(1985, 5, 17), 1),
        ({"birthDate": "1985-05-17T08:00:00Z"}, "Doe", None, 1),
    ],
)  # fmt: skip
def test_patients(changes: dict[str, Any], family: str, born: date | None, numbers: int) -> None:
    named = fhir(json_bytes(bundle(patient(**changes), observation())))[0].named
    assert (named.family_name, named.birth_date, len(named.numbers)) == (family, born, numbers)
    assert not named.number_suffices
    hash(named)


def test_a_patient_of_whom_only_the_number_is_told() -> None:
    bare = {"resourceType": "Patient", "id": "p1", "identifier": [{"value": "4711"}]}
    assert fhir(json_bytes(bundle(bare, observation())))[0].named.number_suffices


def limited(*ranges: dict[str, Any]) -> Any:
    return judged(observation(referenceRange=list(ranges)))


def female(*, low: float = 7, high: float = 40, **more: Any) -> dict[str, Any]:
    return {
        "low": quantity(low),
        "high": quantity(high),
        "appliesTo": [{"coding": [coding("248152002", SNOMED)]}],
    } | more


def male(**more: Any) -> dict[str, Any]:
    return {
        "low": quantity(9),
        "high": quantity(60),
        "appliesTo": [{"coding": [coding("male", "gender")]}],
    } | more


KIND = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"


@pytest.mark.parametrize(
    ("ranges", "low", "high"),
    [
        ([{"low": quantity(7), "high": quantity(40)}], 7, 40), ([{"high": quantity(40)}], None, 40),
        ([{"text": "7-40"}], None, None), ([male(), female()], 7, 40), ([female(), male(high=quantity(60))], 7, 40),
        ([{"high": quantity(40)}, {"high": quantity(50)}], None, None), ([male()], None, None),
        ([{"high": quantity(90), "type": {"coding": [coding("critical", KIND)]}}, {"high": quantity(40)}], None, 40),
        ([{"high": quantity(40), "type": {"coding": [coding("normal", KIND)]}}], None, 40),
        ([female(age={"high": quantity(17, "a")}), female(high=45, age={"low": quantity(18, "a")})], 7, 45),
        ([female(age={"high": quantity(6, "mo")}), female(high=45)], 7, 45),
        ([female(age={"low": quantity(1e30, "a")}), female(high=45)], 7, 45),
        ([{"low": quantity(40), "high": quantity(7)}], None, None), ([{"high": quantity("40")}], None, None),
        ([{"high": quantity(0.6667, "ukat/L")}], None, Decimal("40.002")), ([{"high": quantity(40, "mg/dL")}], None, None),
        ([{"low": quantity(7), "high": quantity(0.6667, "ukat/L")}], None, None), ([{"high": {"value": 40}}], None, 40),
        ([{"high": quantity(0)}], None, None), ([], None, None), (["7-40", None, 7], None, None),
    ],
)  # fmt: skip
def test_reference_ranges(ranges: list[Any], low: Any, high: Any) -> None:
    found = limited(*ranges)
    assert (found.low, found.high) == (low, high)
    assert found.uln_source == ("result" if high is not None else "")


def test_ages_at_the_end_of_all_numbers() -> None:
    data = json_bytes(
        bundle(patient(), observation(referenceRange=[female(age={"low": quantity("@", "a")})]))
    )
    for written in (b"9e999999999", b"9e999999", b"1e-999999999", b'"18"'):
        assert fhir(data.replace(b'"@"', written))[0].reference_high in ("", "40")


def test_ranges_that_are_left_are_told_in_words() -> None:
    found = limited({"high": quantity(40)}, {"text": "see table"})
    assert (found.high, found.envelope.reference_text) == (None, "-40 U/L; see table")


@pytest.mark.parametrize(
    ("changes", "identity"),
    [
        ({}, "Observation/o1"), ({"meta": {"versionId": "2"}}, "Observation/o1"), ({"id": None}, ""),
        ({"identifier": [{"system": "urn:lab", "value": "7"}]}, "urn:lab|7"), ({"identifier": [{"value": "7"}]}, "|7"),
        ({"identifier": [{"system": "urn:x"}, {"system": "urn:lab", "value": "7"}]}, "urn:lab|7"),
        ({"identifier": [{"value": "A1", "type": {"coding": [coding("FILL")]}}]}, "Observation/o1"), ({"id": 7}, ""),
    ],
)  # fmt: skip
def test_identity(changes: dict[str, Any], identity: str) -> None:
    document = bundle(
        patient(), observation(**changes), urls=["", "urn:uuid:1b2d0d0c-0000-4000-8000-00000000000a"]
    )
    found = fhir(json_bytes(document))[0]
    assert found.source_id == identity
    json.dumps(dict(found.where))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "unreadable"), (b"", "unreadable"), (b"\xff\xfe{", "unreadable"), (b"[]", "not-a-result"), (b"7", "not-a-result"),
        (b"{}", "not-a-result"), (b'{"resourceType": 7}', "not-a-result"), (b'{"resourceType":"Bundle","entry":{}}', "unreadable"),
        (b'{"resourceType":"Observation","status":"final","status":"preliminary"}', "unreadable"),
        (b"[" * 10_000 + b"]" * 10_000, "unreadable"), (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "unreadable"),
        (b'{"resourceType":"Observation"} {"resourceType":"Observation"}', "unreadable"), (b'{"a": "\xff"}', "unreadable"),
    ],
)  # fmt: skip
def test_documents_that_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as error:
        fhir(data)
    assert error.value.reason == reason


@pytest.mark.parametrize("depth", range(200, 1200, 50))
def test_nesting_is_read_or_refused(depth: int) -> None:
    data = json_bytes(observation(extension="@")).replace(b'"@"', b"[" * depth + b"]" * depth)
    try:
        assert len(fhir(data)) == 1
    except Unreadable as error:
        assert error.reason == "unreadable"


def test_a_document_of_more_than_64_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patients.readers.documents.MAX_DOCUMENT", 1000)
    with pytest.raises(Unreadable) as error:
        fhir(json_bytes(bundle(*[observation()] * 10)))
    assert error.value.reason == "too-large"


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        {},
        {"resource": None},
        {"resource": 7},
        {"resource": {}},
        {"resource": {"resourceType": "Basic"}},
    ],
)
def test_entries_that_are_no_observation(entry: Any) -> None:
    document = bundle(patient(), observation())
    document["entry"].insert(0, entry)
    assert [i.where["entry"] for i in fhir(json_bytes(document))] == [2]


def test_characters_that_no_database_keeps() -> None:
    data = json_bytes(observation(note=[{"text": "@"}], method={"text": "\U0001f600"})).replace(
        b"@", b"\\u0000a\\ud800\\\\u0000"
    )
    found = fhir(data)[0]
    assert found.note == "�a�\\u0000"
    assert found.method == "\U0001f600"
    found.raw.encode()


@pytest.mark.parametrize("name", sorted(observation()))
@pytest.mark.parametrize(
    "odd", [None, 7, "x", True, [], {}, [[]], [7], {"x": 7}, {"coding": 7}, [{"coding": [7]}], {"value": {}}]
)
def test_any_element_of_any_type(name: str, odd: Any) -> None:
    resource = observation() | {name: odd}
    try:
        found = fhir(json_bytes(bundle(patient(), resource)))
    except Unreadable:
        return
    assert len(found) == (1 if resource["resourceType"] == "Observation" else 0)
    for item in found:
        meant(item)


GOOD = json_bytes(observation())


def test_lines_of_resources_and_bundles() -> None:
    lines = [json_bytes(bundle(observation(), observation(id="o2"))), b"", json_bytes(patient()), GOOD]
    found = [i for p in ndjson(b"\n".join(lines)) for i in p.items]
    assert [i.where for i in found] == [{"line": 1, "entry": 0}, {"line": 1, "entry": 1}, {"line": 4}]
    assert {i.named for i in found} == {KNOWN}


@pytest.mark.parametrize(
    "broken", [GOOD[:-5], b"[]", b"nonsense", b'{"resourceType": NaN}', b"[" * 10_000, b"{}"]
)
def test_one_broken_line(broken: bytes) -> None:
    found = ndjson(b"\r\n".join([GOOD, broken, GOOD, json_bytes(patient())]))
    assert sum(len(p.items) for p in found) == 2
    refused = [p for p in found if p.rejected]
    assert len(refused) == 1 and refused[0].reason in ("unreadable", "not-a-result")
    assert refused[0].warnings[0].startswith("line 2 ")


def test_many_lines_come_in_runs() -> None:
    found = ndjson(b"\n".join([GOOD] * 2500))
    assert [len(p.items) for p in found] == [1000, 1000, 500]


def test_a_line_of_more_than_8_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patients.readers.documents.MAX_LINE", 1000)
    with pytest.raises(Unreadable) as error:
        ndjson(GOOD + b" " * 1000)
    assert error.value.reason == "too-large"


def test_patients_of_another_file() -> None:
    people = People()
    fhir_results.learn(io.BytesIO(json_bytes(patient()) + b"\n" + b"broken"), people, lines=True)
    fhir_results.learn(io.BytesIO(b"Patient, broken"), people, lines=False)
    found = next(fhir_results.read(io.BytesIO(GOOD), people))
    assert found.items[0].named == KNOWN


def test_numbers_have_a_point_whatever_the_source_writes() -> None:
    found = meant(
        one(observation(valueQuantity=quantity(1.5), referenceRange=[{"high": quantity(2.5)}])),
        SourceRules(decimal=","),
    )
    assert (found.number, found.high) == (Decimal("1.5"), Decimal("2.5"))
