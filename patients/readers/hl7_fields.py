"""Fields of an OBX that take more than one component: codes, unit, status, and what identifies the result."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime

from patients.readers.envelope import Coding
from patients.readers.hl7 import Segment
from patients.rules.codemaps import normal_system

STATUSES = {
    "F": "final", "V": "final", "B": "final", "U": "promote", "C": "corrected", "A": "amended",
    "P": "preliminary", "S": "preliminary", "R": "unverified", "I": "pending", "O": "pending",
    "X": "cancelled", "N": "not-asked", "D": "entered-in-error", "W": "entered-in-error",
}  # fmt: skip
ORDER_STATUSES = {**STATUSES, "A": "preliminary"}


def codings_of(obx: Segment) -> tuple[tuple[Coding, ...], str]:
    """OBX-3: the code, the alternate, and a second alternate, in this order; and the words for it."""
    parts = obx.components(3) + [""] * 12
    triples = [(parts[n], parts[n + 1], parts[n + 2]) for n in (0, 3, 9)]
    found = tuple(Coding(normal_system(s, c), c, t) for c, t, s in triples if c)
    return found, next((t for t in (parts[1], parts[4], parts[8]) if t), "")


def unit_of(obx: Segment) -> str:
    """OBX-6: the alternate unit where it is stated to be UCUM, else the first that is given.

    Many senders do not escape the caret of "10^3/uL": a ten alone is no unit.
    """
    parts = obx.components(6) + [""] * 6
    if re.fullmatch(r"x?10", parts[0]) and re.match(r"\d+/", parts[1]):
        return f"{parts[0]}^{parts[1]}"
    if parts[3] and parts[5].upper() == "UCUM" and parts[2].upper() != "UCUM":
        return parts[3]
    return next((p for p in (parts[0], parts[1], parts[3], parts[4]) if p), "")


def status_of(obx: Segment, obr: Segment | None, value: str) -> str:
    """OBX-11, else OBR-25 (whose A says "some results"); a value without any status is preliminary."""
    told, ordered = obx.component(11, 1), obr.component(25, 1) if obr is not None else ""
    if told:
        return STATUSES.get(told.upper(), "unknown")
    if ordered and ordered.upper() != "S":
        return ORDER_STATUSES.get(ordered.upper(), "unknown")
    return "preliminary" if value else "pending"


def identity_of(
    obr: Segment | None, key: tuple[str, str], ordinal: int, collected: datetime | date | None
) -> str:
    """What stays the same when the laboratory reports this result again. `ordinal` is 0 for a text."""
    order = ""
    if obr is not None:
        order = plain_of(obr, 3) or plain_of(obr, 2) or f"{plain_of(obr, 4)}|{plain_of(obr, 7)}"
    instant = collected.astimezone(UTC) if isinstance(collected, datetime) else collected
    told = (order, *key, str(ordinal or ""), instant.isoformat() if instant is not None else "")
    return hashlib.sha256("\x1f".join(told).encode()).hexdigest()


def plain_of(segment: Segment, n: int) -> str:
    """A field's components whatever the delimiters and the empty ones at its end."""
    return "^".join(segment.components(n)).rstrip("^")
