"""Leaving the daily mail by the link that stands in it: whoever holds the link may, without signing in."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

import pghistory
from django.core.signing import BadSignature, Signer

from patients.errors import NotFound
from patients.models import User


def _signer() -> Signer:
    return Signer(salt="patients.mail.unsubscribe", sep=".")


def unsubscribe_secret(user: User) -> str:
    """What stands in the address: says nothing, and cannot be made by others."""
    return _signer().sign(urlsafe_b64encode(user.pk.bytes).decode().rstrip("="))


def person_of(secret: str) -> User:
    """Whose link it is. Raises NotFound for a link that we did not make."""
    try:
        text = _signer().unsign(secret)
        found = User.objects.filter(pk=UUID(bytes=urlsafe_b64decode(f"{text}=="))).first()
    except (BadSignature, ValueError) as error:
        raise NotFound("There is no such page.") from error
    if found is None:
        raise NotFound("There is no such page.")
    return found


def unsubscribe(*, secret: str) -> User:
    """Ends the daily mail of the person whose link it is; alerts and escalations still come."""
    user = person_of(secret)
    with pghistory.context(user=user.username):
        user.mail_digest = False
        user.save(update_fields=["mail_digest"])
    return user
