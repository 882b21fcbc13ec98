"""National Provider Identifiers: who gave care and who bills for it, in US claims."""

from __future__ import annotations

import re

NO_NPI = "“{text}” is no NPI: 10 digits with a check digit."


def is_npi(text: str) -> bool:
    """Ten digits whose Luhn sum, with the prefix 80840 of US health identifiers, ends in 0.

    >>> is_npi("1234567893"), is_npi("1234567890")
    (True, False)
    """
    if not re.fullmatch(r"[0-9]{10}", text):
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed("80840" + text))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0
