"""Voiding at the workplace: one clinician asks, another confirms; the patient page says where it stands."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from patients.models import Patient, Site
from tests.admin.reading import client_of, summary, text_of
from tests.factories.people import PASSWORD, make_staff
from tests.services.ready import NOON, given, ready_patient
from workflow.models import Act, InfusionSlot, Notice
from workflow.services import infusions

pytestmark = pytest.mark.django_db


@pytest.fixture
def infused(staffed: Site) -> Patient:
    make_staff(staffed, "clinician", "dr-c")
    patient = ready_patient(staffed)
    infusions.record(patient=patient.pk, fields=given(), by="ana", at=NOON)
    return patient


def page(patient: Patient, name: str = "void/") -> str:
    return f"/admin/patients/{patient.pk}/{name}"


def shown(client: Client, patient: Patient) -> str:
    """The patient page."""
    return text_of(client.get(page(patient, "")))


def ask(client: Client, patient: Patient, **more: str) -> Any:
    return client.post(page(patient), {"reason": "typed for the wrong patient", **more})


def voided() -> bool:
    return not InfusionSlot.objects.get().active


def test_one_asks_another_confirms_and_the_page_says_where_it_stands(staffed: Site, infused: Patient) -> None:
    a, b, ana = (client_of(staffed, name) for name in ("dr-a", "dr-b", "ana"))
    assert "Recorded in error?" in shown(a, infused) and "Recorded in error?" not in shown(ana, infused)
    assert ask(a, infused).status_code == 302
    assert not voided() and Notice.objects.filter(rule="void").count() == 2
    for client in (a, b, ana):
        assert "A void is asked for by dr-a" in shown(client, infused)
        assert "It waits for another clinician" in shown(client, infused)
    assert "Open the void" not in shown(ana, infused)
    assert summary(a.post(page(infused), {})) == [
        ("second_person", "Choose the second clinician."),
        ("password", "The second clinician must enter the own password."),
    ]
    assert "You answer for the void together with dr-a." in text_of(b.get(page(infused)))
    assert b.post(page(infused), {}).status_code == 302
    assert voided()
    told = shown(ana, infused)
    assert "Asked for by dr-a, confirmed by dr-b" in told and "typed for the wrong patient" in told
    assert "Record infusion" in told
    assert "No infusion is recorded." in text_of(a.get(page(infused), follow=True))


def test_the_second_one_stands_by_and_confirms_at_once(staffed: Site, infused: Patient) -> None:
    a = client_of(staffed, "dr-a")
    assert ask(a, infused, second_person="dr-b", password=PASSWORD).status_code == 302
    assert voided() and Act.objects.get(kind="void").by == "dr-b"
    assert not Notice.objects.exists()


def test_the_one_who_asked_may_bring_the_second_one_later(staffed: Site, infused: Patient) -> None:
    a = client_of(staffed, "dr-a")
    ask(a, infused, second_person="dr-c")
    assert "It waits for dr-c" in shown(a, infused)
    assert "Only dr-c confirms this void." in text_of(client_of(staffed, "dr-b").get(page(infused)))
    told = summary(client_of(staffed, "dr-b").post(page(infused), {}), 403)
    assert told == [] and not voided()
    other = summary(a.post(page(infused), {"second_person": "dr-b", "password": PASSWORD}), 403)
    assert other == [] and not voided(), "the one who was named, nobody else"
    assert a.post(page(infused), {"second_person": "dr-c", "password": PASSWORD}).status_code == 302
    assert voided() and Act.objects.get(kind="void").by == "dr-c"


@pytest.mark.parametrize(
    ("posted", "fields"),
    [
        ({"reason": ""}, ["reason"]),
        ({"second_person": "dr-b", "password": "wrong"}, ["password"]),
        ({"second_person": "", "password": PASSWORD}, ["second_person"]),
        ({"second_person": "dr-a", "password": PASSWORD}, ["second_person"]),
        ({"second_person": "ana", "password": PASSWORD}, ["second_person"]),
        ({"reason": " ", "second_person": "boss", "password": PASSWORD}, ["reason", "second_person"]),
    ],
)
def test_what_is_wrong_is_told_and_asks_for_nothing(
    staffed: Site,
    infused: Patient,
    posted: dict[str, str],
    fields: list[str],
) -> None:
    told = summary(ask(client_of(staffed, "dr-a"), infused, **posted))
    assert [f for f, _ in told] == fields
    assert not Act.objects.filter(kind__startswith="void").exists()


def test_a_void_is_asked_for_once(staffed: Site, infused: Patient) -> None:
    ask(client_of(staffed, "dr-a"), infused)
    assert ask(client_of(staffed, "dr-a"), infused).status_code == 422
    assert Act.objects.filter(kind="void-request").count() == 1


@pytest.mark.parametrize("name", ["ana", "boss"])
def test_only_clinicians_open_it(staffed: Site, infused: Patient, name: str) -> None:
    client = client_of(staffed, name)
    assert client.get(page(infused)).status_code == 403
    assert ask(client, infused).status_code == 403
    assert not Act.objects.filter(kind="void-request").exists()


def test_an_override_shows_who_answers_for_it(staffed: Site) -> None:
    patient = ready_patient(staffed, without="AAV5_NAB")
    override = {"reason": "bleeding to death", "second_person": "dr-b"}
    infusions.record(patient=patient.pk, fields=given(override=override), by="dr-a", at=NOON)
    b = client_of(staffed, "dr-b")
    told = shown(b, patient)
    assert "aav5-nab: by dr-a with dr-b (not confirmed yet), bleeding to death" in told
    assert page(patient, "override-confirm/") in b.get(page(patient, "")).content.decode()
    b.post(page(patient, "override-confirm/"))
    assert "by dr-a with dr-b (confirmed)" in shown(b, patient)
