"""Packet and claim sheet as pages: who opens them, what they show, and the form that keeps a packet as sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from outcomes.services import packets
from tests.admin.test_pages import ana, page, told  # noqa: F401
from tests.factories.people import make_site, make_staff
from workflow.models import Act

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(site: Any) -> UUID:
    return told("cleared", site)


def test_the_patient_page_leads_to_both_sheets(ana: Client, patient: UUID) -> None:  # noqa: F811
    text = page(ana, f"/admin/patients/{patient}/")
    for name in ("packet", "claim"):
        assert f"/admin/patients/{patient}/{name}/" in text


def test_the_packet_shows_items_evidence_and_the_mend(ana: Client, patient: UUID) -> None:  # noqa: F811
    text = page(ana, f"/admin/patients/{patient}/packet/")
    for wanted in (
        "submits nothing", "Hepatitis B serology", "Present", "Incomplete", "Record the attestation nab-rationale",
        "/versions/", "required items are there", f"/api/v1/packets/{patient}/?format=pdf", "daymark/sheet",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert " style=" not in text and "<style" not in text


def test_the_claim_sheet_shows_fields_and_checks(ana: Client, patient: UUID) -> None:  # noqa: F811
    text = page(ana, f"/admin/patients/{patient}/claim/")
    for wanted in ("submits nothing", "J1411", "Known reasons for a denial", "Contract flag", "to be filled"):
        assert wanted in text, wanted


def test_a_packet_is_kept_from_the_page_and_stays(ana: Client, patient: UUID) -> None:  # noqa: F811
    url = f"/admin/patients/{patient}/packet/"
    answer = ana.post(url, {"payer": "Plan A", "channel": "portal"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{url}1/"
    text = answer.content.decode()
    assert "version 1 to Plan A" in text and "kept by ana" in text and "Keep as sent</button>" not in text
    assert "Version 1" in page(ana, url)
    page(ana, f"{url}2/", 404)
    assert "packet" in page(ana, f"/admin/patients/{patient}/").lower()


def test_a_faulty_form_says_what_to_mend_and_keeps_nothing(ana: Client, patient: UUID) -> None:  # noqa: F811
    url = f"/admin/patients/{patient}/packet/"
    answer = ana.post(url, {"payer": "", "sent_on": "2999-01-01"})
    assert answer.status_code == 422 and "There is a problem" in answer.content.decode()
    seen = ana.post(url, {"payer": "P", "sha256": "0" * 64})
    assert seen.status_code == 412 and "changed since you saw it" in seen.content.decode()
    assert not Act.objects.filter(kind=packets.KIND).exists()


def test_others_open_neither(ana: Client, site: Any, patient: UUID) -> None:  # noqa: F811
    foreign = told("referred", make_site("south"))
    ana.force_login(make_staff(site, "coordinator", "bea"))
    for name in ("packet", "packet/1", "claim"):
        page(ana, f"/admin/patients/{foreign}/{name}/", 404)
    ana.force_login(make_staff(site, "site_admin", "adam"))
    for name in ("packet", "packet/1", "claim"):
        page(ana, f"/admin/patients/{patient}/{name}/", 403)
