"""The health page: its parts, the last runs, the queue, and failed mail that is sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from config.celery import app
from config.health_page import ago
from patients.access import everywhere
from patients.ids import new_id
from patients.models import Heartbeat, Run, Site, User
from patients.services import runs
from tests.admin.test_pages import page, told
from tests.factories.people import make_site, make_staff
from workflow.models import Notice
from workflow.services import notices
from workflow.tasks import heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture
def adam(site: Site, client: Client) -> Client:
    client.force_login(make_staff(site, "site_admin", "adam"))
    return client


def failed(site: Site, who: User, **more: Any) -> Notice:
    now = timezone.now()
    columns = {
        "kind": "digest", "rule": "digest", "due_at": now, "created_at": now, "next_try_at": now, "failed_at": now,
        "error": "smtp 550", "attempts": 3, "occurrence": "2026-11-24", "key": f"digest:{new_id()}", **more,
    }  # fmt: skip
    return Notice.objects.create(id=new_id(), site=site, recipient=who, **columns)


def state(text: str, name: str) -> str:
    """The word beside a part or a task."""
    row = next(r for r in text.split("<tr") if f"<b>{name}</b>" in r)
    return row.split("</svg>")[1].split("</span>")[0]


def test_only_a_site_admin_opens_it(adam: Client, site: Site) -> None:
    page(adam, "/admin/health/")
    for role in ("coordinator", "clinician"):
        adam.force_login(make_staff(site, role))
        page(adam, "/admin/health/", 403)
        assert adam.post("/admin/health/", {"notice": str(new_id())}).status_code == 403


def test_it_works_while_the_broker_is_away_and_nothing_has_run(adam: Client) -> None:
    """The tests have no broker: nothing listens at its address."""
    text = page(adam, "/admin/health/")
    words = {n: state(text, n) for n in ("Database", "Broker", "Scheduler", "Worker", "Mail queue")}
    assert words == {
        "Database": "Answers", "Broker": "Away", "Scheduler": "Never seen", "Worker": "Never seen",
        "Mail queue": "Up to date",
    }  # fmt: skip
    assert {state(text, entry["task"]) for entry in app.conf.beat_schedule.values()} == {"Never ran"}


@pytest.mark.parametrize(("seconds", "word"), [(0, "Works"), (89, "Works"), (92, "Silent")])
def test_a_part_is_silent_after_ninety_seconds(adam: Client, seconds: int, word: str) -> None:
    at = timezone.now() - timedelta(seconds=seconds)
    for name in ("beat", "worker"):
        Heartbeat.objects.create(name=name, at=at)
    text = page(adam, "/admin/health/")
    assert (state(text, "Scheduler"), state(text, "Worker")) == (word, word)


RUNS = [
    ("did its work", 10, 9, "", "Works"),
    ("failed", 10, 9, "OperationalError", "Failed"),
    ("runs", 10, None, "", "Running"),
    ("has not run for long", 400, 399, "", "Late"),
    ("hangs", 400, None, "", "Late"),
]


@pytest.mark.parametrize(("story", "began", "ended", "error", "word"), RUNS, ids=[r[0] for r in RUNS])
def test_a_task_is_told_by_its_last_run(
    adam: Client, story: str, began: int, ended: int | None, error: str, word: str
) -> None:
    now, name = timezone.now(), "workflow.sweep"
    runs.started(name=name, at=now - timedelta(seconds=began))
    if ended is not None:
        runs.ended(name=name, at=now - timedelta(seconds=ended), error=error)
    text = page(adam, "/admin/health/")
    assert state(text, name) == word
    assert error in text


def test_each_task_writes_down_how_it_ended(db_ready: None, monkeypatch: Any) -> None:
    heartbeat.apply()
    row = Run.objects.get(name="workflow.heartbeat")
    assert row.ok and row.ended_at and row.ok_at == row.ended_at
    monkeypatch.setattr("patients.models.Heartbeat.objects.update_or_create", _broken)
    heartbeat.apply()
    again = Run.objects.get(name="workflow.heartbeat")
    assert (again.ok, again.error, again.ok_at) == (False, "LookupError", row.ok_at)


def _broken(**_: Any) -> None:
    raise LookupError("a text that may name somebody")


def test_a_task_works_although_its_run_cannot_be_written_down(db_ready: None, monkeypatch: Any) -> None:
    def away(**_: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(runs, "started", away)
    monkeypatch.setattr(runs, "ended", away)
    heartbeat.apply()
    assert Heartbeat.objects.count() == 2 and not Run.objects.exists()


def test_the_queue_tells_its_age(adam: Client, site: Site) -> None:
    adam_ = User.objects.get(username="adam")
    later = timezone.now() + timedelta(hours=1)
    failed(site, adam_, failed_at=None, next_try_at=later, error="", attempts=0)
    assert state(page(adam, "/admin/health/"), "Mail queue") == "Up to date"
    for minutes, word in ((4, "Sending"), (6, "Late")):
        at = timezone.now() - timedelta(minutes=minutes)
        failed(site, adam_, failed_at=None, next_try_at=at, error="", attempts=0)
        assert state(page(adam, "/admin/health/"), "Mail queue") == word


def test_a_failed_notice_is_sent_again_and_who_asked_is_kept(
    adam: Client, site: Site, mailoutbox: Any
) -> None:
    kind = "scheduler_silent"
    notice = failed(site, User.objects.get(username="adam"), kind=kind, rule=kind, key=kind)
    assert "smtp 550" in page(adam, "/admin/health/")
    answer = adam.post("/admin/health/", {"notice": str(notice.pk)}, follow=True)
    assert "tried again now" in answer.content.decode()
    notice.refresh_from_db()
    assert (notice.failed_at, notice.attempts) == (None, 0)
    (event,) = apps.get_model("workflow", "NoticeSealedEvent").objects.filter(pgh_obj_id=notice.pk)
    assert (event.pgh_label, event.pgh_context["user"]) == ("resend", "adam")
    again = adam.post("/admin/health/", {"notice": str(notice.pk)}, follow=True)
    assert "not among the failed ones" in again.content.decode()
    assert notices.send().sent == 1 and len(mailoutbox) == 1


def test_failures_of_other_sites_and_patients_are_not_shown(adam: Client, site: Site) -> None:
    south = make_site("south")
    theirs = failed(south, make_staff(south, "coordinator", "cora"))
    patient = told("alert_open", site)
    mine = failed(
        site, User.objects.get(username="adam"), patient_id=patient, kind="alert", rule="alert", key="alert:x"
    )
    text = page(adam, "/admin/health/")
    assert str(mine.pk) in text and str(theirs.pk) not in text and "cora" not in text
    assert str(patient) not in text and mine.patient.code not in text and mine.patient.family_name not in text
    adam.post("/admin/health/", {"notice": str(theirs.pk)})
    with everywhere(by="t"):
        assert Notice.objects.get(pk=theirs.pk).failed_at is not None


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(days=2), "2 days"),
        (timedelta(seconds=-5), "0 seconds"),
    ],
    ids=str,
)
def test_an_age_in_words(age: timedelta, words: str) -> None:
    assert ago(age) == words
