"""The chain of seals: what one link hashes, and which rows of the present differ from those it covers.

A part lists the rows of one table: 8 bytes of number and 32 bytes of digest each, in ascending order. A link
hashes its parts and the hash of the link before; so nothing that was sealed can be changed, removed, added
or put in another place unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

ROW, NUMBER = 40, 8
FIRST = "0" * 64
"""What the first link names as the hash before it."""

CHANGED, MISSING, ADDED = "has another digest than was sealed", "is missing", "was added after the sealing"


def part_told(relation: str, after: int, upto: int, members: bytes) -> dict[str, Any]:
    """What a link says about one part."""
    return {
        "relation": relation,
        "after": after,
        "upto": upto,
        "rows": len(members) // ROW,
        "sha256": hashlib.sha256(members).hexdigest(),
    }


def link_hash(number: int, at: datetime, previous: str, parts: Sequence[Mapping[str, Any]]) -> str:
    """The hash of a link, in hex."""
    told = {
        "number": number,
        "at": at.astimezone(UTC).isoformat(),
        "previous": previous,
        "parts": list(parts),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def differences(sealed: bytes, found: bytes) -> Iterator[tuple[int, str]]:
    """Number and fault of each row that differs between what was sealed and what is found."""
    if sealed == found:
        return
    before, now = _rows(sealed), _rows(found)
    for number in sorted(before.keys() | now.keys()):
        if number not in now:
            yield number, MISSING
        elif number not in before:
            yield number, ADDED
        elif before[number] != now[number]:
            yield number, CHANGED


def _rows(members: bytes) -> dict[int, bytes]:
    pieces = (members[i : i + ROW] for i in range(0, len(members), ROW))
    return {int.from_bytes(p[:NUMBER], signed=True): p[NUMBER:] for p in pieces}
