"""Comparing a reported value with a limit when the report is a bound ("<10", ">= 1:3212").

Every function answers True when each value the report allows satisfies the comparison, False when none
does, and None when it cannot be told. A rule that gets None says indeterminate, never pass.
"""

from __future__ import annotations

from decimal import Decimal


def exceeds(comparator: str, number: Decimal, limit: Decimal) -> bool | None:
    """Is the value strictly above the limit?

    >>> exceeds("<", Decimal(10), Decimal(40)), exceeds(">", Decimal(60), Decimal(80))
    (False, None)
    """
    if comparator == "":
        return number > limit
    if comparator == ">":
        return True if number >= limit else None
    if comparator == ">=":
        return True if number > limit else None
    return False if number <= limit else None


def at_least(comparator: str, number: Decimal, limit: Decimal) -> bool | None:
    """Is the value at the limit or above it?"""
    if comparator == "":
        return number >= limit
    if comparator in (">", ">="):
        return True if number >= limit else None
    if comparator == "<":
        return False if number <= limit else None
    return False if number < limit else None


def below(comparator: str, number: Decimal, limit: Decimal) -> bool | None:
    """Is the value strictly below the limit?"""
    return _not(at_least(comparator, number, limit))


def at_most(comparator: str, number: Decimal, limit: Decimal) -> bool | None:
    """Is the value at the limit or below it?"""
    return _not(exceeds(comparator, number, limit))


def _not(answer: bool | None) -> bool | None:
    return None if answer is None else not answer
