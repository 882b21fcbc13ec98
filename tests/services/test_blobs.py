"""Kept bytes come back as they were, or not at all."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from patients.access import site_context
from patients.models import BlobPart, Site
from patients.services import blobs

AT = datetime(2026, 3, 2, tzinfo=UTC)


def kept(site: Site, content: bytes) -> Any:
    return blobs.keep(stream=io.BytesIO(content), site=site.pk, media_type="text/plain", at=AT)


@pytest.mark.parametrize(("size", "parts"), [(0, 0), (1, 1), (blobs.PART, 1), (blobs.PART + 1, 2)])
def test_bytes_come_back_in_parts_of_a_megabyte(site: Site, size: int, parts: int) -> None:
    content = b"x" * size
    blob = kept(site, content)
    assert blobs.read(blob.pk) == content and blob.parts.count() == parts


def test_an_older_key_still_opens_and_a_foreign_one_does_not(site: Site, settings: Any) -> None:
    settings.FIELD_KEYS = ["old"]
    blob = kept(site, b"secret")
    settings.FIELD_KEYS = ["new", "old"]
    assert blobs.read(blob.pk) == b"secret"
    settings.FIELD_KEYS = ["new"]
    with pytest.raises(LookupError):
        blobs.read(blob.pk)


def test_parts_cannot_be_exchanged(site: Site) -> None:
    first, second = kept(site, b"a"), kept(site, b"b")
    theirs = BlobPart.objects.get(blob=second)
    BlobPart.objects.filter(blob=first).update(nonce=theirs.nonce, data=theirs.data)
    with pytest.raises(LookupError):
        blobs.read(first.pk)


def test_another_site_sees_nothing(site: Site) -> None:
    blob = kept(site, b"secret")
    with site_context([], by="t"), pytest.raises(LookupError):
        blobs.read(blob.pk)
