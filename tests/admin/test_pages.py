"""The workplace's pages through the front door: who may open them, what they show, what their forms save."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from outcomes.services import cohort
from patients.models import Attestation, Bleed, Result
from tests.admin.reading import text_of
from tests.factories.people import make_site, make_staff
from workflow.models import Act, Alert, Pathway
from workflow.selectors.decisions import local_date
from workflow.services.intake import record_results

pytestmark = pytest.mark.django_db


def today(site: Any) -> date:
    return local_date(timezone.now(), site.timezone)


def told(story: str, site: Any, mrn: str = "A1") -> UUID:
    """A patient of the demo cohort's story of that name."""
    teller = cohort.Teller(site, today(site), Random(1), mrn)
    getattr(cohort, story)(teller)
    return teller.patient


@pytest.fixture
def ana(site: Any, client: Client) -> Client:
    client.force_login(make_staff(site, "coordinator", "ana"))
    return client


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_admin_sends_a_stranger_to_the_sign_in_page(client: Client, db_ready: None):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    assert answer.status_code == 200


def test_the_landing_page_is_today_for_those_who_care_and_records_for_a_site_admin(ana: Client, site: Any):
    assert ana.get("/admin/").url == "/admin/today/"
    ana.force_login(make_staff(site, "site_admin", "adam"))
    assert ana.get("/admin/").url == "/admin/records/"


@pytest.mark.parametrize("role", ["lab_importer", "auditor"])
def test_other_roles_are_told_which_right_is_missing(site: Any, client: Client, role: str):
    client.force_login(make_staff(site, role))
    answer = client.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "coordinator" in answer.content.decode()


def test_a_superuser_without_a_role_opens_nothing(site: Any, client: Client):
    user = make_staff(site, "coordinator", "root")
    user.memberships.all().delete()
    user.refresh_from_db()
    user.is_superuser = user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get("/admin/today/", follow=True).status_code == 403


def test_a_foreign_patient_does_not_exist(ana: Client):
    other = make_site("south")
    patient = told("referred", other)
    for path in ("", "results/", "log/bleeds/", "plan/"):
        page(ana, f"/admin/patients/{patient}/{path}", 404)


def test_the_own_patient_is_shown_with_gates_and_what_to_do_next(ana: Client, site: Any):
    text = page(ana, f"/admin/patients/{told('referred', site)}/")
    for wanted in ("Screening", "Anti-AAV5 antibodies", "Not recorded", "Infusion window", "Next:"):
        assert wanted in text


def test_the_patient_page_needs_few_queries(ana: Client, site: Any, django_assert_max_num_queries: Any):
    patient = told("month_five", site)
    page(ana, f"/admin/patients/{patient}/")
    with django_assert_max_num_queries(12):
        page(ana, f"/admin/patients/{patient}/")


def test_long_parts_of_the_patient_page_are_folded_until_all_of_them_is_asked_for(ana: Client, site: Any):
    url = f"/admin/patients/{told('month_five', site)}/"
    short = page(ana, url)
    for name in ("tasks", "gates"):
        assert f'href="?{name}=all#{name}"' in short
    assert "Rule and evidence" not in short and " closed</summary>" not in short
    assert "Rule and evidence" in page(ana, f"{url}?gates=all")
    assert " closed</summary>" in page(ana, f"{url}?tasks=all")


def test_a_corrected_result_shows_both_values_on_its_own_page(ana: Client, site: Any):
    patient = told("month_five", site)
    last = Result.objects.filter(patient_id=patient, analyte="ALT").order_by("collected_at").last()
    again = {
        "analyte": "ALT",
        "value": "33",
        "unit": "U/L",
        "collected_at": last.collected_at.isoformat(),
        "source": last.source,
        "source_id": last.source_id,
        "status": "corrected",
    }
    record_results(patient=patient, items=[again], by="ana", listed=True)
    text = text_of(ana.get(f"/admin/patients/{patient}/values/?analyte=ALT"))
    assert "33 U/L" in text and f"{last.value_text} U/L (final" in text
    assert "AST" not in text.split("Show")[1], "only the analyte asked for"
    assert "became 33 U/L" in text_of(ana.get(f"/admin/patients/{patient}/?history=all"))


