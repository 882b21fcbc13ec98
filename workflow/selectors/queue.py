"""The queue of notices, for those who look after the machinery: counts, ages and failures, no patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce

from patients.access import everywhere
from workflow.models import Notice
from workflow.models.notice import OPEN
from workflow.selectors import notices

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Queue:
    """Notices that are not sent yet: all, those due now, those tried in vain; since when the first waits.

    `late`: some wait for longer than they may, by the same rule as readiness.
    """

    waiting: int
    due: int
    tried: int
    since: datetime | None
    late: bool


def queue(*, now: datetime, longer_than: timedelta) -> Queue:
    """The whole installation's: one sender serves all sites."""
    due = Q(next_try_at__lte=now)
    with everywhere(by="health"):
        found = Notice.objects.filter(OPEN).aggregate(
            waiting=Count("pk"),
            due=Count("pk", filter=due),
            tried=Count("pk", filter=Q(attempts__gt=0)),
            since=Min(Coalesce("tried_since", "next_try_at"), filter=due | Q(attempts__gt=0)),
        )
        return Queue(**found, late=notices.late(now=now, longer_than=longer_than))


def failures(sites: Iterable[UUID]) -> tuple[int, list[Notice]]:
    """How many notices of these sites could not be delivered, and the newest of them."""
    rows = Notice.objects.filter(failed_at__isnull=False, sent_at__isnull=True, cancelled_at__isnull=True)
    rows = rows.filter(site_id__in=tuple(sites))
    newest = rows.select_related("recipient", "site").order_by("-failed_at", "-pk")
    return rows.count(), list(newest[:SHOWN])
