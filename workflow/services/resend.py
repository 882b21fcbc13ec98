"""Sending a failed notice again, on somebody's word."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import pghistory
from django.db import transaction
from django.utils import timezone

from patients.errors import Conflict, NotFound
from workflow.models import Notice

AFRESH: dict[str, Any] = {"attempts": 0, "error": "", "tried_since": None, "leased_until": None, "told": None}
"""As if it had never been tried."""


def resend(*, notice: UUID, sites: Iterable[UUID], by: str, at: datetime | None = None) -> Notice:
    """Puts a failed notice of one of the sites back in the queue, to be tried at once.

    It is the same message under the same Message-ID; the audit says who asked. Raises NotFound, or Conflict
    when it has not failed (somebody else has sent it again meanwhile).
    """
    now = at or timezone.now()
    with transaction.atomic(), pghistory.context(user=by):
        row = Notice.objects.select_for_update().filter(pk=notice, site_id__in=tuple(sites)).first()
        if row is None:
            raise NotFound("There is no such notice.")
        if row.failed_at is None:
            raise Conflict("This notice is not among the failed ones any more; nothing was changed.")
        Notice.objects.filter(pk=row.pk).update(failed_at=None, next_try_at=now, **AFRESH)
        row.refresh_from_db()
        return row


def resend_to(*, site: UUID, person: UUID, since: datetime, by: str, at: datetime) -> int:
    """The same for everything about a site that has failed to reach one person since some instant."""
    failed = Notice.objects.filter(site=site, recipient=person, failed_at__gte=since, sent_at=None)
    with pghistory.context(user=by):
        return failed.update(failed_at=None, next_try_at=at, **AFRESH)
