"""Calls of the database's functions that change custody: the caller decides who may, and when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from patients.errors import Conflict


def next_number(site: UUID) -> int:
    """The next number of a patient's code at a site."""
    with connection.cursor() as cursor:
        cursor.execute("select daymark_next_number(%s)", [site])
        return int(cursor.fetchone()[0])


def transfer(*, word: str, site: UUID, mrn: str, at: datetime) -> UUID | None:
    """Moves the patient whose offer has this (hashed) word to a site in view; None when there is no such offer.

    Raises Conflict when the site has a patient with this number already.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select daymark_transfer(%s, %s, %s, %s)", [word, site, mrn, at])
            found: UUID | None = cursor.fetchone()[0]
            return found
    except IntegrityError as error:
        raise Conflict(
            "A patient with this MRN is recorded at this site already: give another one."
        ) from error


def merge(*, patient: UUID, into: UUID) -> None:
    """Makes one record an alias of another one of the same site; both in view, neither merged."""
    with connection.cursor() as cursor:
        cursor.execute("select daymark_merge(%s, %s)", [patient, into])


def unmerge(*, patient: UUID) -> None:
    """The record stands for itself again."""
    with connection.cursor() as cursor:
        cursor.execute("select daymark_unmerge(%s)", [patient])


def erase(
    *, tombstone: UUID, patient: UUID, ground: str, rule: str, reason: str, by: str, at: datetime
) -> None:
    """Deletes a patient in view with everything recorded, and leaves the digests of the audit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select daymark_erase(%s, %s, %s, %s, %s, %s, %s)",
            [tombstone, patient, ground, rule, reason, by, at],
        )
