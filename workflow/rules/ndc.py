"""National Drug Codes: 10- and 11-digit forms, normalised to 5-4-2.

A 10-digit code is 4-4-2, 5-3-2 or 5-4-1; the segment that is short gets a leading zero. Without hyphens
the form cannot be told, so the code is accepted only if exactly one listed code fits.
Source: FDA National Drug Code format; the 5-4-2 form is the HIPAA billing form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NO_NDC = "“{text}” is no NDC in 10- or 11-digit form that fits one listed code."
FORMS = ((4, 4, 2), (5, 3, 2), (5, 4, 1))


def normalised(text: str, listed: Sequence[str]) -> str | None:
    """`text` as 5-4-2 with hyphens, or None when it is no NDC or fits no or several `listed` codes.

    >>> normalised("0053-0300-30", [])
    '00053-0300-30'
    """
    cleaned = text.strip()
    parts = cleaned.split("-")
    if len(parts) == 3:
        return _padded(parts)
    if re.fullmatch(r"\d{11}", cleaned):
        return f"{cleaned[:5]}-{cleaned[5:9]}-{cleaned[9:]}"
    if not re.fullmatch(r"\d{10}", cleaned):
        return None
    return _only_listed(cleaned, {n for code in listed if (n := _padded(code.split("-")))})


def _padded(parts: Sequence[str]) -> str | None:
    if len(parts) != 3 or not all(re.fullmatch(r"\d+", p) for p in parts):
        return None
    lengths = tuple(map(len, parts))
    if lengths != (5, 4, 2) and lengths not in FORMS:
        return None
    return f"{parts[0]:0>5}-{parts[1]:0>4}-{parts[2]:0>2}"


def _only_listed(digits: str, listed: set[str]) -> str | None:
    readings = set()
    for first, second, _ in FORMS:
        readings.add(_padded((digits[:first], digits[first : first + second], digits[first + second :])))
    found = readings & listed
    return found.pop() if len(found) == 1 else None
