"""Counts of wrong passwords and codes, and the end of everything a person is signed in with.

Sessions and tokens end by themselves, in the database, when a password changes, a role is taken away or a
person is deactivated.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from patients.errors import NotFound
from patients.models import Membership, User


def failed(*, username: str) -> None:
    """One more wrong password or code for this name, if there is such a person."""
    User.objects.filter(username__iexact=username.strip()).update(failed_signins=F("failed_signins") + 1)


def succeeded(*, user: UUID) -> None:
    User.objects.filter(pk=user).update(failed_signins=0)


def exhausted(*, user: UUID) -> bool:
    """Whether so many were wrong that only a new password helps."""
    return User.objects.filter(pk=user, failed_signins__gte=settings.SIGN_IN_TOTAL).exists()


def sign_out(*, user: UUID) -> None:
    """Ends every session and token of a person."""
    User.objects.filter(pk=user).update(session_epoch=F("session_epoch") + 1)


def deactivate(*, username: str, today: date) -> User:
    """Closes an account: no sign-in, and no role from today on. Raises NotFound."""
    with transaction.atomic():
        user = _person(username)
        end_roles(user=user.pk, today=today)
        user.is_active = False
        user.save(update_fields=["is_active"])
        return user


def end_roles(*, user: UUID, today: date, role: str = "", site: UUID | None = None) -> int:
    """Ends memberships in force, all or those of a role or site, with the day before. Returns how many.

    `today`: the site's own date; a person whose account is closed has no role whatever the dates say.
    """
    rows = Membership.objects.filter(Q(to_date__isnull=True) | Q(to_date__gte=today), user=user)
    if role:
        rows = rows.filter(role=role)
    if site:
        rows = rows.filter(site=site)
    return rows.update(to_date=today - timedelta(days=1))


def _person(username: str) -> User:
    user = User.objects.select_for_update(no_key=True).filter(username=username).first()
    if user is None:
        raise NotFound(f"There is no “{username}”.")
    return user
