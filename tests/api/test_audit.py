"""Who changed, read and was refused what: complete, in the right words, and to those only who may know."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client as Browser

from patients import access
from patients.access import as_owner
from patients.models import Denial, Patient, ReadLog, Result
from patients.services import sites
from tests.api.conftest import V1, Client, World, client_of
from tests.factories.people import PatientFactory
from workflow.selectors import audit_log
from workflow.services import intake

EVENTS, READS, REFUSALS = f"{V1}audit/events/", f"{V1}audit/reads/", f"{V1}audit/refusals/"


@pytest.fixture
def both(world: World) -> dict[str, Patient]:
    """A patient at each site."""
    return {name: PatientFactory(site=getattr(world, name)) for name in ("north", "south")}


def auditor() -> Client:
    return client_of(sites.create_staff(username="audit", email="a@example.org", role="auditor", since=None))


def listed(client: Client, address: str, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(address, {"page_size": 200, **asked})
    assert answer.status_code == 200, answer.json()
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def bleed(client: Client, patient: Patient) -> Any:
    body = {
        "onset_at": "2027-01-02T08:00:00Z",
        "site": "knee",
        "joint": True,
        "cause": "traumatic",
        "treated": False,
    }
    return client.post(f"{V1}patients/{patient.pk}/bleeds/", body)


def test_each_sees_the_changes_that_the_roles_allow(world: World, both: dict[str, Patient]) -> None:
    assert bleed(world.api("coordinator"), both["north"]).status_code == 201
    mine = listed(world.api("coordinator"), EVENTS)
    assert {(e["table"], e["change"], e["by"]) for e in mine} == {("bleed", "insert", "coordinator-north")}
    assert mine[0]["patient"] == str(both["north"].pk) and mine[0]["site"] == "north"
    assert len(mine[0]["digest"]) == 64 and "knee" not in str(mine)
    assert listed(world.api("clinician"), EVENTS) == []
    site = listed(world.api("site_admin"), EVENTS)
    assert {e["site"] for e in site} == {"north"} and {"bleed", "patient", "act"} <= {
        e["table"] for e in site
    }
    everything = listed(auditor(), EVENTS)
    assert {"north", "south", None} <= {e["site"] for e in everything}, "people belong to no site"
    assert [e["at"] for e in everything] == sorted((e["at"] for e in everything), reverse=True)


def test_events_are_found_by_table_patient_person_and_time(world: World, both: dict[str, Patient]) -> None:
    whole, ana = auditor(), world.api("coordinator")
    bleed(ana, both["north"])
    patient = both["north"].pk
    assert {e["table"] for e in listed(whole, EVENTS, table="patient")} == {"patient"}
    told = listed(whole, EVENTS, patient=patient)
    assert {e["patient"] for e in told} == {str(patient)} and {"patient", "bleed"} <= {
        e["table"] for e in told
    }
    assert {e["table"] for e in listed(whole, EVENTS, by="coordinator-north")} == {"bleed"}
    assert {e["site"] for e in listed(whole, EVENTS, site="south")} == {"south"}
    one = told[0]
    assert one in listed(whole, EVENTS, object=one["object"], change=one["change"])
    assert (
        listed(whole, EVENTS, until="2001-01-01") == [] == listed(whole, EVENTS, since="2099-01-01T00:00:00Z")
    )
    assert len(whole.get(EVENTS, {"page_size": 2, "page": 2}).json()["results"]) == 2
    wrong = whole.get(EVENTS, {"table": "nosuch", "site": "x", "since": "yesterday", "patient": "1"})
    assert {e["pointer"] for e in wrong.json()["errors"]} == {"/table", "/site", "/since", "/patient"}
    assert wrong.status_code == 422 and whole.get(EVENTS, {"x": "1"}).status_code == 400


def test_each_reading_names_its_patients_and_only_some_may_know(
    world: World, both: dict[str, Patient]
) -> None:
    north = both["north"]
    item = {
        "analyte": "ALT",
        "value": "20",
        "unit": "U/L",
        "collected_at": "2027-01-02T08:00:00Z",
        "reference_high": "40",
    }
    intake.record_results(patient=north.pk, items=[item], by="t")
    result = Result.objects.get()
    ana = world.api("coordinator")
    for address in (f"patients/{north.pk}/status/", "patients/", f"results/{result.pk}/versions/"):
        assert ana.get(f"{V1}{address}").status_code == 200
    rows = ReadLog.objects.order_by("id")
    assert [row.patients for row in rows] == [[north.pk]] * 3
    assert {r["by"] for r in listed(ana, READS)} == {"coordinator-north"}
    assert listed(world.api("clinician"), READS) == []
    assert len(listed(world.api("site_admin"), READS, by="coordinator-north")) >= 3
    assert listed(world.api("site_admin", "south"), READS) == []
    assert {r["route"] for r in listed(auditor(), READS, patient=north.pk)} >= {"api:status", "api:patients"}
    (seen,) = (
        p
        for p in listed(world.api("site_admin"), f"{V1}patients/{north.pk}/reads/")
        if p["by"] == "coordinator-north"
    )
    assert seen["count"] == 3 + 1 and "api:result-versions" in seen["routes"], (
        "the list of own readings names it, too"
    )
    assert ana.get(f"{V1}patients/{north.pk}/reads/").status_code == 403
    assert world.api("site_admin", "south").get(f"{V1}patients/{north.pk}/reads/").status_code == 404


def test_a_reading_that_cannot_be_written_down_does_not_happen(
    world: World, both: dict[str, Patient]
) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "alter table patients_readlog add constraint t_full check (route <> 'api:patient') not valid"
        )
    with access.site_context((), by="t"):
        browser = Browser(raise_request_exception=False)
    browser.force_login(world.user("coordinator"))
    answer = browser.get(f"{V1}patients/{both['north'].pk}/")
    assert answer.status_code == 500 and both["north"].mrn not in answer.content.decode()
    assert browser.get(f"{V1}patients/{both['north'].pk}/status/").status_code == 200


def test_what_was_refused_is_written_down_after_the_request(
    world: World, both: dict[str, Patient], monkeypatch: Any
) -> None:
    theirs, ana = both["south"].pk, world.api("coordinator")
    assert ana.get(f"{V1}patients/{theirs}/").status_code == 404
    assert ana.post(f"{V1}sites/", {}).status_code == 403
    assert Client().get(f"{V1}patients/").status_code == 401
    monkeypatch.setattr("patients.api.sites.checked", lambda *_: 1 / 0)
    adam = world.api("site_admin")
    assert adam.post(f"{V1}sites/", {}).status_code == 500
    rows = [(d.kind, d.route, d.subject, d.status) for d in Denial.objects.order_by("id")]
    assert rows == [
        ("missing", "api:patient", str(theirs), 404),
        ("denied", "api:sites", "", 403),
        ("failed", "api:sites", "", 500),
    ]
    assert [r["kind"] for r in listed(ana, REFUSALS)] == ["denied", "missing"]
    assert len(listed(adam, REFUSALS)) == 3 and listed(world.api("site_admin", "south"), REFUSALS) == []
    assert len(listed(auditor(), REFUSALS)) == 3


def test_an_auditor_takes_the_audit_away_as_csv(world: World, both: dict[str, Patient]) -> None:
    whole = auditor()
    answer = whole.get(f"{V1}audit/events.csv", {"patient": both["north"].pk})
    lines = answer.content.decode().splitlines()
    assert answer["Content-Type"].startswith("text/csv") and lines[0] == ",".join(audit_log.EVENT)
    assert len(lines) - 1 == len(listed(whole, EVENTS, patient=both["north"].pk)) > 3
    for name in ("reads", "refusals"):
        assert whole.get(f"{V1}audit/{name}.csv").status_code == 200
    for role in ("site_admin", "coordinator", "clinician"):
        assert world.api(role).get(f"{V1}audit/events.csv").status_code == 403


def test_every_audited_table_of_every_room_is_listed() -> None:
    told = {m._meta.label_lower for m in audit_log.tables().values()}
    assert told == {
        m._meta.label_lower for m in apps.get_models() if m._meta.model_name.endswith("sealedevent")
    }
    assert len(told) > 25
