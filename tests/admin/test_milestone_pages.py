"""The list of milestones and the page of one: what they show, who signs, and what a wrong password does."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from outcomes.rules.signing import milestone_id
from outcomes.services import cohort
from tests.admin.test_pages import page, today
from tests.factories.people import PASSWORD, make_site, make_staff
from workflow.models import Act

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(site: Any) -> UUID:
    teller = cohort.Teller(site, today(site), Random(1), "A1", contract="sample-level")
    cohort.month_twelve(teller)
    return teller.patient


@pytest.fixture
def cora(site: Any, client: Client) -> Client:
    client.force_login(make_staff(site, "clinician", "cora"))
    return client


def url(patient: UUID, month: int = 12) -> str:
    return f"/admin/milestones/{milestone_id(patient, 'sample-level', month)}/"


def test_the_list_shows_numbers_rule_and_totals(cora: Client, patient: UUID):
    shown = page(cora, "/admin/milestones/")
    assert shown.count("<tr data-row>") == 6
    assert "Due now" in shown and "(rule)" in shown and "Reported, not decided" in shown
    assert "at risk USD 2,100,000" in shown
    assert shown.index(">12<") < shown.index(">24<"), "what is due comes first"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("verdict=met", 2), ("verdict=not_met", 0), ("month=12", 1), ("contract=sample-warranty", 0),
        ("contract=sample-level&verdict=due", 1), ("payer=Nobody", 0), ("page=2", 0), ("page=x", 6),
    ],
)  # fmt: skip
def test_the_list_can_be_narrowed(cora: Client, patient: UUID, query: str, rows: int):
    assert page(cora, f"/admin/milestones/?{query}").count("<tr data-row>") == rows


def test_another_site_sees_nothing(client: Client, patient: UUID):
    client.force_login(make_staff(make_site("south"), "clinician", "other"))
    assert "<tr data-row>" not in page(client, "/admin/milestones/")
    assert client.get(url(patient)).status_code == 404


def test_one_milestone_shows_its_arithmetic(cora: Client, patient: UUID):
    shown = page(cora, url(patient))
    for text in ("37 IU/dL", "above 5 IU/dL", "Crude ABR 0.00 (0 bleeds in 183 observed days)", "at most -50 %",
                 "exact 95 % limit", "You sign that this milestone is <b>Met</b>", "not signed"):  # fmt: skip
        assert text in shown, text
    assert page(cora, url(patient, 24)).count("Attest month") == 0
    cora.logout()


def test_a_coordinator_reads_and_does_not_sign(client: Client, site: Any, patient: UUID):
    client.force_login(make_staff(site, "coordinator", "ana"))
    assert "A clinician of this site attests it" in page(client, url(patient))
    assert client.post(url(patient), {"password": PASSWORD}).status_code == 403


def test_signing_needs_the_password_and_freezes(cora: Client, patient: UUID):
    session = cora.session
    session["signed_in_at"] -= 600
    session.save()
    for password, text in (("", "Enter your password"), ("wrong", "The password is wrong")):
        answer = cora.post(url(patient), {"password": password, "note": "my note"})
        assert answer.status_code == 403
        assert text in answer.content.decode() and "my note" in answer.content.decode()
        assert "wrong" not in answer.content.decode().replace("is wrong", "").replace('"wrong', "").replace(
            " wrong", ""
        )
    assert not Act.objects.filter(kind="attest-milestone").exists()
    answer = cora.post(url(patient), {"password": PASSWORD, "note": "seen"}, follow=True)
    shown = answer.content.decode()
    assert "Month 12 is attested." in shown and "frozen" in shown and "SHA-256" in shown and "seen" in shown
    act = Act.objects.get(kind="attest-milestone")
    assert (act.by, act.payload["statement"]["printed_name"]) == ("cora", "cora")
    history = page(cora, f"/admin/patients/{patient}/")
    assert "Milestone attested" in history and "Attested by cora, version 1" in history


def test_a_page_that_is_out_of_date_signs_nothing(cora: Client, patient: UUID):
    answer = cora.post(url(patient), {"password": PASSWORD, "sha256": "0" * 64})
    assert answer.status_code == 412 and "has changed since it was shown" in answer.content.decode()
    assert not Act.objects.filter(kind="attest-milestone").exists()
