"""The ledger of notices as people see it: mail that failed, how long mail waits, when each part last worked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce

from patients.rules.words import counted
from workflow.models import Notice, SiteTask
from workflow.models.notice import OPEN

NOUNS = {
    "opening": "reminder", "due": "reminder", "overdue": "reminder", "escalation": "escalation",
    "alert": "safety alert or question of a colleague", "digest": "daily work list",
    "password_reset": "link to a new password",
    "emergency_access": "emergency access",
}  # fmt: skip
OTHER = "other notice"
SERVER = "server: "
"""Begins the error of a row that waits for the mail server, not for its own address."""


@dataclass(frozen=True, slots=True)
class About:
    id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """One person whom mail about a site does not reach, and what was not told since the task was opened."""

    id: UUID
    site_id: UUID
    site: str
    site_name: str
    timezone: str
    username: str
    name: str
    email: str
    why: str
    opened_at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    patients: tuple[About, ...] = ()

    @property
    def what(self) -> str:
        return ", ".join(counted(number, noun) for noun, number in self.counts.items())

    @property
    def reason(self) -> str:
        if self.why.startswith("gave up"):
            return "given up after 72 hours of trying"
        return f"the mail server refused the address or the mail ({self.why})"


def undelivered(*, sites: Iterable[UUID], only: UUID | None = None, site: str = "") -> list[Undelivered]:
    """Open tasks of these sites about mail that could not be delivered, oldest first. Two queries."""
    rows = SiteTask.objects.filter(ended_at__isnull=True, site__in=tuple(sites)).select_related(
        "site", "person"
    )
    rows = rows.filter(pk=only) if only else rows
    rows = rows.filter(site__code=site) if site else rows
    tasks = list(rows.order_by("opened_at", "id"))
    failed = _failed(tasks)
    return [_undelivered(task, failed[task.site_id, task.person_id]) for task in tasks]


def _failed(tasks: Sequence[SiteTask]) -> dict[tuple[UUID, UUID], list[Notice]]:
    found: dict[tuple[UUID, UUID], list[Notice]] = defaultdict(list)
    if tasks:
        sites, people = {t.site_id for t in tasks}, {t.person_id for t in tasks}
        rows = Notice.objects.filter(failed_at__isnull=False, site__in=sites, recipient__in=people)
        for row in rows.select_related("patient").order_by("due_at", "id"):
            if row.site_id is not None:
                found[row.site_id, row.recipient_id].append(row)
    return found


def _undelivered(task: SiteTask, failed: Iterable[Notice]) -> Undelivered:
    since = [n for n in failed if n.failed_at is not None and n.failed_at >= task.opened_at]
    counts: dict[str, int] = {}
    for notice in since:
        noun = NOUNS.get(notice.kind, OTHER)
        counts[noun] = counts.get(noun, 0) + 1
    about = {n.patient.pk: About(n.patient.pk, n.patient.code) for n in since if n.patient is not None}
    person, site = task.person, task.site
    return Undelivered(
        task.pk, site.pk, site.code, site.name, site.timezone, person.username,
        person.get_full_name() or person.username, person.email, task.why, task.opened_at, counts, tuple(about.values()),
    )  # fmt: skip


def late(*, now: datetime, longer_than: timedelta) -> bool:
    """Whether mail waits longer than it may. What waits for its own address to answer is not late."""
    rows = Notice.objects.filter(OPEN, Q(error="") | Q(error__startswith=SERVER), next_try_at__isnull=False)
    since = Coalesce("tried_since", "next_try_at")
    return rows.annotate(since=since).filter(since__lt=now - longer_than).exists()


def waits(kind: str, *, now: datetime) -> bool:
    """Whether a notice of a kind is due and unsent, and nobody is sending it."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    return Notice.objects.filter(OPEN, free, kind=kind, next_try_at__lte=now).exists()
