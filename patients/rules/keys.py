"""Identity of results: the same source key is the same result, the same content is the same version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5


def lineage(
    patient: UUID, source: str, source_id: str, analyte: str, assay: str, collected_at: datetime | None
) -> UUID:
    """The identity of a result over its versions.

    The source's own id where there is one, else source, analyte, assay and time of collection.
    """
    if source_id:
        return uuid5(patient, f"result|{source}|{source_id}")
    return uuid5(
        patient, f"result|{source}|{analyte}|{assay}|{collected_at.isoformat() if collected_at else ''}"
    )


def content_hash(parts: Iterable[object]) -> str:
    """SHA-256 of a version's content; numerically equal decimals are equal."""
    return hashlib.sha256("\x1f".join(map(_text, parts)).encode()).hexdigest()


def _text(part: object) -> str:
    if isinstance(part, Decimal):
        return format(part.normalize(), "f")
    return part.isoformat() if isinstance(part, datetime) else str(part)
