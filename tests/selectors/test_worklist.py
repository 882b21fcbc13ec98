"""Today's groups: who is in which, in which order, and at what price."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from outcomes.services import cohort
from tests.factories.people import make_site, make_staff
from workflow.models import TaskDue
from workflow.selectors.decisions import local_date, site_midnight
from workflow.selectors.worklist import Filter, Group, today_groups
from workflow.services import plan, worklist

pytestmark = pytest.mark.django_db
ORDER = ["alerts", "overdue", "expiring", "due", "closing", "next", "hold", "missed"]


def told(story: str, site: Any, mrn: str = "W1") -> UUID:
    teller = cohort.Teller(site, local_date(timezone.now(), site.timezone), Random(1), mrn)
    getattr(cohort, story)(teller)
    return teller.patient


def groups(now: datetime, site: Any, only: Filter | None = None, shown: int = 25) -> dict[str, Group]:
    found = today_groups(now=now, only=only or Filter(), shown=shown)
    assert [g.code for g in found] == ORDER
    return {g.code: g for g in found}


def panel(patient: UUID, number: int) -> TaskDue:
    return TaskDue.objects.get(patient_id=patient, key=f"liver-panel:w{number:02d}")


def holders(found: dict[str, Group], key: str) -> list[str]:
    return [code for code in ORDER if key in {r.get("key") for r in found[code].rows}]


@pytest.mark.parametrize(
    ("day", "group"),
    [
        ("opens_on - 8", []),
        ("opens_on - 7", ["next"]),
        ("opens_on", ["closing"]),
        ("due_on - 1", ["closing"]),
        ("due_on", ["due"]),
        ("closes_on", ["due"]),
        ("closes_on + 1", ["overdue"]),
        ("missed_on - 1", ["overdue"]),
        ("missed_on", ["missed"]),
    ],
)
def test_a_panel_moves_through_the_groups_with_the_days(site: Any, day: str, group: list[str]):
    task = panel(told("infused_last_week", site), 5)
    name, _, shift = day.partition(" ")
    on: date = getattr(task, name) + timedelta(days=int(shift.replace(" ", "") or 0))
    at_noon = site_midnight(on, site.timezone) + timedelta(hours=12)
    assert holders(groups(at_noon, site, shown=200), task.key) == group


def test_a_group_changes_at_the_sites_midnight(site: Any):
    task = panel(told("infused_last_week", site), 5)
    midnight = site_midnight(task.closes_on + timedelta(days=1), site.timezone)
    assert holders(groups(midnight - timedelta(minutes=1), site, shown=200), task.key) == ["due"]
    assert holders(groups(midnight, site, shown=200), task.key) == ["overdue"]


def test_an_ended_task_is_in_no_group(site: Any):
    patient = told("infused_last_week", site)
    task = panel(patient, 1)
    noon = site_midnight(task.due_on, site.timezone) + timedelta(hours=12)
    worklist.complete(patient=patient, key=task.key, reason="Done elsewhere", by="ana")
    assert holders(groups(noon, site, shown=200), task.key) == []


def test_a_task_on_hold_leaves_its_group_until_the_day(site: Any):
    patient = told("infused_last_week", site)
    task = panel(patient, 1)
    until = task.due_on + timedelta(days=2)
    worklist.snooze(patient=patient, key=task.key, until=until, reason="Patient is away", by="ana")
    noon = site_midnight(task.due_on, site.timezone) + timedelta(hours=12)
    assert holders(groups(noon, site, shown=200), task.key) == ["hold"]
    assert holders(groups(noon + timedelta(days=2), site, shown=200), task.key) == ["due"]


def test_an_open_alert_is_listed_with_its_evidence(site: Any):
    patient = told("alert_open", site)
    (row,) = groups(timezone.now(), site)["alerts"].rows
    assert row["patient_id"] == patient
    assert row["payload"]["value"] == "52"


def test_gates_that_expire_before_the_booked_day_are_one_row_a_patient(site: Any):
    patient = told("cleared", site)
    on = local_date(timezone.now(), site.timezone) + timedelta(days=200)
    plan.book(patient=patient, infusion_on=on, by="ana")
    (row,) = groups(timezone.now(), site)["expiring"].rows
    assert row["planned_on"] == on
    assert row["titles"][0] == "Liver enzymes and bilirubin"
    assert "Anti-AAV5 antibodies" in row["titles"]


def test_the_count_is_all_and_the_rows_are_the_first(site: Any):
    told("infused_last_week", site)
    task = TaskDue.objects.filter(kind="liver-panel").order_by("due_on")[0]
    noon = site_midnight(task.due_on, site.timezone) + timedelta(hours=12)
    full, cut = groups(noon, site, shown=200)["due"], groups(noon, site, shown=1)["due"]
    assert full.count == cut.count == len(full.rows) > 1
    assert [r["id"] for r in cut.rows] == [full.rows[0]["id"]]


def test_a_site_filter_leaves_the_others_out(site: Any):
    told("alert_open", site)
    told("alert_open", make_site("south"), "W2")
    assert groups(timezone.now(), site)["alerts"].count == 2
    assert groups(timezone.now(), site, Filter(site="south"))["alerts"].count == 1


def test_a_person_filter_keeps_own_tasks(site: Any):
    patient = told("infused_last_week", site)
    task = panel(patient, 1)
    make_staff(site, "coordinator", "ana")
    worklist.assign(patient=patient, key=task.key, assignee="ana", by="ana")
    noon = site_midnight(task.due_on, site.timezone) + timedelta(hours=12)
    assert [r["key"] for r in groups(noon, site, Filter(assignee="ana"))["due"].rows] == [task.key]
    assert groups(noon, site, Filter(assignee="bea"))["due"].rows == ()


@pytest.mark.parametrize("patients", [1, 3])
def test_three_queries_however_many_patients(site: Any, patients: int, django_assert_num_queries: Any):
    for number in range(patients):
        told("alert_open", site, f"W{number}")
    now = timezone.now()
    with django_assert_num_queries(3):
        today_groups(now=now)
