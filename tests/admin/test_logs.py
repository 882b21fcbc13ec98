"""The logs of a patient: fast entry, questions before what looks odd, corrections that keep what was there."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from outcomes.services import cohort
from patients.models import Bleed, FactorUse
from tests.admin.reading import client_of, summary, text_of
from tests.factories.people import make_staff
from workflow.selectors.decisions import local_date

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(site: Any) -> Client:
    make_staff(site, "coordinator", "ana")
    return client_of(site, "ana")


@pytest.fixture
def patient(site: Any) -> UUID:
    teller = cohort.Teller(site, today(site), Random(1), "A1")
    cohort.referred(teller)
    return teller.patient


def today(site: Any) -> date:
    return local_date(timezone.now(), site.timezone)


def bleed(site: Any, days: int = 3, **more: str) -> dict[str, str]:
    on = (today(site) - timedelta(days=days)).isoformat()
    return {
        "onset_at": on,
        "site": "right elbow",
        "joint": "yes",
        "cause": "spontaneous",
        "treated": "yes",
        **more,
    }


def use(site: Any, iu: str = "3000", days: int = 3) -> dict[str, str]:
    on = (today(site) - timedelta(days=days)).isoformat()
    return {"given_on": on, "product": "IDELVION", "iu": iu, "reason": "bleed"}


def send(client: Client, patient: UUID, kind: str, sent: dict[str, str]) -> Any:
    return client.post(f"/admin/patients/{patient}/log/{kind}/", sent)


def test_a_bleed_is_saved_at_once_and_stands_on_the_patients_page(ana: Client, site: Any, patient: UUID):
    answer = send(ana, patient, "bleeds", bleed(site))
    assert answer.status_code == 302 and answer.url.endswith("/log/bleeds/")
    assert Bleed.objects.get(patient_id=patient, body_site="right elbow").by == "ana"
    assert "right elbow" in text_of(ana.get(f"/admin/patients/{patient}/"))


def test_what_looks_odd_is_asked_once_and_kept_when_confirmed(ana: Client, site: Any, patient: UUID):
    send(ana, patient, "bleeds", bleed(site))
    again = bleed(site, days=2)
    text = text_of(send(ana, patient, "bleeds", again))
    assert "Not saved yet." in text and "count as the same bleed" in text
    assert Bleed.objects.filter(patient_id=patient, body_site="right elbow").count() == 1
    assert send(ana, patient, "bleeds", {**again, "keep": "yes"}).status_code == 302
    assert Bleed.objects.filter(patient_id=patient, body_site="right elbow").count() == 2


def test_a_dose_shows_its_unit_and_a_slipped_decimal_is_asked_about(ana: Client, site: Any, patient: UUID):
    assert send(ana, patient, "factor-uses", use(site)).status_code == 302
    assert "3,000 IU" in text_of(ana.get(f"/admin/patients/{patient}/log/factor-uses/"))
    assert "30,000 IU is far from the last dose, 3,000 IU" in text_of(
        send(ana, patient, "factor-uses", use(site, "30000", days=1))
    )
    assert FactorUse.objects.filter(patient_id=patient).count() == 1


def test_every_fault_of_a_dose_is_told_at_once(ana: Client, patient: UUID):
    faults = summary(send(ana, patient, "factor-uses", {"iu": "three", "given_on": "soon", "reason": ""}))
    assert {field for field, _ in faults} == {"iu", "given_on", "reason", "product"}


def test_a_correction_supersedes_and_says_what_was_there(ana: Client, site: Any, patient: UUID):
    send(ana, patient, "factor-uses", use(site))
    row = FactorUse.objects.get(patient_id=patient)
    form = ana.get(f"/admin/patients/{patient}/log/factor-uses/?correct={row.pk}").content.decode()
    assert 'value="3000"' in form
    send(ana, patient, "factor-uses", {**use(site, "3500"), "supersedes": str(row.pk)})
    assert FactorUse.objects.get(supersedes=row.pk).iu == 3500
    text = text_of(ana.get(f"/admin/patients/{patient}/log/factor-uses/"))
    assert "before: Dose, IU 3,000 IU (ana" in text
    page = text_of(ana.get(f"/admin/patients/{patient}/"))
    assert "Factor use corrected" in page and "IDELVION 3000 IU" in page
    twice = send(ana, patient, "factor-uses", {**use(site, "3600"), "supersedes": str(row.pk), "keep": "yes"})
    assert twice.status_code == 409, "what was corrected meanwhile is not corrected again"


def test_a_retraction_needs_a_reason_and_keeps_the_entry(ana: Client, site: Any, patient: UUID):
    send(ana, patient, "bleeds", bleed(site))
    row = Bleed.objects.get(patient_id=patient, body_site="right elbow")
    assert summary(send(ana, patient, "bleeds", {"retract": str(row.pk), "reason": ""}))
    assert (
        send(ana, patient, "bleeds", {"retract": str(row.pk), "reason": "Wrong patient"}).status_code == 302
    )
    assert "Retracted : Wrong patient" in text_of(ana.get(f"/admin/patients/{patient}/log/bleeds/"))
    assert "right elbow" not in text_of(ana.get(f"/admin/patients/{patient}/")).split("Timeline")[0]
