"""Types of command-line options, and the objects that they name."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime

from django.core.management.base import CommandError

from patients.access import everywhere
from patients.management.base import operator
from patients.models import Source, TableMapping

MAX_FILE = 512 * 1024 * 1024


def instant(text: str) -> datetime:
    """An RFC 3339 instant with offset, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is no instant such as 2027-03-10T08:30:00Z") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("add the offset from UTC, for example Z")
    return moment.astimezone(UTC)


def day(text: str) -> date:
    """A calendar date."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is no date such as 2027-03-10") from error


def whole(text: str) -> int:
    """A whole number."""
    if not text.isdecimal():
        raise CommandError(f"“{text}” is no whole number")
    return int(text)


def seconds(text: str) -> float:
    """A length of time of at most a day."""
    try:
        length = float(text)
    except ValueError:
        length = -1.0
    if not 0 < length <= 86400:
        raise argparse.ArgumentTypeError(f"“{text}” is no number of seconds between 0 and 86400")
    return length


def source_named(code: str, mapping: str = "") -> Source:
    """The source with its site; its saved column map must exist where one is named."""
    with everywhere(by=operator()):
        source = Source.objects.select_related("site").filter(code=code).first()
        if source is None:
            raise CommandError(f"There is no source “{code}”; make it with create_source.")
        if mapping and not TableMapping.objects.filter(source=source, name=mapping).exists():
            raise CommandError(f"The source “{code}” has no table mapping “{mapping}”.")
        return source
