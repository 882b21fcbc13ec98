"""Acts on tasks through the pages: one on its own page, several from Today; plain forms, no script needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from patients.models import Membership, Site
from tests.admin.test_pages import page, today, told
from tests.factories.people import make_site, make_staff
from workflow.models import Act, TaskDue
from workflow.services import worklist

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(site: Site, client: Client) -> Client:
    make_staff(site, "coordinator", "ben")
    client.force_login(make_staff(site, "coordinator", "ana"))
    return client


@pytest.fixture
def task(site: Site, ana: Client) -> TaskDue:
    """The weekly panel whose window is open: infused six days ago."""
    return panel(told("infused_last_week", site))


def panel(patient: UUID) -> TaskDue:
    return TaskDue.objects.get(patient_id=patient, key="liver-panel:w01")


def send(client: Client, task: TaskDue, verb: str, query: str = "", **fields: str) -> Any:
    return client.post(f"/admin/tasks/{task.pk}/{query}", {"act": verb, **fields}, follow=True)


def listed(client: Client, task: TaskDue, group: str = "") -> bool:
    """Whether Today shows the task, in any group or in one."""
    groups = [group] if group else ["overdue", "due", "closing", "next"]
    return any(str(task.pk) in page(client, f"/admin/today/?group={g}") for g in groups)


@pytest.mark.parametrize(
    ("verb", "ended", "word"),
    [("complete", "done", "Done"), ("waive", "waived", "Waived"), ("miss", "missed", "Missed")],
)
def test_a_task_ends_with_a_reason_only_and_leaves_the_list(
    ana: Client, task: TaskDue, verb: str, ended: str, word: str
) -> None:
    assert listed(ana, task)
    refused = send(ana, task, verb)
    assert refused.status_code == 422 and f'href="#{verb}-reason"' in refused.content.decode()
    answer = send(ana, task, verb, "?today", reason="Patient was travelling")
    assert answer.redirect_chain[-1][0] == "/admin/today/"
    task.refresh_from_db()
    assert task.ended_as == ended and not listed(ana, task)
    assert Act.objects.get(kind=verb).reason == "Patient was travelling"
    text = page(ana, f"/admin/tasks/{task.pk}/")
    assert word in text and "Ended by ana" in text and "Patient was travelling" in text


def test_a_task_on_hold_leaves_the_list_and_is_taken_off_again(
    ana: Client, site: Site, task: TaskDue
) -> None:
    beyond = (task.closes_on + timedelta(days=1)).isoformat()
    refused = send(ana, task, "snooze", until=beyond, reason="Away")
    assert refused.status_code == 422 and "what is past it is never hidden" in refused.content.decode()
    send(ana, task, "snooze", until=(today(site) + timedelta(days=1)).isoformat(), reason="Away")
    assert not listed(ana, task) and listed(ana, task, "hold")
    assert "Put on hold" not in page(ana, f"/admin/tasks/{task.pk}/")
    send(ana, task, "wake", reason="Is back")
    assert listed(ana, task)


def test_a_contact_is_logged_and_shown_on_every_list(ana: Client, task: TaskDue) -> None:
    refused = send(ana, task, "contact", who="patient")
    for name in ("how", "outcome"):
        assert f'href="#contact-{name}"' in refused.content.decode()
    fields = {"who": "patient", "how": "phone", "outcome": "no_answer", "at": "2026-01-05T08:30"}
    for _ in range(2):
        send(ana, task, "contact", **fields)
    (act,) = Act.objects.filter(kind="contact")
    assert act.payload["at"] == "2026-01-05T07:30:00Z", "the clock of the site, Berlin"
    for path in (
        f"tasks/{task.pk}/",
        f"patients/{task.patient_id}/",
        "today/?group=closing",
        "today/?group=due",
    ):
        if str(task.pk) in (text := page(ana, f"/admin/{path}")):
            assert "Patient by phone: no answer" in text, path


def test_whoever_comes_second_is_told_who_was_first(ana: Client, task: TaskDue) -> None:
    worklist.complete(patient=task.patient_id, key=task.key, reason="Done", by="ben")
    for verb in ("complete", "snooze", "assign"):
        answer = send(ana, task, verb, reason="Mine", until="2099-01-01", assignee="ana", seen="")
        text = answer.content.decode()
        assert answer.status_code == 409 and "ended by ben on" in text and "<title>Error:" in text
    assert Act.objects.filter(by="ana").exclude(kind="complete").count() == 0


def test_a_task_taken_meanwhile_is_not_taken_away_unseen(ana: Client, task: TaskDue) -> None:
    worklist.assign(patient=task.patient_id, key=task.key, assignee="ben", by="ben")
    answer = send(ana, task, "assign", assignee="ana", seen="")
    assert answer.status_code == 412 and "ben gave this task to ben" in answer.content.decode()
    send(ana, task, "assign", assignee="ana", seen="ben")
    task.refresh_from_db()
    assert task.assignee == "ana"


def test_a_foreign_task_does_not_exist_and_reading_changes_nothing(ana: Client, task: TaskDue) -> None:
    before = Act.objects.count()
    page(ana, f"/admin/tasks/{task.pk}/")
    assert Act.objects.count() == before
    theirs = panel(told("infused_last_week", make_site("south"), "S1"))
    page(ana, f"/admin/tasks/{theirs.pk}/", 404)
    assert send(ana, theirs, "waive", reason="x").status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_staff(task.site, "coordinator", "kim"))
    assert send(strict, task, "waive", reason="x").status_code == 403
    assert send(ana, task, "explode").status_code == 422


def bulk(client: Client, *tasks: TaskDue, path: str = "/admin/today/", **fields: str) -> Any:
    rows = [f"{t.pk} {t.assignee}" for t in tasks]
    return client.post(path, {"task": rows, **fields}, follow=True)


def test_selected_tasks_are_assigned_and_put_on_hold_in_one_go(
    ana: Client, site: Site, task: TaskDue
) -> None:
    other = panel(told("infused_last_week", site, "A2"))
    until = (today(site) + timedelta(days=1)).isoformat()
    answer = bulk(
        ana, task, other, assignee="ben", until=until, reason="Ward round", path="/admin/today/?group=next"
    )
    text = answer.content.decode()
    assert "2 tasks given to ben." in text and f"2 tasks put on hold until {until}." in text
    assert answer.redirect_chain[-1][0] == "/admin/today/?group=next"
    for row in (task, other):
        row.refresh_from_db()
        assert (row.assignee, row.snoozed_until.isoformat()) == ("ben", until)
    bulk(ana, task, assignee="-")
    task.refresh_from_db()
    assert task.assignee == ""


def test_a_row_that_moved_on_is_named_and_the_others_are_done(ana: Client, site: Site, task: TaskDue) -> None:
    other = panel(told("infused_last_week", site, "A2"))
    worklist.waive(patient=other.patient_id, key=other.key, reason="Agreed", by="ben")
    text = bulk(ana, task, other, assignee="ben").content.decode()
    assert "1 task given to ben." in text and "ended by ben on" in text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"assignee": "ben"}, "task"),
        ({"task": "1"}, "assignee"),
        ({"task": "1", "until": "2099-01-01"}, "reason"),
        ({"task": "1", "until": "soon", "reason": "x"}, "until"),
    ],
)
def test_a_faulty_bar_leads_to_the_field_and_keeps_the_selection(
    ana: Client, task: TaskDue, fields: dict[str, str], field: str
) -> None:
    rows = [task] if fields.pop("task", "") else []
    answer = bulk(ana, *rows, **fields)
    text = answer.content.decode()
    assert answer.status_code == 422 and "<title>Error:" in text and f'href="#{field}"' in text
    assert f'id="{field}"' in text
    assert ("checked" in text) == bool(rows)
    assert Act.objects.filter(by="ana").count() == 0


def test_today_lists_only_sites_at_which_one_looks_after_patients(ana: Client, site: Site) -> None:
    south = make_site("south")
    theirs = panel(told("infused_last_week", south, "S1"))
    Membership.objects.create(
        user_id=ana.session["_auth_user_id"], role="site_admin", site=south, from_date=today(site)
    )
    assert not listed(ana, theirs)
    bulk(ana, theirs, assignee="ana")
    theirs.refresh_from_db()
    assert theirs.assignee == ""


def test_every_row_says_why_and_today_stays_light(ana: Client, site: Site) -> None:
    for number, story in enumerate(("alert_open", "weeks_missed", "booked", "infused_last_week")):
        told(story, site, f"L{number}")
    frame, *rows = page(ana, "/admin/today/?group=next").split("<tr data-row>")
    rows += page(ana, "/admin/today/").split("<tr data-row>")[1:]
    assert len(rows) > 9
    assert all('<span class="sub">' in row.split("<td>")[3] for row in rows)
    sizes = [len(row.partition("</tr>")[0]) for row in rows]
    assert len(frame) < 8_000 and max(sizes) < 1_600, sizes


def test_a_task_is_asked_for_with_few_queries(
    ana: Client, task: TaskDue, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    page(ana, f"/admin/tasks/{task.pk}/")
    with django_assert_max_num_queries(11):
        page(ana, f"/admin/tasks/{task.pk}/")
