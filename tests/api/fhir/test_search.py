"""Searching: parameters, pages, links, names only by form, and what cannot be read."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outcomes.services import cohort
from tests.api.conftest import V1, World, ok
from tests.api.fhir.conftest import R4, REPORTS, body, found, issues, link, report

FORM = "application/x-www-form-urlencoded"


def analytes(answer: Any) -> list[str]:
    """Own codes of the Observations found, sorted."""
    return sorted(row["code"]["coding"][-1]["code"] for row in found(answer))


OBSERVATIONS = [
    ("code=1742-6", "ALT"),
    ("code=http://loinc.org|1742-6,http://loinc.org|1920-8", "ALT AST"),
    ("code=urn:daymark:analyte|AAV5_NAB", "AAV5_NAB"),
    ("code=777-3", "PLT"),
    ("code=26515-7", "PLT"),
    ("code=urn:daymark:analyte|1742-6", ""),
    ("code=http://snomed.info/sct|1742-6", ""),
    ("code=ALT&code=AST", ""),
    ("code=nonsense", ""),
    ("category=vital-signs", "WEIGHT"),
    ("category=http://terminology.hl7.org/CodeSystem/observation-category|imaging", "LIVER_US"),
    ("category=laboratory&code=WEIGHT,ALT", "ALT"),
    ("status=preliminary", "FIX_OS"),
    ("status=amended,corrected", "CREAT INR"),
    ("status=registered", "HIV_RNA"),
    ("status=unknown", ""),
    ("date=2027-02-20", "AAV5_NAB"),
    ("date=2027-02-20,2027-02-21", "AAV5_NAB HBSAG"),
    ("date=eq2027-01", "LIVER_US"),
    ("date=lt2027-02", "LIVER_US"),
    ("date=ge2027-02-20&date=le2027-02-21", "AAV5_NAB HBSAG"),
    ("date=gt2027-02-20&date=lt2027-02-25", "HBSAG"),
    ("date=sa2027-02-25&code=ALT,WEIGHT", "ALT"),
    ("date=eb2027-02-20", "LIVER_US"),
    ("date=ne2027&code=ALT", ""),
    ("date=2027-02-26T07:00:00Z&code=ALT", "ALT"),
    ("date=2027-02-26T08:00%2B01:00&code=ALT", "ALT"),
    ("date=2027-02-26T08:00+01:00&code=ALT", "ALT"),
    ("date=gt2027-02-26T07:00:00Z&code=ALT", ""),
    ("date=ge2027-02-26T07:00:00Z&code=ALT,HBSAG", "ALT"),
    ("date=ge2027-02-20T12:00:00Z&code=AAV5_NAB", "AAV5_NAB"),
    ("date=sa2027-02-20T12:00:00Z&code=AAV5_NAB", ""),
    ("date=2027-02-20T12:00:00Z&code=AAV5_NAB", ""),
    ("_lastUpdated=ge2027-03-01&code=ALT", "ALT"),
    ("_lastUpdated=gt2027-03-01T11:00:00Z&code=ALT", ""),
    ("_id=nonsense", ""),
    ("nonsense=1&code=ALT", "ALT"),
]


@pytest.mark.parametrize(("query", "expected"), OBSERVATIONS, ids=[q for q, _ in OBSERVATIONS])
def test_observations_are_found_by(world: World, patient: UUID, query: str, expected: str) -> None:
    answer = world.api().get(R4 + f"Observation?patient={patient}&{query}")
    assert analytes(answer) == expected.split()
    assert body(answer)["total"] == len(expected.split())


def test_a_patient_is_named_in_three_ways(world: World, patient: UUID) -> None:
    other = world.told(cohort.referred, "N-2")
    ok(world.api().post(V1 + f"patients/{other}/results/", report(1, "GGT", "9", "U/L")), 201)
    forms = (f"{patient}", f"Patient/{patient}", f"http://testserver/fhir/R4/Patient/{patient}")
    for form in forms:
        for name in ("patient", "subject"):
            answer = world.api().get(R4 + f"Observation?{name}={quote(form)}")
            assert body(answer)["total"] == len(REPORTS)
    assert body(world.api().get(R4 + f"Observation?patient={patient},{other}"))["total"] == len(REPORTS) + 1
    for nobody in (f"Group/{patient}", "nobody", str(UUID(int=3))):
        assert found(world.api().get(R4 + f"Observation?patient={nobody}")) == []


BAD = [
    ("Observation?date=yesterday", "date"),
    ("Observation?date=2027-02-30", "date"),
    ("Observation?date=2027-02-26T08:00", "date"),
    ("Observation?date=ap2027-02-26", "date"),
    ("Observation?date=0001-01-01T00:00:00Z", ""),
    ("Observation?date=9999-12-31T23:59:59-14:00", ""),
    ("Observation?date=ge0000-01-01", "date"),
    ("Observation?status=done", "status"),
    ("Observation?patient=", "patient"),
    ("Observation?patient=%00", "patient"),
    ("Observation?code:text=ALT", "code:text"),
    ("Observation?patient.name=Muster", "patient.name"),
    ("Observation?_count=many", "_count"),
    ("Observation?_count=-1", "_count"),
    ("Observation?_cursor=made-up", "links"),
    ("Patient?family=Muster", "_search"),
    ("Patient?name:exact=Muster", "_search"),
    ("Patient?birthdate=1990-01-01", "_search"),
    ("Task?status=open", "status"),
    ("CarePlan?status=open", "status"),
    ("MedicationAdministration?status=open", "status"),
    ("MedicationAdministration?effective-time=x", "effective-time"),
]


@pytest.mark.parametrize(("path", "named"), BAD, ids=[p for p, _ in BAD])
def test_what_cannot_be_read_is_named(world: World, path: str, named: str) -> None:
    answer = world.api().get(R4 + path)
    if not named:
        assert answer.status_code in (200, 400)
        return
    told = issues(answer, 400)
    assert (told[0]["severity"], told[0]["code"]) == ("error", "invalid")
    assert named in told[0]["diagnostics"]


def test_more_than_an_address_can_carry(world: World) -> None:
    many = ",".join(str(UUID(int=n)) for n in range(60))
    assert "fewer" in issues(search(world, "Patient", f"_id={many}"), 400)[0]["diagnostics"]
    issues(world.api().get(R4 + "Patient?" + "&".join(["_id=1"] * 1001)), 400)
    issues(search(world, "Patient", "&".join(["_id=1"] * 1001)), 400)


def test_all_faults_at_once(world: World) -> None:
    told = issues(world.api().get(R4 + "Observation?date=x&status=y"), 400)
    assert len(told) == 2
    told = issues(world.api().get(R4 + "Observation?patient=&code:not=y&_count=z"), 400)
    assert len(told) == 3


def test_an_unknown_parameter_is_a_fault_only_when_asked_strictly(world: World, patient: UUID) -> None:
    url = R4 + "Observation?colour=red&_include=Observation:subject&_sort=-date"
    assert len(found(world.api().get(url))) == len(REPORTS)
    assert "colour" not in link(body(world.api().get(url)), "self")
    told = issues(world.api().get(url, headers={"Prefer": "return=minimal, handling=strict"}), 400)
    assert len(told) == 3
    ok(world.api().get(R4 + "Observation?code=ALT&_count=5", headers={"Prefer": "handling=strict"}))


def test_pages_follow_one_another(world: World, patient: UUID) -> None:
    api = world.api()
    url, seen, sizes = R4 + f"Observation?patient={patient}&_count=5", [], []
    while url:
        page = body(api.get(url))
        assert page["total"] == len(REPORTS)
        sizes.append(len(page["entry"]))
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        assert all(e["fullUrl"].endswith(f"{R4}Observation/{e['resource']['id']}") for e in page["entry"])
        assert link(page, "self").startswith(f"http://testserver{R4}Observation?")
        url = link(page, "next")
    assert sizes == [5, 5, 2] and len(set(seen)) == len(REPORTS)


def test_a_page_is_not_disturbed_by_what_arrives_meanwhile(world: World, patient: UUID) -> None:
    api = world.api()
    first = body(api.get(R4 + f"Observation?patient={patient}&_count=4"))
    earlier = report(50, "ALP", "80", "U/L", collected_at="2027-01-02")
    ok(api.post(V1 + f"patients/{patient}/results/", earlier), 201)
    rest = found(api.get(link(first, "next")))
    shown = {e["resource"]["id"] for e in first["entry"]}
    assert not shown & {row["id"] for row in rest}


@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_counting_alone_shows_nothing(world: World, patient: UUID, query: str) -> None:
    counted = body(world.api().get(R4 + f"Observation?patient={patient}&{query}"))
    assert counted["total"] == len(REPORTS) and "entry" not in counted and not link(counted, "next")


def test_at_most_two_hundred_a_page(world: World) -> None:
    assert "_count=200" in link(body(world.api().get(R4 + "Observation?_count=5000")), "self")
    assert "_count=50" in link(body(world.api().get(R4 + "Observation")), "self")


def search(world: World, kind: str, form: str) -> Any:
    return world.api().post(R4 + f"{kind}/_search", form, content_type=FORM)


@pytest.fixture
def people(world: World) -> dict[str, UUID]:
    """Three patients by their family names."""
    found = {}
    for mrn, family, given in (("N-1", "Zyxwvut", "Anna"), ("N-2", "Zyxman", "Bo"), ("N-3", "Other", "Zyx")):
        told = {"site": "north", "mrn": mrn, "family_name": family, "given_name": given}
        more = {"birth_date": "1988-04-02", "sex": "female", "pathway": "hemgenix"}
        found[family] = ok(world.api().post(V1 + "patients/", told | more), 201)["id"]
    return found


FORMS = [
    ("family=zyx", ["Zyxman", "Zyxwvut"]),
    ("name=ZYX", ["Other", "Zyxman", "Zyxwvut"]),
    ("given=Bo,Anna", ["Zyxman", "Zyxwvut"]),
    ("family=Zyx&given=anna", ["Zyxwvut"]),
    ("family=%25", []),
    ("birthdate=1988-04", ["Other", "Zyxman", "Zyxwvut"]),
    ("birthdate=lt1988-04-02", []),
    ("identifier=N-2", ["Zyxman"]),
    ("identifier=urn:daymark:mrn:north|N-2", ["Zyxman"]),
    ("identifier=urn:daymark:mrn:south|N-2", []),
    ("identifier=urn:other|N-2", []),
]


@pytest.mark.parametrize(("form", "expected"), FORMS, ids=[f for f, _ in FORMS])
def test_people_are_found_by_form(
    world: World, people: dict[str, UUID], form: str, expected: list[str]
) -> None:
    assert sorted(p["name"][0]["family"] for p in found(search(world, "Patient", form))) == expected


def test_no_link_of_a_form_shows_whom_it_looks_for(world: World, people: dict[str, UUID]) -> None:
    answer = search(world, "Patient", "name=zyx&identifier=N-1,N-2,N-3&_count=1")
    seen: list[str] = []
    while True:
        page = body(answer)
        assert page["total"] == 3
        seen += [e["resource"]["id"] for e in page["entry"]]
        for part in page["link"]:
            assert not any(told in part["url"] for told in ("name=", "identifier", "N-1,N-2", "N-1%2CN-2"))
        assert body(world.api().get(link(page, "self")))["entry"] == page["entry"]
        if not link(page, "next"):
            break
        answer = world.api().get(link(page, "next"))
    assert sorted(seen) == sorted(people.values())


def test_a_link_belongs_to_its_type(world: World, people: dict[str, UUID]) -> None:
    url = link(body(search(world, "Patient", "name=zyx&_count=1")), "next")
    issues(world.api().get(url.replace("/Patient?", "/Task?")), 400)
    issues(world.api().get(url[:-4]), 400)


@pytest.mark.parametrize("form", ["family=%00", "family=", "family:exact=Zyx", "_count=x"])
def test_a_form_that_cannot_be_read(world: World, form: str) -> None:
    issues(search(world, "Patient", form), 400)


def test_a_form_searches_every_type(world: World, patient: UUID) -> None:
    assert len(found(search(world, "Observation", f"patient={patient}&code=ALT"))) == 1
    both = world.api().post(R4 + "Observation/_search?code=ALT", f"patient={patient}", content_type=FORM)
    assert len(found(both)) == 1
    issues(world.api().post(R4 + "Patient/_search?family=Zyx", "", content_type=FORM), 400)
    issues(world.api().post(R4 + "Patient/_search", {"family": "Zyx"}), 415)
    assert len(found(world.api().post(R4 + "Patient/_search", "", content_type=FORM))) == 1


@pytest.mark.parametrize("kind", ["Patient", "Observation", "CarePlan", "Task", "MedicationAdministration"])
def test_a_page_costs_the_same_number_of_queries_whatever_it_holds(
    world: World, patient: UUID, kind: str
) -> None:
    api, url = world.api(), R4 + f"{kind}?_count=200"
    use = {"product": "IDELVION", "iu": "3600", "reason": "other"}
    numbers = []
    for step in range(3):
        world.told(cohort.alert_open, f"N-{step + 20}")
        told = use | {"given_on": str(date(2027, 2, step + 1))}
        ok(api.post(V1 + f"patients/{patient}/factor-uses/", told), 201)
        with CaptureQueriesContext(connection) as context:
            assert len(found(api.get(url))) > step
        numbers.append(len(context))
    assert numbers[0] == numbers[1] == numbers[2] <= 16
