"""The page of those who look after the machinery: its parts, the last runs, the queue, and what failed.

It holds no patient data, and works without the broker: what it shows is in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import redis
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from config.celery import app
from config.health import BEAT_AGE, NOTICE_AGE
from patients.admin.roles import SITE_ADMIN, require, sites_of
from patients.errors import DomainError
from patients.models import Heartbeat, Run
from patients.rules.words import counted
from patients.services import holds
from workflow.admin.frame import page
from workflow.admin.marks import Mark
from workflow.selectors import queue as selector
from workflow.services.resend import resend

GOOD, BAD, WARN = ("disc-tick", "good"), ("triangle", "bad"), ("half-disc", "warn")
NONE = ("dashed-ring", "grey")
PATIENCE = 1.0
LATE_AFTER = 5
"""A task is late when it has not done its work for so many of its intervals, and at least two minutes."""
KINDS = {
    "opening": "Window opens", "due": "Task due", "overdue": "Task overdue", "escalation": "Escalation",
    "alert": "Safety alert", "digest": "Work list", "export_ready": "Export ready", "intake_failed": "Import failed",
    "scheduler_silent": "Scheduler silent", "password_reset": "New password",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One part or task: its name, its state in a word with a shape, and what is to be said about it."""

    name: str
    mark: Mark
    detail: str


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("health/", site.admin_view(health), name="health")]


def health(request: HttpRequest) -> HttpResponse:
    """What the machinery does; or one failed notice sent again."""
    require(request, SITE_ADMIN)
    if request.method == "POST":
        return _resend(request)
    now = timezone.now()
    count, failed = selector.failures(sites_of(request, SITE_ADMIN))
    return page(
        request,
        "health.html",
        "Health",
        now=now,
        parts=list(_parts(now)),
        runs=list(_runs(now)),
        failures=[{"notice": n, "kind": KINDS.get(n.kind, n.kind)} for n in failed],
        failed=count,
    )


def _resend(request: HttpRequest) -> HttpResponse:
    try:
        notice = resend(
            notice=_uuid(request.POST.get("notice", "")),
            sites=sites_of(request, SITE_ADMIN),
            by=request.user.get_username(),
        )
        messages.success(request, f"The mail to {notice.recipient.username} is tried again now.")
    except DomainError as error:
        messages.warning(request, error.detail)
    return redirect("admin:health")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _parts(now: datetime) -> Iterator[Line]:
    yield Line("Database", Mark("Answers", *GOOD), "This page comes from it.")
    yield _broker()
    beats = dict(Heartbeat.objects.values_list("name", "at"))
    yield _beating("Scheduler", beats.get("beat"), now)
    yield _beating("Worker", beats.get("worker"), now)
    yield _queue(now)


def _broker() -> Line:
    """The bell between scheduler and worker. Without it nothing is lost: work waits in the database."""
    try:
        server = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        )
        waiting = int(server.llen("celery"))
    except (redis.RedisError, OSError):
        return Line("Broker", Mark("Away", *BAD), "Mail and reminders wait in the database until it is back.")
    return Line("Broker", Mark("Answers", *GOOD), f"{counted(waiting, 'call')} to tasks waiting.")


def _beating(name: str, at: datetime | None, now: datetime) -> Line:
    if at is None:
        return Line(name, Mark("Never seen", *BAD), "It has not run on this database.")
    fine = now - at <= BEAT_AGE
    return Line(
        name, Mark("Works", *GOOD) if fine else Mark("Silent", *BAD), f"Last sign {ago(now - at)} ago."
    )


def _queue(now: datetime) -> Line:
    found = selector.queue(now=now, longer_than=NOTICE_AGE)
    if (held := holds.mail_hold()) is not None:
        since = f"since {held.since:%Y-%m-%d %H:%M} UTC: {held.reason}"
        detail = f"Nothing is sent {since}. {counted(found.due, 'notice')} due; release_mail lets them go."
        return Line("Mail queue", Mark("Frozen", *WARN), detail)
    if found.since is None:
        detail = f"{counted(found.waiting, 'notice')} to send later." if found.waiting else "Nothing to send."
        return Line("Mail queue", Mark("Up to date", *GOOD), detail)
    mark = Mark("Late", *BAD) if found.late else Mark("Sending", *WARN)
    tried = f" {counted(found.tried, 'notice')} tried in vain so far." if found.tried else ""
    age = ago(now - found.since)
    return Line("Mail queue", mark, f"{counted(found.due, 'notice')} due, the first waits for {age}.{tried}")


def _runs(now: datetime) -> Iterator[Line]:
    """Every scheduled task with its last run, and others that have run."""
    known = {run.name: run for run in Run.objects.all()}
    every = {entry["task"]: float(entry["schedule"]) for entry in app.conf.beat_schedule.values()}
    for name in sorted(every.keys() | known.keys()):
        yield _run(name, known.get(name), every.get(name), now)


def _run(name: str, run: Run | None, seconds: float | None, now: datetime) -> Line:
    often = f"Every {ago(timedelta(seconds=seconds))}. " if seconds else ""
    if run is None:
        return Line(name, Mark("Never ran", *NONE), often.strip())
    if run.ok is None:
        detail = f"{often}Began {ago(now - run.started_at)} ago and has not ended.{_worked(run, now)}"
        return Line(name, _pace(Mark("Running", *WARN), run, seconds, now), detail)
    took = f"{(run.ended_at - run.started_at).total_seconds():.1f} s" if run.ended_at else ""
    detail = f"{often}Began {ago(now - run.started_at)} ago, took {took}."
    if not run.ok:
        return Line(name, Mark("Failed", *BAD), f"{detail} {run.error}.{_worked(run, now)}")
    return Line(name, _pace(Mark("Works", *GOOD), run, seconds, now), detail)


def _pace(mark: Mark, run: Run, seconds: float | None, now: datetime) -> Mark:
    """The mark, unless the task has not done its work for too long."""
    if seconds is None:
        return mark
    limit = timedelta(seconds=max(120.0, LATE_AFTER * seconds))
    return mark if now - (run.ok_at or run.started_at) <= limit else Mark("Late", *BAD)


def _worked(run: Run, now: datetime) -> str:
    return f" Last did its work {ago(now - run.ok_at)} ago." if run.ok_at else " It never did its work."


def ago(age: timedelta) -> str:
    """12 seconds, 5 minutes, 3 hours, 2 days."""
    seconds = max(0, int(age.total_seconds()))
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (noun == "minute" and seconds >= size):
            return counted(seconds // size, noun)
    return counted(seconds, "second")
