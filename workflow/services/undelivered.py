"""Mail that could not be delivered: a task of the site, so that somebody tells the person another way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from patients.errors import Conflict, NotFound
from workflow.models import Notice, SiteTask

KIND = "notice-failed"
AFRESH = {"tried_since": None, "leased_until": None, "attempts": 0, "error": "", "told": None}


def opened(*, site: UUID, person: UUID, why: str, at: datetime) -> None:
    """One open task per person and site, however many mails fail."""
    key = f"{KIND}:{person}"
    row = SiteTask(site_id=site, kind=KIND, key=key, person_id=person, why=why[:200], opened_at=at)
    SiteTask.objects.bulk_create([row], ignore_conflicts=True)


def end(*, task: UUID, ended_as: str, reason: str, by: str, at: datetime | None = None) -> SiteTask:
    """Somebody has told the person, or mended the address ("done"), or need not ("waived"), and says so.

    Raises NotFound when there is no such task in the caller's sites, Conflict when it has ended.
    """
    with transaction.atomic():
        row = SiteTask.objects.select_for_update().filter(pk=task).first()
        if row is None:
            raise NotFound("There is no such task.")
        if row.ended_at is not None:
            raise Conflict("This task has already ended; nothing was changed.")
        row.ended_at, row.ended_as, row.ended_by, row.reason = at or timezone.now(), ended_as, by, reason
        row.save(update_fields=["ended_at", "ended_as", "ended_by", "reason"])
    return row


def send_again_all(*, task: UUID, by: str, at: datetime | None = None) -> int:
    """Everything that failed to reach the person since the task was opened goes out again; the task ends.

    What is no longer so by then is withdrawn instead. Returns how many notices.
    """
    moment = at or timezone.now()
    with transaction.atomic():
        row = end(task=task, ended_as="done", reason="sent again", by=by, at=moment)
        failed = Notice.objects.filter(
            site=row.site_id, recipient=row.person_id, failed_at__gte=row.opened_at
        )
        return failed.update(failed_at=None, next_try_at=moment, **AFRESH)


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
