"""A second person beside the one who is signed in: answers by typing the own password into the form."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest

from patients.models import User

WRONG = "This is not the password of {name}."
LOCKED = "Too many wrong passwords for {name}: try again in a quarter of an hour."


def refusal(request: HttpRequest, second: User, password: str) -> str:
    """Why the password does not count; "" when it is that person's own.

    Wrong ones count towards the lock-out of that name, as at sign-in.
    """
    found = authenticate(request, username=second.username, password=password)
    locked = bool(getattr(request, "axes_locked_out", False))
    request.axes_locked_out = False  # type: ignore[attr-defined]
    if found is not None and found.pk == second.pk:
        return ""
    return (LOCKED if locked else WRONG).format(name=second.username)
