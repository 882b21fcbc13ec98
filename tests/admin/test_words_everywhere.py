"""One word a state, at 23:59 and at 00:01 on the site's clock: Today, patient, cohort, task, REST and mail agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random

import pytest
import time_machine
from django.test import Client

from outcomes.services import cohort
from patients.rules.words import TASKS
from tests.admin.reading import client_of
from tests.factories.people import make_site, make_staff
from workflow.models import Notice, TaskDue
from workflow.selectors.decisions import site_midnight
from workflow.services import sweep

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
STARTED = date(2026, 3, 2)
"""A Monday; summer time begins in Chicago in the week of the panel looked at."""


@pytest.fixture
def panel(everywhere: None) -> TaskDue:
    """The second week's panel of somebody far from UTC; nothing of it is entered."""
    site = make_site("lakeside", timezone="America/Chicago")
    with time_machine.travel(
        site_midnight(STARTED + 8 * DAY, site.timezone) + timedelta(hours=12), tick=False
    ):
        make_staff(site, "coordinator", "ana")
        teller = cohort.Teller(site, STARTED + 8 * DAY, Random(1), "A1")
        cohort.infused_last_week(teller)
        sweep.sweep(at=site_midnight(STARTED + 8 * DAY, site.timezone))
    return TaskDue.objects.select_related("site").get(patient_id=teller.patient, key="liver-panel:w02")


def turns(task: TaskDue) -> Iterator[tuple[str, str, datetime]]:
    """The state and the group of Today a minute before and after each midnight at which the state changes."""
    for before, after, day in (
        ("upcoming next", "open closing", task.opens_on),
        ("open due", "overdue overdue", task.closes_on + DAY),
        ("overdue overdue", "missed missed", task.missed_on),
    ):
        midnight = site_midnight(day, task.site.timezone)
        yield (*before.split(), midnight - MINUTE)
        yield (*after.split(), midnight + MINUTE)


def on_today(client: Client, task: TaskDue, group: str) -> str:
    """The pill of the task's row in the group where it stands."""
    return in_list(client, f"/admin/today/?group={group}", task)


def in_list(client: Client, address: str, task: TaskDue) -> str:
    html = client.get(address).content.decode()
    rows = re.findall(r"<tr data-row>.*?</tr>", html, re.S)
    return next(pill(row) for row in rows if f"/admin/tasks/{task.pk}/" in row)


def pill(html: str) -> str:
    found = re.search(r'<span class="pill [^"]*">(.*?)</span>', html, re.S)
    assert found is not None, html
    return re.sub(r"<[^>]*>", "", found.group(1))


def on_patient(client: Client, task: TaskDue) -> str:
    return in_list(client, f"/admin/patients/{task.patient_id}/", task)


def on_cohort(client: Client, task: TaskDue) -> str:
    """The eleventh cell is week 2; a week's cell shows the panel unless another task is more urgent."""
    html = client.get("/admin/cohort/").content.decode()
    (row,) = re.findall(r"<tr data-row>.*?</tr>", html, re.S)
    cell = re.findall(r"<td>.*?</td>", row)[10]
    spoken = re.search(r'aria-label="[^"]* W2: ([^"]*)"', cell)
    return spoken.group(1) if spoken else re.sub(r"<[^>]*>", "", cell)


def words(client: Client, task: TaskDue, group: str) -> dict[str, str]:
    return {
        "today": on_today(client, task, group),
        "patient": on_patient(client, task),
        "cohort": on_cohort(client, task),
        "task": pill(client.get(f"/admin/tasks/{task.pk}/").content.decode()),
    }


def in_rest(client: Client, task: TaskDue) -> str:
    status = client.get(f"/api/v1/patients/{task.patient_id}/status/").json()
    return str(next(t["state"] for t in status["tasks"] if t["key"] == task.key))


def mailed(task: TaskDue, at: datetime) -> set[str]:
    """Rules of the reminders about the task that are in force after a sweep."""
    sweep.sweep(at=at)
    rows = Notice.objects.filter(key=f"task:{task.pk}", cancelled_at=None)
    return set(rows.values_list("kind", flat=True))


def test_every_place_says_the_same_word_on_both_sides_of_midnight(panel: TaskDue):
    seen = set()
    for state, group, moment in turns(panel):
        with time_machine.travel(moment, tick=False):
            client = client_of(panel.site, "ana")
            found = words(client, panel, group)
            assert len(set(found.values())) == 1, (moment, found)
            assert found["today"].startswith(TASKS[state]), (moment, found)
            assert in_rest(client, panel) == state
            kinds = mailed(panel, moment)
            if state != "missed":
                assert ("overdue" in kinds) is (state == "overdue"), (moment, kinds)
            if state in ("upcoming", "open"):
                assert ("opening" in kinds) is (state == "open"), (moment, kinds)
            seen.add(found["today"])
    assert "Overdue 1 day" in seen and "Missed" in seen and "Upcoming" in seen
    assert any(word.startswith("Due now, last day") for word in seen)
