"""Mail goes out again after a restore: what is true by then, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from patients.access import everywhere
from patients.services import holds
from workflow.models import Notice
from workflow.models.notice import OPEN
from workflow.services.sweep import sweep


@dataclass(frozen=True, slots=True)
class Released:
    """Whether mail was frozen, how many notices wait, and how many were told before by the old installation."""

    was_frozen: bool
    waiting: int
    told_before: int


def release_mail(*, by: str, sent_until: datetime | None = None, at: datetime | None = None) -> Released:
    """Ends the hold. The next sending tells what is so then; what is no longer so is withdrawn unsent.

    `sent_until`: up to when the installation that was lost has sent mail, by its mail server's log. What was
    due by then counts as told and is not sent a second time. Default: what the backup knows.
    """
    moment = at or timezone.now()
    sweep(at=moment)
    with everywhere(by=by):
        told = _told_before(sent_until) if sent_until else 0
        waiting = Notice.objects.filter(OPEN, Q(next_try_at__lte=moment)).count()
        return Released(holds.let_go(), waiting, told)


def _told_before(until: datetime) -> int:
    return Notice.objects.filter(OPEN, due_at__lte=until).update(
        sent_at=until, error="sent before the restore", leased_until=None, leased_by=""
    )
