"""Two records become one on pages: what would change is shown first, every old address leads on, and it can be undone."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from patients.models import Patient
from tests.api.conftest import V1, World, ok, pointers
from tests.factories.people import PatientFactory
from workflow.services import intake


@pytest.fixture
def pair(world: World) -> tuple[Patient, Patient]:
    stays = PatientFactory(site=world.north)
    gone = PatientFactory(
        site=world.north, family_name="Mustre", birth_date=stays.birth_date.replace(year=1958)
    )
    item = {"analyte": "WEIGHT", "value": "71", "unit": "kg", "collected_at": "2026-01-05T08:00:00Z"}
    for row in (stays, gone):
        intake.record_results(patient=row.pk, items=[item], by="t")
    return gone, stays


def test_a_merge_is_shown_done_and_undone(world: World, pair: tuple[Patient, Patient]) -> None:
    gone, stays = pair
    browser, place = Browser(), f"/admin/patients/{gone.pk}/merge/"
    browser.force_login(world.user("coordinator"))
    assert place in browser.get(f"/admin/patients/{gone.pk}/").content.decode()
    assert "No record of your sites" in browser.get(f"{place}?code=nobody").content.decode()
    asked = browser.get(f"{place}?code={stays.code}").content.decode()
    for text in (
        "Mustre, Alex",
        "17 May 1958",
        "17 May 1985",
        "1 of the results repeats",
        "administrator merges",
    ):
        assert text in asked, text
    sent = {"into": stays.pk, "reason": "entered twice"}
    assert browser.post(place, sent).status_code == 403
    browser.force_login(world.user("site_admin"))
    assert "Merge " + gone.code in browser.get(f"{place}?into={stays.pk}").content.decode()
    assert "There is a problem" in browser.post(place, {**sent, "reason": ""}).content.decode()
    assert browser.post(place, sent).status_code == 302
    assert "entered twice" in browser.get("/admin/merges/").content.decode()
    browser.force_login(world.user("coordinator"))
    for old in ("", "results/", "plan/", "attestation/", "log/bleeds/", "packet/"):
        told = browser.get(f"/admin/patients/{gone.pk}/{old}", follow=True).content.decode()
        assert f"{gone.code} is merged into {stays.code}" in told, old
    assert gone.code not in browser.get("/admin/patients/").content.decode()
    assert gone.code in browser.get(f"/admin/patients/?q={gone.code}", follow=True).content.decode()
    assert gone.code in browser.get(f"/admin/patients/{stays.pk}/").content.decode(), "the survivor names it"
    browser.force_login(world.user("site_admin", "south"))
    assert browser.get(place).status_code == browser.post(place, {"reason": "r"}).status_code == 404
    browser.force_login(world.user("site_admin"))
    assert browser.post(place, {"reason": "two people"}).status_code == 302
    assert Patient.objects.get(pk=gone.pk).merged_into is None
    assert gone.code not in browser.get("/admin/merges/").content.decode()


def test_over_the_interface(world: World, pair: tuple[Patient, Patient]) -> None:
    gone, stays = pair
    adam, ana = world.api("site_admin"), world.api("coordinator")
    address, old = f"{V1}patients/{gone.pk}/merge/", f"{V1}patients/{gone.pk}/"
    assert pointers(adam.get(address)) == {"/into"} and pointers(adam.post(address, {})) == {
        "/into",
        "/reason",
    }
    told = ok(ana.get(address, {"into": str(stays.pk)}))
    assert (told["counts"]["results"], told["repeated"], told["refusals"]) == (1, 1, [])
    assert [d["what"] for d in told["differences"]] == ["Name", "Birth date"]
    foreign = PatientFactory(site=world.south)
    sent = {"into": str(stays.pk), "reason": "entered twice"}
    assert pointers(adam.post(address, {**sent, "into": str(foreign.pk)})) == {"/into"}
    assert pointers(adam.post(address, {**sent, "into": str(gone.pk)})) == {"/into"}
    assert ana.post(address, sent).status_code == world.api("auditor").get(address, sent).status_code == 403
    assert world.api("site_admin", "south").post(address, sent).status_code == 404
    assert ok(adam.post(address, sent))["into"] == str(stays.pk)
    for route in ("", "status/", "results/", "plan/", "results/?page=1"):
        answer = ana.get(old + route)
        assert (answer.status_code, answer.json()["code"], answer.json()["survivor"]) == (
            409,
            "merged",
            str(stays.pk),
        ), route
    assert ana.patch(old, {"sex": "female"}, HTTP_IF_MATCH='"1"').status_code == 409
    assert ana.put(f"{old}plan/", {"infusion_on": "2027-05-01"}).status_code == 409
    item = {"analyte": "WEIGHT", "value": "72", "unit": "kg", "collected_at": "2026-01-09T08:00:00Z"}
    ok(ana.post(f"{old}results/", item), 201)
    bled = {"onset_at": "2026-01-02", "site": "knee", "joint": True, "cause": "unknown", "treated": False}
    ok(ana.post(f"{old}bleeds/", bled), 201)
    listed = ok(ana.get(f"{V1}patients/{stays.pk}/results/"))["results"]
    assert sorted((r["value"], r["active"]) for r in listed) == [("71", False), ("71", True), ("72", True)]
    assert len(ok(ana.get(f"{V1}patients/{stays.pk}/bleeds/"))["results"]) == 1
    assert [p["code"] for p in ok(ana.get(f"{V1}patients/"))["results"]] == [stays.code]
    fhir = "/fhir/R4/Observation"
    assert ana.get(fhir, {"patient": str(stays.pk)}).json()["total"] == 2
    assert ana.post(f"{address}undo/", {"reason": "r"}).status_code == 403
    assert ok(adam.post(f"{address}undo/", {"reason": "two people"}))["kind"] == "unmerge"
    assert adam.post(f"{address}undo/", {"reason": "again"}).status_code == 409
    assert len(ok(ana.get(f"{old}results/"))["results"]) == 2 and ok(ana.get(f"{old}status/"))[
        "patient"
    ] == str(gone.pk)
