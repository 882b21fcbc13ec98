"""Kept bytes: encrypted in parts of 1 MB, written once, read back as a stream."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag

from patients import access
from patients.models import Blob, BlobPart
from patients.sealing import ciphers

PART = 1 << 20


def keep(
    *, stream: BinaryIO, site: UUID | None, media_type: str, at: datetime, held_by: Iterable[UUID] = ()
) -> Blob:
    """Stores a stream from where it stands to its end, in the caller's transaction.

    The bytes belong to one site, or to several (`held_by`), who read them only with all of these in view.
    """
    owners: dict[str, Any] = {"site_id": site, "held_by": sorted(held_by)}
    blob = Blob.objects.create(sha256="", size=0, media_type=media_type, created_at=at, **owners)
    digest, size = hashlib.sha256(), 0
    name, cipher = next(ciphers())
    for number, data in enumerate(iter(lambda: stream.read(PART), b"")):
        digest.update(data)
        size += len(data)
        nonce = os.urandom(12)
        BlobPart.objects.create(
            blob=blob, part=number, key=name, nonce=nonce, **owners,
            data=cipher.encrypt(nonce, data, bound(blob.pk, number)),
        )  # fmt: skip
    blob.sha256, blob.size = digest.hexdigest(), size
    blob.save(update_fields=["sha256", "size"])
    return blob


def release(*, blobs: Iterable[UUID], contract: str) -> None:
    """Lets the payer of a contract read the bytes, too. All their sites must be in view."""
    wanted = list(blobs)
    Blob.objects.filter(pk__in=wanted).update(released_to=contract)
    BlobPart.objects.filter(blob__in=wanted).update(released_to=contract)


def opened(blob: Blob) -> BinaryIO:
    """The bytes as a seekable stream that holds one part in memory; each part is read in its site's context."""
    return io.BufferedReader(_Parts(blob), PART)


def parts(blob: Blob) -> Iterator[bytes]:
    """The bytes, part by part."""
    stream = opened(blob)
    while data := stream.read(PART):
        yield data


def read(blob: UUID) -> bytes:
    """All the bytes. Raises LookupError when they are not there, or are not what was kept."""
    row = Blob.objects.filter(pk=blob).first()
    if row is None:
        raise LookupError("there is no such blob in view")
    content = b"".join(parts(row))
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise LookupError("the kept bytes do not have their hash")
    return content


def released(blob: UUID, contract: str) -> BinaryIO:
    """Released bytes as the contract's payer reads them. Raises LookupError when there are none."""
    with access.payer_context([contract]):
        row = Blob.objects.filter(pk=blob).first()
    if row is None:
        raise LookupError("there are no such bytes released to this contract")
    return io.BufferedReader(_Parts(row, contract), PART)


class _Parts(io.RawIOBase):
    """A blob read from the database as it is needed; by the payer of `contract`, where one is named."""

    def __init__(self, blob: Blob, contract: str = "") -> None:
        self._contract = contract
        self._blob, self._size, self._at = blob, blob.size, 0
        self._number, self._data = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at >= self._size:
            return 0
        number, offset = divmod(self._at, PART)
        if number != self._number:
            self._number, self._data = number, _opened(self._blob, number, self._contract)
        data = self._data[offset : offset + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _reader(blob: Blob, contract: str) -> AbstractContextManager[None]:
    if contract:
        return access.payer_context([contract])
    return access.site_context([blob.site_id] if blob.site_id else blob.held_by, by="blobs")


def _opened(blob: Blob, number: int, contract: str) -> bytes:
    with _reader(blob, contract):
        row = BlobPart.objects.filter(blob=blob, part=number).first()
    if row is None:
        raise LookupError("a part of the kept bytes is missing")
    return decrypted(row)


def decrypted(row: BlobPart) -> bytes:
    """The plain bytes of one part. Raises LookupError when no field key opens it."""
    try:
        cipher = dict(ciphers())[row.key]
        return cipher.decrypt(bytes(row.nonce), bytes(row.data), bound(row.blob_id, row.part))
    except (KeyError, InvalidTag) as error:
        raise LookupError("no key of FIELD_KEYS opens the kept bytes") from error


def bound(blob: UUID, number: int) -> bytes:
    """Ties a part to its place: parts cannot be exchanged or reordered."""
    return f"{blob}:{number}".encode()
