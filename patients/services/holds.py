"""What waits for an operator's word: outgoing mail, after a restore."""

from __future__ import annotations

from patients.models import Hold

MAIL = "mail"


def mail_hold() -> Hold | None:
    """Since when and why no notice is sent; None when mail goes out."""
    return Hold.objects.filter(name=MAIL).first()


def let_go() -> bool:
    """Mail goes out again. False when it was not frozen."""
    deleted, _ = Hold.objects.filter(name=MAIL).delete()
    return bool(deleted)
