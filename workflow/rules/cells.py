"""Cells of files that people open in a spreadsheet."""

from __future__ import annotations

STARTERS = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """The text, with a leading ' where a spreadsheet would run it as a formula.

    >>> guarded("=1+1"), guarded("12")
    ("'=1+1", '12')
    """
    return f"'{text}" if text.startswith(STARTERS) else text
