"""Types of command-line options."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime


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
