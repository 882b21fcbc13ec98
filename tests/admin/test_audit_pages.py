"""The audit as pages: own acts for those who care, the site's for its administrator, nobody's content."""

from __future__ import annotations

import pytest
from django.test import Client

from patients.models import Patient, Site
from tests.admin.test_pages import page
from tests.factories.people import PatientFactory, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(site: Site, client: Client) -> Patient:
    """A patient whom the coordinator ana has attested something of, and opened."""
    patient = PatientFactory(site=site)
    client.force_login(make_staff(site, "coordinator", "ana"))
    sent = {"code": "steroid-plan", "on": "2026-01-05", "value": "yes", "note": "a canary"}
    client.post(f"/admin/patients/{patient.pk}/attestation/", sent)
    page(client, f"/admin/patients/{patient.pk}/")
    return patient


def test_a_coordinator_sees_own_acts_and_no_content(patient: Patient, site: Site, client: Client) -> None:
    text = page(client, "/admin/audit/")
    assert text.count("<tr data-row>") == 1 and "<b>attestation</b> insert" in text and patient.code in text
    assert "a canary" not in text and patient.family_name not in text
    client.force_login(make_staff(site, "clinician"))
    assert "<tr data-row>" not in page(client, "/admin/audit/")
    page(client, f"/admin/patients/{patient.pk}/reads/", 403)


def test_a_site_admin_sees_who_changed_and_who_saw(patient: Patient, site: Site, client: Client) -> None:
    client.force_login(make_staff(site, "site_admin", "adam"))
    text = page(client, "/admin/audit/?table=attestation&by=ana")
    assert text.count("<tr data-row>") == 1
    assert "<tr data-row>" not in page(client, "/admin/audit/?table=attestation&by=kim")
    readings = page(client, "/admin/audit/reads/")
    assert "<b>admin:patient</b> GET" in readings and patient.code in readings
    seen = page(client, f"/admin/patients/{patient.pk}/reads/")
    assert "<b>ana</b>" in seen and "admin:patient" in seen
    assert "is no instant" in page(client, "/admin/audit/?since=soon")


def test_long_lists_go_on_by_pages(patient: Patient, site: Site, client: Client) -> None:
    PatientFactory.create_batch(12, site=site)
    client.force_login(make_staff(site, "site_admin", "adam"))
    first = page(client, "/admin/audit/")
    assert first.count("<tr data-row>") == 50 and "?page=2" in first
    assert "?page=1" in page(client, "/admin/audit/?page=2")
