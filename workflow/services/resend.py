"""Sending a failed notice again, on somebody's word."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import pghistory
from django.db import transaction
from django.utils import timezone

from patients.errors import Conflict, NotFound
from workflow.models import Notice


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
        row.failed_at, row.next_try_at, row.attempts = None, now, 0
        row.save(update_fields=["failed_at", "next_try_at", "attempts"])
        return row
