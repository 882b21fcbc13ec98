"""Kept bytes: encrypted in parts in PostgreSQL, nothing on disk. What is read back is what was kept.

Each part is AES-256-GCM under a key made from the first of FIELD_KEYS, bound to its blob and place; older
keys still open what they closed.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from patients.models import Blob, BlobPart

PART = 1024 * 1024
NONCE = 12


def keep(content: bytes, *, site: UUID, media_type: str, at: datetime) -> Blob:
    """Stores the bytes for a site; `sha256` is that of the plain bytes."""
    blob = Blob.objects.create(
        site_id=site,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        media_type=media_type,
        created_at=at,
    )
    BlobPart.objects.bulk_create(
        _part(blob, n, content[n * PART : (n + 1) * PART]) for n in range(_parts(content))
    )
    return blob


def read(blob: UUID) -> bytes:
    """The plain bytes. Raises LookupError when the blob is not there, or its bytes are not what was kept."""
    row = Blob.objects.filter(pk=blob).first()
    if row is None:
        raise LookupError("there is no such blob in view")
    content = b"".join(_opened(part) for part in row.parts.order_by("part"))
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise LookupError("the kept bytes do not have their hash")
    return content


def _parts(content: bytes) -> int:
    return max(1, -(-len(content) // PART))


def _part(blob: Blob, number: int, content: bytes) -> BlobPart:
    nonce = os.urandom(NONCE)
    data = _cipher(settings.FIELD_KEYS[0]).encrypt(nonce, content, _bound(blob.pk, number))
    return BlobPart(blob=blob, site_id=blob.site_id, part=number, nonce=nonce, data=data)


def _opened(part: BlobPart) -> bytes:
    for key in settings.FIELD_KEYS:
        try:
            return _cipher(key).decrypt(bytes(part.nonce), bytes(part.data), _bound(part.blob_id, part.part))
        except InvalidTag:
            continue
    raise LookupError("no key of FIELD_KEYS opens the kept bytes")


def _cipher(key: str) -> AESGCM:
    return AESGCM(hashlib.sha256(key.encode()).digest())


def _bound(blob: UUID, number: int) -> bytes:
    return f"{blob}:{number}".encode()