def test_today_lists_an_open_alert_first(ana: Client, site: Any):
    told("alert_open", site)
    text = page(ana, "/admin/today/")
    assert "Act on ALT 52 U/L" in text
    assert text.index('id="alerts"') < text.index('id="due"')


def test_today_says_when_nothing_needs_you(ana: Client):
    assert "Nothing needs you." in page(ana, "/admin/today/")


def test_results_are_saved_through_the_one_door(ana: Client, site: Any):
    patient = told("referred", site)
    sent = {
        "collected_on": today(site).isoformat(),
        "analyte-0": "ALT",
        "value-0": "31",
        "unit-0": "U/L",
        "reference_high-0": "45",
        "analyte-1": "AST",
        "value-1": "",
    }
    answer = ana.post(f"/admin/patients/{patient}/results/", sent, follow=True)
    assert "1 result saved" in answer.content.decode()
    row = Result.objects.get(patient_id=patient)
    assert (row.analyte, row.value_text, row.by, row.precision) == ("ALT", "31", "ana", "day")


def test_a_collection_time_is_the_sites_time(ana: Client, site: Any):
    patient = told("referred", site)
    day = today(site) - timedelta(days=1)
    sent = {"collected_on": day.isoformat(), "collected_time": "23:30", "analyte-0": "ALT", "value-0": "31"}
    ana.post(f"/admin/patients/{patient}/results/", {**sent, "unit-0": "U/L"})
    row = Result.objects.get(patient_id=patient)
    assert row.collected_on == day
    assert row.precision == "second"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"collected_on": "", "analyte-0": "ALT", "value-0": "31"}, "collected_on"),
        ({"collected_on": "2026-13-45", "analyte-0": "ALT", "value-0": "31"}, "collected_on"),
        ({"collected_on": "2026-01-05", "analyte-0": "ALT", "value-0": ""}, "value-0"),
        ({"collected_on": "2026-01-05", "analyte-3": "", "value-3": "31"}, "analyte-3"),
    ],
)
def test_a_faulty_panel_saves_nothing_and_links_to_the_field(ana: Client, site: Any, sent: dict, field: str):
    patient = told("referred", site)
    answer = ana.post(f"/admin/patients/{patient}/results/", sent)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error:" in text
    assert f'href="#{field}"' in text
    assert f'id="{field}"' in text
    assert not Result.objects.filter(patient_id=patient).exists()


def test_an_unknown_unit_waits_on_the_desk_and_says_so(ana: Client, site: Any):
    patient = told("referred", site)
    sent = {"collected_on": today(site).isoformat(), "analyte-0": "ALT", "value-0": "31", "unit-0": "furlong"}
    answer = ana.post(f"/admin/patients/{patient}/results/", sent, follow=True)
    assert "ALT waits on the quarantine desk: unit-unknown" in answer.content.decode()


def test_an_attestation_is_saved(ana: Client, site: Any):
    patient = told("referred", site)
    sent = {"code": "steroid-plan", "on": today(site).isoformat(), "value": "yes"}
    answer = ana.post(f"/admin/patients/{patient}/attestation/", sent)
    assert answer.url == f"/admin/patients/{patient}/"
    assert Attestation.objects.get(patient_id=patient, code="steroid-plan").by == "ana"


def test_a_bleed_with_faults_names_every_field_and_keeps_what_was_typed(ana: Client, site: Any):
    patient = told("referred", site)
    answer = ana.post(f"/admin/patients/{patient}/log/bleeds/", {"site": "left knee", "joint": "yes"})
    text = answer.content.decode()
    assert answer.status_code == 422
    for name in ("onset_at", "cause", "treated"):
        assert f'href="#{name}"' in text
    assert 'value="left knee"' in text
    assert not Bleed.objects.filter(patient_id=patient).exists()


