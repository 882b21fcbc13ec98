"""Short texts under lock: encrypted and signed with a key that follows from the installation's secret key."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet
from django.conf import settings


def box(purpose: str) -> Fernet:
    """The box of one purpose; what another one locked does not open in it."""
    key = hashlib.sha256(f"{purpose}|{settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
