"""Is it really this person, now? Asked before something is signed: the password again, or a fresh session.

A wrong password counts like a failed sign-in, so guessing is locked out the same way.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone

from patients.errors import DomainError
from patients.models import User

FRESH = timedelta(minutes=5)
SIGNED_IN = "signed_in_at"
"""Where a session keeps when it began."""
WRONG, LOCKED = "wrong", "locked"


class ReauthenticationRequired(DomainError):
    status = 403
    code = "reauthentication-required"
    title = "Say again that it is you"


def confirm(request: HttpRequest, user: User | AnonymousUser, password: str = "") -> None:
    """Raises ReauthenticationRequired unless the password is right, or without one the session is fresh."""
    if not password:
        if not _fresh(request, user):
            raise ReauthenticationRequired("Enter your password: you signed in more than 5 minutes ago.")
        return
    wrong = refusal(request, user, password)
    if wrong:
        text = "Too many wrong passwords; wait 15 minutes." if wrong == LOCKED else "The password is wrong."
        raise ReauthenticationRequired(text)


def refusal(request: HttpRequest, user: User | AnonymousUser, password: str) -> str:
    """Why a password does not count, WRONG or LOCKED; "" when it is that person's own."""
    found = authenticate(request, username=user.get_username(), password=password)
    locked = bool(getattr(request, "axes_locked_out", False))
    request.axes_locked_out = False  # type: ignore[attr-defined]
    if found is not None and found.pk == user.pk:
        return ""
    return LOCKED if locked else WRONG


def _fresh(request: HttpRequest, user: User | AnonymousUser) -> bool:
    """Whether the request's own session signed this person in a moment ago; a token is no sign-in."""
    session = getattr(request, "session", {})
    if session.get("_auth_user_id") != str(user.pk):
        return False
    age = timezone.now().timestamp() - session.get(SIGNED_IN, 0)
    return 0 <= age <= FRESH.total_seconds()
