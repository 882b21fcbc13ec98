"""Links that set a password once: one the operator gives out, one mailed to whoever forgot theirs.

A link is made from the account as it is and kept nowhere: a new password, a sign-in, another address and time
end it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.http import base36_to_int

from patients.models import User


class _Key(PasswordResetTokenGenerator):
    """Django's token with a life of its own, at most `PASSWORD_RESET_TIMEOUT`."""

    def __init__(self, name: str, lasts: timedelta) -> None:
        super().__init__()
        self.key_salt, self.lasts = f"patients.password.{name}", lasts

    def made(self, user: User, at: datetime) -> str:
        """As of an instant: the same account and instant make the same key."""
        return self._make_token_with_timestamp(user, self._seconds(at), self.secret)  # type: ignore[attr-defined,no-any-return]

    def good(self, user: User, key: str, at: datetime) -> bool:
        if not self.check_token(user, key):
            return False
        age = self._seconds(at) - base36_to_int(key.partition("-")[0])
        return age <= self.lasts.total_seconds()

    def _seconds(self, at: datetime) -> int:
        return int(self._num_seconds(at.astimezone(UTC).replace(tzinfo=None)))  # type: ignore[attr-defined]


GIVEN = _Key("given", timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT))
MAILED = _Key("mailed", timedelta(hours=1))
KEYS: Iterable[_Key] = (GIVEN, MAILED)


def link(user: User, *, key: _Key, at: datetime) -> str:
    """The address that sets a password, as of an instant; the same account and instant make the same address."""
    parts = {"uidb36": user.pk.hex, "key": key.made(user, at)}
    return f"{settings.BASE_URL}{reverse('account_reset_password_from_key', kwargs=parts)}"


def person_of(*, uid: str, key: str, at: datetime) -> User | None:
    """Whose password the two parts of a link may set now; None for a link that is none, used or too old."""
    try:
        user = User.objects.filter(pk=UUID(uid), is_active=True).first()
    except ValueError:
        return None
    return user if user and any(kind.good(user, key, at) for kind in KEYS) else None
