"""New field keys: what an older key has encrypted is encrypted again with the first one."""

from __future__ import annotations

import os
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.db import transaction

from patients.access import everywhere
from patients.errors import Conflict
from patients.models import BlobPart
from patients.sealing import FACTORS, ciphers, lasting_box
from patients.services import blobs

AT_ONCE = 20
"""Parts of 1 MB in one transaction: a rotation can be cut off at any time and called again."""
LOCKED = ("secret", "seed")
"""What the library has us encrypt of a second factor."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many parts of kept bytes and how many second factors were encrypted again."""

    parts: int = 0
    factors: int = 0


def rotate_keys(*, by: str) -> Rotated:
    """Encrypts with the first of FIELD_KEYS whatever another one has encrypted; people go on working meanwhile.

    Afterwards nothing but older backups needs the others. Raises Conflict when no key of FIELD_KEYS opens
    something: nothing is lost, the missing key has to be named again.
    """
    newest = next(ciphers())[0]
    parts = 0
    while done := _parts(newest, by):
        parts += done
    return Rotated(parts, _factors())


def _parts(newest: str, by: str) -> int:
    with everywhere(by=by):
        rows = list(BlobPart.objects.select_for_update().exclude(key=newest).order_by("pk")[:AT_ONCE])
        for row in rows:
            _encrypt(row)
        return len(rows)


def _encrypt(row: BlobPart) -> None:
    name, cipher = next(ciphers())
    try:
        data = blobs.decrypted(row)
    except LookupError as error:
        raise Conflict(f"No key of FIELD_KEYS opens bytes that the key {row.key} has encrypted.") from error
    row.nonce = os.urandom(12)
    row.data = cipher.encrypt(row.nonce, data, blobs.bound(row.blob_id, row.part))
    row.key = name
    row.save(update_fields=["nonce", "data", "key"])


def _factors() -> int:
    """Second factors do not tell which key they have; all are encrypted again."""
    box = lasting_box(FACTORS)
    with transaction.atomic():
        rows = [row for row in Authenticator.objects.select_for_update().order_by("pk") if _locked(row)]
        for row in rows:
            try:
                row.data |= {name: box.rotate(row.data[name].encode()).decode() for name in _locked(row)}
            except InvalidToken as error:
                raise Conflict("No key of FIELD_KEYS opens the second factor of a person.") from error
            row.save(update_fields=["data"])
        return len(rows)


def _locked(row: Authenticator) -> list[str]:
    return [name for name in LOCKED if name in row.data]
