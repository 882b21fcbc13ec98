"""Identifiers: UUIDv7, so that new rows land together in their index and sort by time."""

from __future__ import annotations

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """A random UUID whose first 48 bits are the time in milliseconds (RFC 9562, version 7)."""
    moment = time.time_ns()
    millis, fraction = divmod(moment, 1_000_000)
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    sub_millis = fraction * 4096 // 1_000_000
    return UUID(int=(millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | sub_millis << 64 | 0b10 << 62 | random)
