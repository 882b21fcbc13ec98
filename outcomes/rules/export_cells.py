"""Cells of the data set: how a value becomes text in a comma-separated file (RFC 4180, UTF-8, LF).

Empty means missing. Numbers have at most four decimals, half up, never an exponent; rates of bleeding have
two. Only text columns are guarded against spreadsheets that would run them; a negative number is a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from outcomes.rules.figures import beside, plain
from workflow.rules.cells import guarded

QUOTED = re.compile(r'[",\r\n]')
BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")
ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


def text(value: str) -> str:
    """A text cell: one line, guarded.

    >>> text(" =1+1"), text("a\\nb"), text("met")
    ("'=1+1", 'a b', 'met')
    """
    return guarded(BLANKS.sub(" ", value).strip())


def number(value: Decimal | int | None) -> str:
    """At most four decimals, without trailing zeros.

    >>> number(Decimal("-64.20005")), number(Decimal("1E+3")), number(None)
    ('-64.2001', '1000', '')
    """
    return "" if value is None else plain(Decimal(value))


def rate(value: Decimal | None) -> str:
    """Exactly two decimals.

    >>> rate(Decimal("2.005")), rate(Decimal(0))
    ('2.01', '0.00')
    """
    return "" if value is None else beside(value, None)


def flag(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def study_day(on: date | None, day0: date) -> str:
    """Days since Day 0, negative before it."""
    return "" if on is None else str((on - day0).days)


def day(on: date | None) -> str:
    return "" if on is None else on.isoformat()


def in_days(sentence: str, day0: date) -> str:
    """The sentence with each date as a study day.

    >>> in_days("censored: death on 2027-01-11", date(2027, 1, 1))
    'censored: death on day 10'
    """
    return ISO_DATE.sub(lambda m: _told(m[0], day0), sentence)


def _told(iso: str, day0: date) -> str:
    try:
        return f"day {(date.fromisoformat(iso) - day0).days}"
    except ValueError:
        return iso


def line(cells: Iterable[str]) -> str:
    """One record with its line feed."""
    return ",".join(_quoted(cell) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if QUOTED.search(cell) else cell
