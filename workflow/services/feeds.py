"""Calendar feeds: made and revoked by their owner, and read under their secret with the rights the owner has now."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from patients import access
from patients.errors import Conflict, Invalid, NotFound
from patients.ids import new_id
from patients.models import User
from workflow.models import Feed, FeedEntry
from workflow.rules.feeds import changes
from workflow.selectors import feeds as selector

MOST = 20
"""Live feeds that one person may have."""
SEEN_EVERY = timedelta(hours=1)
ROLES = frozenset({"coordinator", "clinician"})
TELLS = ("on", "title", "sequence", "modified_at", "ended_at")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Made:
    """A new feed and its secret, which nobody can tell again. It is empty when the feed was there already."""

    feed: Feed
    secret: str


def create(
    *, user: User, site: str = "", titles: str = "opaque", at: datetime | None = None, pk: UUID | None = None
) -> Made:
    """A feed of one site (by code) of the person's, or of all of them. `pk`: the same one twice is one.

    Raises Invalid for a site at which the person looks after no patients, Conflict beyond the limit.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        live = Feed.objects.filter(user=user)
        known = live.filter(pk=pk).first() if pk else None
        if known is not None:
            return Made(known, "")
        if live.filter(revoked_at__isnull=True).count() >= MOST:
            raise Conflict(f"There are {MOST} calendar feeds already; revoke one first.")
        secret = secrets.token_urlsafe(32)
        made = Feed.objects.create(
            id=pk or new_id(),
            user=user,
            site_id=_site(user, site) if site else None,
            titles=titles,
            secret_hash=digest(secret),
            created_at=at or timezone.now(),
        )
        return Made(made, secret)


def _site(user: User, code: str) -> UUID:
    found = selector.site_of(access.principal_of(user), ROLES, code)
    if found is None:
        raise Invalid.at("/site", "unknown", f"You look after no patients at a site “{code}”.")
    return found


def revoke(*, feed: UUID, user: User, at: datetime | None = None) -> Feed:
    """Ends a feed at once. Raises NotFound for somebody else's, and for one that is revoked already."""
    with transaction.atomic():
        row = Feed.objects.select_for_update().filter(pk=feed, user=user, revoked_at__isnull=True).first()
        if row is None:
            raise NotFound("There is no such calendar feed.")
        row.revoked_at = at or timezone.now()
        row.save(update_fields=["revoked_at"])
        return row


def address(secret: str) -> str:
    """Where a calendar reads a feed."""
    return settings.BASE_URL + reverse("feed", args=[secret])


def digest(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode()).hexdigest()


def found(secret: str) -> Feed | None:
    """The live feed under a secret."""
    rows = Feed.objects.filter(secret_hash=digest(secret), revoked_at__isnull=True, user__is_active=True)
    return rows.select_related("user").first()


def read(*, feed: Feed, at: datetime | None = None) -> list[FeedEntry] | None:
    """What the feed tells now, by day; what changed since it was last read is written down first.

    None when its owner has no right to any of its sites any more.
    """
    now = at or timezone.now()
    owner = access.principal_of(feed.user)
    sites = [s for s in owner.roles if owner.at(s) & ROLES and feed.site_id in (None, s)]
    if not sites:
        return None
    with access.site_context(sites, by=owner.username):
        Feed.objects.select_for_update().get(pk=feed.pk)
        wanted = selector.wanted(owner.username, titles=feed.titles, now=now)
        _write(feed, wanted, selector.known(feed.pk), now)
        if feed.fetched_at is None or now - feed.fetched_at >= SEEN_EVERY:
            Feed.objects.filter(pk=feed.pk).update(fetched_at=now)
        return selector.entries(feed.pk, now=now)


def _write(
    feed: Feed, wanted: Mapping[UUID, selector.Wanted], known: Mapping[UUID, FeedEntry], now: datetime
) -> None:
    told = {task: selector.told(row) for task, row in known.items()}
    days = {task: (row.on, row.title) for task, row in wanted.items()}
    new, moved = [], []
    for task, change in changes(days, told, now).items():
        if task not in known:
            row = wanted[task]
            new.append(
                FeedEntry(feed=feed, task=task, patient_id=row.patient, site_id=row.site, **asdict(change))
            )
            continue
        for name in TELLS:
            setattr(known[task], name, getattr(change, name))
        moved.append(known[task])
    FeedEntry.objects.bulk_create(new, batch_size=BATCH)
    FeedEntry.objects.bulk_update(moved, TELLS, batch_size=BATCH)
