"""The exact upper limit of a Poisson count, computed and not tabulated."""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache

DIGITS = 30
CLOSE = Decimal("1e-20")


@lru_cache(maxsize=1024)
def upper_limit(count: int, confidence_percent: Decimal) -> Decimal:
    """The upper end of the two-sided exact (Garwood) confidence interval of the mean behind a count.

    It is the mean with which a count this low or lower has half the remaining probability.

    >>> round(upper_limit(0, Decimal(95)), 4), round(upper_limit(3, Decimal(95)), 4)
    (Decimal('3.6889'), Decimal('8.7673'))
    """
    with localcontext() as context:
        context.prec = DIGITS
        half = ((100 - confidence_percent) / 200).ln()
        mean = Decimal(count) + 4 * Decimal(count + 1).sqrt() + 4
        while True:
            below, term = Decimal(0), Decimal(1)
            for k in range(1, count + 1):
                below += term
                term *= mean / k
            total = below + term
            step = (total.ln() - mean - half) * total / term
            mean += step
            if abs(step) < CLOSE * mean:
                return +mean
