"""A second person beside the one who is signed in: answers by typing the own password into the form."""

from __future__ import annotations

from django.http import HttpRequest

from patients.models import User
from patients.services import reauthentication

TEXTS = {
    reauthentication.WRONG: "This is not the password of {name}.",
    reauthentication.LOCKED: "Too many wrong passwords for {name}: try again in a quarter of an hour.",
}


def refusal(request: HttpRequest, second: User, password: str) -> str:
    """Why the password does not count; "" when it is that person's own.

    Wrong ones count towards the lock-out of that name, as at sign-in.
    """
    wrong = reauthentication.refusal(request, second, password)
    return TEXTS[wrong].format(name=second.username) if wrong else ""
