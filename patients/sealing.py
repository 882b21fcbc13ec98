"""Short texts under lock: encrypted and signed with a key that follows from the installation's secret key."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

FACTORS = "mfa"
"""The purpose under which secrets of second factors are locked."""


def box(purpose: str) -> MultiFernet:
    """The box of one purpose; what another one locked does not open in it.

    It locks with the secret key and opens with those before it, too.
    """
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([_box(f"{purpose}|{key}") for key in keys])


def _box(text: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()))


def lasting_box(purpose: str) -> MultiFernet:
    """A box for what is kept for years: it locks with the first field key and opens with any."""
    return MultiFernet([_box(f"{purpose}|{key}") for key in settings.FIELD_KEYS])


def ciphers(purpose: str = "") -> Iterator[tuple[str, AESGCM]]:
    """The field keys by name, the one in use first, for bytes that are encrypted in parts.

    A name tells nothing of its key. Each `purpose` has keys of its own.
    """
    for text in settings.FIELD_KEYS:
        key = hashlib.sha256(f"{purpose}|{text}".encode() if purpose else text.encode()).digest()
        yield hashlib.sha256(key).hexdigest()[:16], AESGCM(key)
