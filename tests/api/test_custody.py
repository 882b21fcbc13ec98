"""`transfer/`, `transfers/`, `erase/`: who may, what is answered, and what the other side learns."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from patients.models import Patient
from tests.api.conftest import V1, World, ok, pointers
from tests.factories.people import PatientFactory


@pytest.fixture
def patient(world: World) -> Patient:
    return PatientFactory(site=world.north)


def test_a_word_moves_the_patient_between_centres_that_do_not_know_each_other(
    world: World, patient: Patient
) -> None:
    cleo, sol = world.api("clinician"), world.api("clinician", "south")
    address = f"{V1}patients/{patient.pk}/"
    assert pointers(cleo.post(f"{address}transfer/", {})) == {"/reason"}
    made = ok(cleo.post(f"{address}transfer/", {"reason": "moves house"}), 201)
    body = {"site": "south", "word": made["word"]}
    assert pointers(cleo.post(f"{V1}transfers/", body)) == {"/site"}, "south is not a site of north's"
    assert pointers(sol.post(f"{V1}transfers/", {**body, "word": "x"})) == {"/word"}
    assert world.api("coordinator", "south").post(f"{V1}transfers/", body).status_code == 403
    moved = ok(sol.post(f"{V1}transfers/", body), 201)
    assert moved == {"patient": str(patient.pk), "code": "north-0001", "mrn": patient.mrn, "site": "south"}
    assert ok(sol.get(address))["site"] == "south"
    assert cleo.get(address).status_code == 404 and cleo.get(f"{address}status/").status_code == 404
    assert ok(sol.get(f"{address}status/"))["patient"] == str(patient.pk)


def test_a_clinician_asks_and_the_administrator_deletes(world: World, patient: Patient) -> None:
    cleo, adam, ana = world.api("clinician"), world.api("site_admin"), world.api("coordinator")
    address = f"{V1}patients/{patient.pk}/erase/"
    body = {"ground": "recorded-in-error", "reason": "entered twice"}
    assert adam.post(f"{address}confirm/").status_code == 409
    assert ana.post(address, body).status_code == adam.post(address, body).status_code == 403
    assert pointers(cleo.post(address, {"ground": "never-treated", "reason": "r"})) == {"/ground"}
    assert ok(cleo.post(address, body), 202)["ground"] == "recorded-in-error"
    assert cleo.post(f"{address}confirm/").status_code == ana.post(f"{address}confirm/").status_code == 403
    assert world.api("site_admin", "south").post(f"{address}confirm/").status_code == 404
    told = ok(adam.post(f"{address}confirm/"))
    assert (told["erased"], told["by"]) == (str(patient.pk), "clinician-north, site_admin-north")
    assert patient.family_name not in str(told) and patient.mrn not in str(told)
    assert ana.get(f"{V1}patients/{patient.pk}/").status_code == 404


def test_the_same_by_pages(world: World, patient: Patient) -> None:
    browser, place = Browser(), f"/admin/patients/{patient.pk}/"
    browser.force_login(world.user("clinician"))
    shown = browser.get(place).content.decode()
    assert f"{place}transfer/" in shown and f"{place}erase/" in shown
    told = browser.post(f"{place}transfer/", {"reason": "moves house"}, follow=True).content.decode()
    word = told.split("shown only now: ")[1].split(".")[0]
    sent = {"ground": "recorded-in-error", "reason": "entered twice"}
    assert browser.post(f"{place}erase/", sent).status_code == 302
    browser.force_login(world.user("coordinator"))
    assert f"{place}erase/" not in browser.get(place).content.decode()
    assert browser.get(f"{place}transfer/").status_code == browser.get("/admin/transfers/").status_code == 403
    browser.force_login(world.user("clinician", "south"))
    assert (
        "opens no patient"
        in browser.post("/admin/transfers/", {"site": "south", "word": "x"}).content.decode()
    )
    assert browser.post("/admin/transfers/", {"site": "south", "word": word}).status_code == 302
    browser.force_login(world.user("site_admin", "south"))
    assert "entered twice" not in browser.get("/admin/erasures/").content.decode(), "asked for elsewhere"
    browser.force_login(world.user("clinician", "south"))
    assert browser.post(f"{place}erase/", sent).status_code == 302
    browser.force_login(world.user("site_admin", "south"))
    assert "entered twice" in browser.get("/admin/erasures/").content.decode()
    assert browser.post("/admin/erasures/", {"patient": patient.pk}).status_code == 302
    assert not Patient.objects.filter(pk=patient.pk).exists()
    assert "clinician-south, site_admin-south" in browser.get("/admin/erasures/").content.decode()
