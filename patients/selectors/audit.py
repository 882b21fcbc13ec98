"""Is the audit what it was? Rows whose content has changed, and rows that differ from what was sealed."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from patients import signing
from patients.models import EventShape, Seal, SealPart
from patients.rules import chain

GROUP = 50_000
"""Rows of one table that are compared at once."""


def audit_drift() -> Iterator[str]:
    """One line per audit row or seal that is not what it was."""
    yield from digest_drift()
    yield from chain_drift()


def digest_drift() -> Iterator[str]:
    """One line per row whose content no longer has its digest, computed by the database over every table."""
    for shape in EventShape.objects.order_by("relation", "after"):
        with connection.cursor() as cursor:
            cursor.execute("select daymark_changed(%s)", [shape.pk])
            for (row,) in cursor.fetchall():
                yield f"audit event {shape.relation} {row} was changed after it was written"


def chain_drift() -> Iterator[str]:
    """One line per broken link, and per row that was changed, removed or added since it was sealed."""
    previous, number = chain.FIRST, 0
    for seal in Seal.objects.order_by("number").iterator(chunk_size=1000):
        if seal.number != number + 1:
            yield f"seal {number + 1} is missing"
        elif seal.previous != previous:
            yield f"seal {seal.number} does not follow seal {number}"
        yield from _link_drift(seal)
        previous, number = seal.hash, seal.number
    yield from _member_drift()


def head() -> tuple[int, str]:
    """Number and hash of the newest seal: kept elsewhere, it shows later that no seal was cut off."""
    newest = Seal.objects.order_by("-number").first()
    return (newest.number, newest.hash) if newest else (0, chain.FIRST)


def _link_drift(seal: Seal) -> Iterator[str]:
    if chain.link_hash(seal.number, seal.at, seal.previous, seal.parts_told) != seal.hash:
        yield f"seal {seal.number} was changed after it was written"
    fault = signing.verified(seal.key, seal.signature, seal.hash)
    if fault:
        yield f"seal {seal.number} {fault}"


def _member_drift() -> Iterator[str]:
    """Compares the rows that seals cover with those that are there, table by table."""
    told = {
        (p["relation"], p["after"]): p for s in Seal.objects.iterator(chunk_size=1000) for p in s.parts_told
    }
    for relation in sorted({r for r, _ in told}):
        yield from _table_drift(relation, {after: p for (r, after), p in told.items() if r == relation})


def _table_drift(relation: str, told: dict[int, dict[str, object]]) -> Iterator[str]:
    start, upto, sealed = None, 0, bytearray()
    parts = SealPart.objects.filter(relation=relation).order_by("after")
    for part in parts.iterator(chunk_size=20):
        members = bytes(part.members)
        if told.pop(part.after, None) != chain.part_told(relation, part.after, part.upto, members):
            yield f"the list of seal {part.seal_id} for {relation} was changed after it was written"
        start = part.after if start is None else start
        sealed += members
        upto = part.upto
        if len(sealed) >= GROUP * chain.ROW:
            yield from _compared(relation, start, upto, bytes(sealed))
            start, sealed = None, bytearray()
    if start is not None:
        yield from _compared(relation, start, upto, bytes(sealed))
    for after in sorted(told):
        yield f"a seal's list for {relation} after row {after} is missing"


def _compared(relation: str, after: int, upto: int, sealed: bytes) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute("select members from daymark_members(%s, %s, %s, null)", [relation, after, upto])
        found = bytes(cursor.fetchone()[0])
    for row, fault in chain.differences(sealed, found):
        yield f"audit event {relation} {row} {fault}"
