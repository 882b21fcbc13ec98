"""What a calendar feed is about: the open and coming tasks of a person, and what the feed has told of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce

from patients.access import Principal
from patients.models import Site, User
from workflow.models import Feed, FeedEntry, TaskDue
from workflow.rules import feeds as rules
from workflow.rules.feeds import Told

MOST = 5000
"""Tasks in one feed, the soonest first: calendars grow slow beyond some thousand events."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One task as the feed is to tell it: on the booked day, else on its target day."""

    patient: UUID
    site: UUID
    on: date
    title: str


def site_of(who: Principal, roles: frozenset[str], code: str) -> UUID | None:
    """The id of a site at which the person holds one of the roles."""
    held = [site for site, had in who.roles.items() if had & roles]
    return Site.objects.filter(pk__in=held, code=code).values_list("pk", flat=True).first()


def of_person(user: User) -> list[Feed]:
    """The person's live feeds, newest first."""
    rows = Feed.objects.filter(user=user, revoked_at__isnull=True).select_related("site")
    return list(rows.order_by("-created_at", "-id"))


def wanted(username: str, *, titles: str, now: datetime) -> dict[UUID, Wanted]:
    """Tasks in view that still want somebody, and that nobody else has taken."""
    rows = TaskDue.objects.filter(
        Q(assignee="") | Q(assignee=username), ended_as__isnull=True, missed_at__gt=now
    ).annotate(on=Coalesce("booked_on", "due_on"))
    columns = rows.order_by("on", "id").values_list("id", "patient_id", "site_id", "on", "title")[:MOST]
    return {
        pk: Wanted(patient, site, on, title if titles == "task" else "")
        for pk, patient, site, on, title in columns
    }


def known(feed: UUID) -> dict[UUID, FeedEntry]:
    """Everything the feed has ever told, by task."""
    return {row.task: row for row in FeedEntry.objects.filter(feed_id=feed)}


def entries(feed: UUID, *, now: datetime) -> list[FeedEntry]:
    """What the feed shows, by day."""
    rows = FeedEntry.objects.filter(feed_id=feed).order_by("on", "task")
    return [row for row in rows if rules.shows(told(row), now)]


def told(row: FeedEntry) -> Told:
    return Told(
        on=row.on, title=row.title, sequence=row.sequence, modified_at=row.modified_at, ended_at=row.ended_at
    )
