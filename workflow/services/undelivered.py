"""Mail that could not be delivered: a task of the site, so that somebody tells the person another way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from patients.errors import Conflict, NotFound
from workflow.models import Notice, SiteTask

KIND = "notice-failed"
ENDING = {"complete": "done", "waive": "waived"}
AFRESH = {"tried_since": None, "leased_until": None, "attempts": 0, "error": "", "told": None}


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
        found.ended_at, found.ended_as, found.ended_by, found.reason = (
            at or timezone.now(),
            ENDING[act],
            by,
            reason,
        )
        found.save(update_fields=["ended_at", "ended_as", "ended_by", "reason"])
    return found


def send_again(*, notice: UUID, at: datetime | None = None) -> None:
    """One notice that failed or waits for its next try goes out as if it had never been tried.

    Raises NotFound, or Conflict when it was sent or withdrawn.
    """
    rows = Notice.objects.filter(pk=notice)
    if not rows.exists():
        raise NotFound("There is no such notice.")
    if not rows.filter(sent_at=None, cancelled_at=None).update(
        failed_at=None, next_try_at=at or timezone.now(), **AFRESH
    ):
        raise Conflict("This notice was sent or withdrawn; there is nothing to send again.")