def test_booking_a_date_judges_the_gates_on_it(ana: Client, site: Any):
    patient = told("cleared", site)
    on = today(site) + timedelta(days=200)
    ana.post(f"/admin/patients/{patient}/plan/", {"infusion_on": on.isoformat()})
    assert Pathway.objects.get(patient_id=patient).planned_on == on
    assert "Expired" in page(ana, f"/admin/patients/{patient}/")


def test_a_date_in_the_past_is_refused_in_words(ana: Client, site: Any):
    patient = told("cleared", site)
    answer = ana.post(f"/admin/patients/{patient}/plan/", {"infusion_on": "2020-01-01"})
    assert answer.status_code == 422
    assert "Choose today or a later date." in answer.content.decode()


def test_an_alert_is_answered_with_a_decision(ana: Client, site: Any):
    patient = told("alert_open", site)
    alert = Alert.objects.get(patient_id=patient, state="open")
    form = f"/admin/patients/{patient}/acknowledge/?alert={alert.pk}"
    assert str(alert.pk) in page(ana, form)
    refused = ana.post(form, {"alert": alert.pk, "decision": "other"})
    assert "Say in a note what was decided." in refused.content.decode()
    ana.post(form, {"alert": alert.pk, "decision": "repeat_test"})
    alert.refresh_from_db()
    assert alert.state == "acknowledged"


def test_reading_a_form_changes_nothing(ana: Client, site: Any):
    patient = told("alert_open", site)
    before = Act.objects.count()
    for form in (
        "results",
        "attestation",
        "log/bleeds",
        "acknowledge",
    ):
        page(ana, f"/admin/patients/{patient}/{form}/")
    assert Act.objects.count() == before


def test_forms_refuse_a_post_without_a_token(site: Any):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_staff(site, "coordinator", "ana"))
    patient = told("referred", site)
    answer = strict.post(f"/admin/patients/{patient}/attestation/", {"code": "steroid-plan"})
    assert answer.status_code == 403


def test_a_site_admin_cannot_open_a_patient(site: Any, client: Client):
    patient = told("referred", site)
    client.force_login(make_staff(site, "site_admin", "adam"))
    page(client, f"/admin/patients/{patient}/", 403)


def test_stock_lists_show_own_sites_only_and_change_nothing(ana: Client, site: Any):
    make_site("south")
    adam = make_staff(site, "site_admin", "adam")
    ana.force_login(adam)
    text = page(ana, "/admin/patients/site/")
    assert "north" in text
    assert "south" not in text
    for path in ("site", "user", "membership", "source", "codemap", "sitesetting"):
        page(ana, f"/admin/patients/{path}/")
        page(ana, f"/admin/patients/{path}/add/", 403)


def test_what_people_type_is_shown_as_text(ana: Client, site: Any):
    patient, nasty = told("referred", site), "<script>alert(1)</script>"
    day = today(site).isoformat()
    ana.post(f"/admin/patients/{patient}/attestation/", {"code": "steroid-plan", "on": day, "note": nasty})
    sent = {"collected_on": day, "lab": nasty, "analyte-0": "LIVER_US", "value-0": nasty, "unit-0": nasty}
    ana.post(f"/admin/patients/{patient}/results/", sent)
    faulty = ana.post(f"/admin/patients/{patient}/log/bleeds/", {"site": nasty})
    for text in (page(ana, f"/admin/patients/{patient}/"), faulty.content.decode()):
        assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in faulty.content.decode()


def test_every_page_says_what_it_allows_the_browser_to_load(ana: Client, site: Any):
    for path in ("/admin/today/", "/admin/patients/", "/admin/nowhere/", "/accounts/login/"):
        policy = ana.get(path)["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
