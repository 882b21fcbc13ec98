"""The cohort grid: worst first, one word a state as on every other page, few queries, few bytes."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from random import Random
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from outcomes.services import cohort as stories
from tests.factories.clones import clone
from tests.factories.people import make_site, make_staff
from workflow.admin import cohort_pages, marks
from workflow.models import TaskDue
from workflow.selectors import cohort
from workflow.selectors.decisions import local_date, site_midnight

pytestmark = pytest.mark.django_db
MOST_BYTES = 300_000


def told(story: str, site: Any, mrn: str = "A1", **more: Any) -> UUID:
    teller = stories.Teller(site, local_date(timezone.now(), site.timezone), Random(1), mrn, **more)
    getattr(stories, story)(teller)
    return teller.patient


@pytest.fixture
def ana(site: Any, client: Client) -> Client:
    client.force_login(make_staff(site, "coordinator", "ana"))
    return client


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/admin/cohort/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def codes(html: str) -> list[str]:
    return re.findall(r'<a class="code" href="[^"]*">([^<]*)</a>', html)


def links(html: str) -> list[str]:
    return [unescape(text) for text in re.findall(r'<td><a href="[^"]*" aria-label="([^"]*)"', html)]


def state_of(task: TaskDue) -> cohort.Steps:
    (line,) = (x for x in lines(task.site_id) if x.patient == task.patient_id)
    return cohort.steps([line], now=timezone.now())[line.patient]


def lines(site: UUID, **more: Any) -> list[cohort.Line]:
    return cohort.lines(cohort.Wanted(sites=(site,), **more), now=timezone.now())


def test_patients_with_problems_come_first_and_an_alert_before_all(ana: Client, site: Any):
    for number, story in enumerate(("referred", "weeks_missed", "alert_open")):
        told(story, site, f"A{number}")
    found = codes(page(ana))
    quiet, missed, alert = sorted(found)
    assert found == [alert, missed, quiet]
    assert codes(page(ana, "?show=problems")) == [alert, missed]
    assert "3 patients, 2 with problems" in page(ana)


def test_only_what_asks_for_somebody_is_a_link_with_a_spoken_name(ana: Client, site: Any):
    told("weeks_missed", site)
    html = page(ana)
    (code,) = codes(html)
    assert f"{code} W6: Missed" in links(html)
    assert html.count("<td>") + html.count("<td class") >= len(cohort.STEPS)
    for text in links(html):
        assert not re.search(r": (Done|Upcoming|n/a|Pass$|Waived)", text), text
    assert "<i>Done</i>" in html and "<i>Upcoming</i>" in html


def test_a_gate_that_blocks_leads_to_the_gates(ana: Client, site: Any):
    patient = told("referred", site)
    html = page(ana)
    assert f'href="/admin/patients/{patient}/#gates"' not in html, "nothing recorded yet is no problem"
    held = told("liver_on_hold", site, "A2")
    assert f'<a href="/admin/patients/{held}/#gates" aria-label="' in page(ana)
    assert any(text.endswith("Liver: On hold") for text in links(page(ana)))


def test_filters(ana: Client, site: Any):
    told("referred", site)
    told("infused_last_week", site, "A2")
    one = ("?phase=screening", "?phase=monitoring", "?empty=W8", "?empty=Day+0", "?empty=NAb")
    for query in one:
        assert len(codes(page(ana, query))) == 1, query
    for query in ("?empty=nowhere", "?site=elsewhere", "?phase=screening&empty=W1"):
        assert "No patient matches." in page(ana, query), query


def test_another_site_is_not_shown(ana: Client):
    told("alert_open", make_site("south"))
    assert codes(page(ana)) == []


def test_a_site_admin_sees_no_grid(site: Any, client: Client):
    client.force_login(make_staff(site, "site_admin", "adam"))
    assert client.get("/admin/cohort/").status_code == 403


def test_the_cell_says_what_every_other_page_says(ana: Client, site: Any):
    """Each state of a panel, in the same words on Today, the patient page and the grid."""
    patient = told("infused_last_week", site)
    task = TaskDue.objects.get(patient_id=patient, key="liver-panel:w05")
    TaskDue.objects.filter(patient_id=patient, key="fix-activity:w05").delete()
    seen = set()
    for day in (task.opens_on, task.due_on + timedelta(1), task.closes_on + timedelta(2), task.missed_on):
        with time_machine.travel(site_midnight(day, site.timezone) + timedelta(hours=12), tick=False):
            row = state_of(task).tasks["W5"]
            word = marks.task(row, row["here"]).text
            ana.force_login(site.memberships.get(user__username="ana").user)
            assert any(text.endswith(f"W5: {word}") for text in links(page(ana)))
            assert word in ana.get(f"/admin/patients/{patient}/").content.decode()
            seen.add(row["state"])
    assert seen == {"open", "overdue", "missed"}


def test_a_task_on_hold_or_part_entered_says_so(site: Any):
    patient = told("infused_last_week", site)
    row: dict[str, Any] = {
        "state": "open",
        "closes_on": timezone.now().date(),
        "due_on": timezone.now().date(),
    }
    line = next(x for x in lines(site.pk) if x.patient == patient)
    today = timezone.now().date()
    held = {
        **row,
        "snoozed_until": today + timedelta(2),
        "progress": {"have": 0},
        "here": today,
        "id": patient,
        "title": "Panel",
    }
    part = {**held, "snoozed_until": None, "progress": {"have": 2}}
    assert cohort_pages.task_cell(line, held).mark.shape == "square-pause"
    assert cohort_pages.task_cell(line, part).mark.text == "Part entered"
    assert cohort_pages.task_cell(line, part).url == f"/admin/tasks/{patient}/"


def test_queries_do_not_grow_with_the_cohort_and_a_hundred_rows_are_light(ana: Client, site: Any):
    first = told("month_five", site, contract="sample-level")
    page(ana)
    with CaptureQueriesContext(connection) as one:
        page(ana)
    clone(first, 100)
    with CaptureQueriesContext(connection) as many:
        html = page(ana)
    assert len(many) == len(one) <= 15
    assert len(codes(html)) == 100 and "Page 1, 101 patients" in html
    assert len(html.encode()) <= MOST_BYTES
    assert len(codes(page(ana, "?page=2"))) == 1


@pytest.mark.slow
def test_five_hundred_patients_without_delay(ana: Client, site: Any):
    import time

    clone(told("weeks_missed", site, contract="sample-level"), 500)
    page(ana)
    before = time.process_time()
    page(ana)
    assert time.process_time() - before < 1.0
