"""Numbers as people and files see them: half up, no exponent, never as if a limit was reached that was not."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

RATE_PLACES = 2
PLACES = 4
MOST_PLACES = 12


def exact(value: Fraction | None) -> Decimal | None:
    """The fraction as a decimal of 28 digits."""
    return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)


def rounded(value: Decimal, places: int = PLACES) -> Decimal:
    """Half up, to exactly so many decimals.

    >>> rounded(Decimal("-79.165"), 2)
    Decimal('-79.17')
    """
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def plain(value: Decimal, places: int = PLACES) -> str:
    """At most so many decimals, without trailing zeros.

    >>> plain(Decimal("5.50000")), plain(Decimal("1E+2")), plain(Decimal("0.00004"))
    ('5.5', '100', '0')
    """
    text = format(rounded(value, places), "f")
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if short == "-0" else short


def beside(value: Decimal, limit: Decimal | None) -> str:
    """A rate with two decimals, or as many more as it takes not to look equal to a limit that it does not equal.

    >>> beside(Decimal("-49.996"), Decimal(-50)), beside(Decimal("-50"), Decimal(-50))
    ('-49.996', '-50.00')
    """
    places = RATE_PLACES
    while limit is not None and value != limit and places < MOST_PLACES and rounded(value, places) == limit:
        places += 1
    return format(rounded(value, places), "f")
