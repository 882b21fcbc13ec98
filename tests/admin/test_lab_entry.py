"""The lab grid through the front door: rows, limits, saving one row or all, corrections, and who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from patients.models import QuarantineItem, Result
from tests.admin.test_pages import page, today, told
from tests.factories.people import make_site, make_staff
from workflow.models import Alert, TaskDue
from workflow.selectors import panels

pytestmark = pytest.mark.django_db
ROW, GRID = "/admin/lab-entry/row/", "/admin/lab-entry/"


@pytest.fixture
def ana(site: Any, client: Client) -> Client:
    client.force_login(make_staff(site, "coordinator", "ana"))
    return client


def row(site: Any, patient: UUID, n: int = 0, **more: str) -> dict[str, str]:
    """A row as the page sends it, with the limits of one laboratory."""
    key = TaskDue.objects.filter(patient_id=patient, kind="liver-panel").order_by("due_on")[0].key
    sent = {
        f"patient-{n}": str(patient), f"key-{n}": key, f"collected-{n}": today(site).isoformat(), f"lab-{n}": "Lab",
        f"seen-{n}": "", f"keep-{n}": "", "limit-site-0": str(site.pk), "limit-lab-0": "Lab", "limit-sex-0": "male",
        "limit-ALT-0": "45", "limit-ALT-unit-0": "U/L", "limit-TBIL-unit-0": "umol/L",
    }  # fmt: skip
    return sent | {f"{name.rstrip('_')}-{n}": text for name, text in more.items()}


def saved(client: Client, sent: dict[str, str]) -> dict[str, Any]:
    answer = client.post(ROW, {**sent, "save": "yes"})
    assert answer.status_code == 200
    return answer.json()


def test_a_row_is_saved_through_the_one_door_with_laboratory_unit_and_limit(ana: Client, site: Any) -> None:
    patient = told("infused_last_week", site)
    found = saved(ana, row(site, patient, ALT="31", TBIL="12"))
    assert (found["state"], found["tone"]) == ("saved", "high")
    assert found["text"] == "TBIL: no ULN given"
    alt, bilirubin = Result.objects.filter(patient_id=patient, by="ana").order_by("analyte")
    assert (alt.value, alt.reference_high, alt.lab, alt.precision) == (31, 45, "Lab", "day")
    assert (bilirubin.unit_text, bilirubin.unit) == ("umol/L", "mg/dL")
    assert bilirubin.reference_high is None


def test_checking_a_row_saves_nothing(ana: Client, site: Any) -> None:
    patient = told("infused_last_week", site)
    found = ana.post(ROW, row(site, patient, ALT="52")).json()
    assert found["state"] == "checked"
    assert found["text"] == "Alert: above ULN 45; above 2x baseline 48"
    assert not Result.objects.filter(by="ana").exists()


def test_the_alert_is_the_one_that_the_row_announced(ana: Client, site: Any) -> None:
    patient = told("infused_last_week", site)
    assert saved(ana, row(site, patient, ALT="52"))["tone"] == "alert"
    (alert,) = Alert.objects.filter(patient_id=patient, rule="alt-rise")
    assert alert.payload["arms"] == ["above_2x_baseline", "above_uln"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"ALT": "99999"}, "ALT"),
        ({"ALT": "hemolysed"}, "ALT"),
        ({"AST": "5 furlongs"}, "AST"),
        ({"ALT": "31", "collected": "2099-01-01"}, "collected"),
        ({"ALT": "31", "collected": ""}, "collected"),
        ({"ALT": "31", "collected": "24.11."}, "collected"),
    ],
)
def test_a_row_with_a_value_that_cannot_be_saves_nothing(
    ana: Client, site: Any, more: dict[str, str], field: str
) -> None:
    patient = told("infused_last_week", site)
    found = saved(ana, row(site, patient, ALP="70", **more))
    assert (found["state"], found["tone"]) == ("refused", "bad")
    assert list(found["faults"]) == [field]
    assert not Result.objects.filter(by="ana").exists()
    assert not QuarantineItem.objects.exists()


def test_an_odd_value_is_saved_when_its_own_question_is_answered(ana: Client, site: Any) -> None:
    patient = told("infused_last_week", site)
    sent = row(site, patient, ALT="300")
    asked = saved(ana, sent)
    assert asked["state"] == "asks"
    assert "times the last value" in asked["text"]
    assert saved(ana, {**sent, "keep-0": "some other question"})["state"] == "asks"
    assert not Result.objects.filter(by="ana").exists()
    assert saved(ana, {**sent, "keep-0": asked["token"]})["state"] == "saved"
    assert Result.objects.get(by="ana").value == 300


def test_a_saved_value_is_corrected_and_an_unchanged_one_is_left(ana: Client, site: Any) -> None:
    patient = told("infused_last_week", site)
    first = saved(ana, row(site, patient, ALT="52", AST="20"))
    seen = " ".join(first["seen"])
    found = saved(ana, row(site, patient, ALT="25", AST="20", seen=seen))
    assert found["state"] == "saved"
    assert "ALT 52 became 25" in found["text"]
    versions = Result.objects.filter(patient_id=patient, by="ana").order_by("recorded_at")
    assert [(r.analyte, r.status) for r in versions] == [
        ("ALT", "final"),
        ("AST", "final"),
        ("ALT", "corrected"),
    ]
    assert not Alert.objects.filter(patient_id=patient, state="open").exists()
    assert not QuarantineItem.objects.exists()


def test_what_somebody_saved_meanwhile_is_shown_with_both_values_and_who(ana: Client, site: Any) -> None:
    patient = told("infused_last_week", site)
    saved(ana, row(site, patient, ALT="31"))
    ana.force_login(make_staff(site, "coordinator", "ben"))
    found = saved(ana, row(site, patient, ALT="33"))
    assert found["state"] == "asks"
    assert "ALT 31 was saved for this day by ana; you have 33" in found["text"]


def test_the_whole_form_saves_good_rows_and_keeps_the_faulty_one_with_its_text(
    ana: Client, site: Any
) -> None:
    good, bad = told("infused_last_week", site, "A1"), told("infused_last_week", site, "A2")
    sent = row(site, good, 0, ALT="31") | row(site, bad, 1, ALT="99999")
    answer = ana.post(GRID, sent)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error:" in text and "1 panel saved." in text
    assert 'value="99999"' in text and 'aria-invalid="true"' in text
    assert Result.objects.filter(by="ana").count() == 1


def test_the_whole_form_asks_in_the_row_and_saves_after_the_tick(ana: Client, site: Any) -> None:
    patient = told("infused_last_week", site)
    text = ana.post(GRID, row(site, patient, ALT="300")).content.decode()
    token = text.partition('type="checkbox" id="keep-')[2].partition('value="')[2].partition('"')[0]
    answer = ana.post(GRID, row(site, patient, ALT="300", keep=token))
    assert answer.status_code == 302
    assert Result.objects.filter(by="ana").count() == 1


def test_the_grid_lists_what_is_due_prefills_limits_and_never_guesses_a_late_day(
    ana: Client, site: Any
) -> None:
    due, late = told("infused_last_week", site, "A1"), told("weeks_missed", site, "A2")
    text = page(ana, GRID)
    assert f'value="{due}"' in text
    assert 'name="limit-ALT-0" value="45"' in text
    now = timezone.now()
    found = {p.patient: p for p in panels.due(now, [site])}
    assert found[due].baseline == 24
    assert late in found or not TaskDue.objects.filter(
        patient_id=late, due_on__range=panels.week_of(today(site))
    )
    other = page(ana, f"{GRID}?week={today(site) - timedelta(days=7)}")
    assert str(due) not in other


def test_the_grid_of_one_patient_has_missed_panels_and_a_row_for_any_other_draw(
    ana: Client, site: Any
) -> None:
    patient = told("weeks_missed", site)
    text = page(ana, f"/admin/patients/{patient}/lab-entry/")
    assert "liver-panel:w06" in text and "liver-panel:w09" in text
    assert ">Other<" in text
    text = page(ana, f"/admin/patients/{told('referred', site, 'A3')}/lab-entry/")
    assert ">Other<" in text


def test_a_late_panel_is_done_by_its_own_day(ana: Client, site: Any) -> None:
    patient = told("weeks_missed", site)
    task = TaskDue.objects.get(patient_id=patient, key="liver-panel:w09")
    sent = row(site, patient, ALT="31", AST="20", ALP="70", TBIL="11")
    found = saved(ana, {**sent, "key-0": task.key, "collected-0": task.due_on.isoformat()})
    assert found["state"] == "saved"
    task.refresh_from_db()
    assert task.ended_as == "done"


def test_a_foreign_patient_does_not_exist_and_other_roles_are_refused(ana: Client, site: Any) -> None:
    foreign = told("infused_last_week", make_site("south"))
    mine = told("infused_last_week", site)
    assert ana.post(ROW, {**row(site, mine, ALT="31"), "patient-0": str(foreign)}).status_code == 404
    assert ana.post(ROW, {**row(site, mine, ALT="31"), "patient-0": "x"}).status_code == 404
    assert str(foreign) not in page(ana, GRID)
    ana.force_login(make_staff(site, "site_admin", "adam"))
    assert ana.post(ROW, row(site, mine, ALT="31")).status_code == 403
    page(ana, GRID, 403)
