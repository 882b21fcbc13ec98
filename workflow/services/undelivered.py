"""Mail that could not be delivered: a task of the site, so that somebody tells the person another way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from patients.errors import Conflict, NotFound
from workflow.models import SiteTask
from workflow.services.resend import resend_to

KIND = "notice-failed"
ENDING = {"complete": "done", "waive": "waived"}


def opened(*, site: UUID, person: UUID, why: str, at: datetime) -> None:
    """One open task per person and site, however many mails fail."""
    key = f"{KIND}:{person}"
    row = SiteTask(site_id=site, kind=KIND, key=key, person_id=person, why=why[:200], opened_at=at)
    SiteTask.objects.bulk_create([row], ignore_conflicts=True)


def end(*, task: UUID, act: str, reason: str, by: str, at: datetime | None = None) -> SiteTask:
    """Somebody has told the person or had the address corrected ("complete"), or need not ("waive"), and says so.

    Raises NotFound when there is no such task in the caller's sites, Conflict when it has ended and for other acts.
    """
    if act not in ENDING:
        raise Conflict("This task is about no patient: it can be completed or waived.")
    with transaction.atomic():
        row = SiteTask.objects.select_for_update(of=("self",)).select_related("site", "person")
        found = row.filter(pk=task).first()
        if found is None:
            raise NotFound("There is no such task.")
        if found.ended_at is not None:
            raise Conflict("This task has already ended; nothing was changed.")
        found.ended_at, found.ended_as = at or timezone.now(), ENDING[act]
        found.ended_by, found.reason = by, reason
        found.save(update_fields=["ended_at", "ended_as", "ended_by", "reason"])
    return found


def send_again(*, task: UUID, by: str, at: datetime | None = None) -> int:
    """Everything that failed to reach the person since the task was opened goes out again; the task ends.

    What is no longer so by then is withdrawn instead. Returns how many notices.
    """
    moment = at or timezone.now()
    with transaction.atomic():
        row = end(task=task, act="complete", reason="sent again", by=by, at=moment)
        return resend_to(site=row.site_id, person=row.person_id, since=row.opened_at, by=by, at=moment)
