"""Reference ranges as laboratories print them: two limits, one, or words that are kept as words."""

from __future__ import annotations

import re

NUMBER = r"\d+(?:{point}\d+)?"


def limits(text: str, decimal: str = ".") -> tuple[str, str, str]:
    """(low, high, words): the limits as written, "" where there is none; `words` is the text itself.

    >>> limits("7 - 56"), limits("(<40)"), limits("70_105")
    (('7', '56', '7 - 56'), ('', '40', '(<40)'), ('', '', '70_105'))
    """
    words = text.strip()
    bare = words.strip("()[] ")
    number = NUMBER.format(point=re.escape(decimal))
    pair = re.fullmatch(rf"({number})\s*(?:-|–|to|bis|à)\s*({number})", bare)
    if pair:
        low, high = pair.groups()
        return (low, high, words) if _ordered(low, high, decimal) else ("", "", words)
    one = re.fullmatch(rf"([<>]=?|≤|≥)\s*({number})", bare)
    if one is None:
        return "", "", words
    sign, limit = one.groups()
    return ("", limit, words) if sign[0] in "<≤" else (limit, "", words)


def _ordered(low: str, high: str, decimal: str) -> bool:
    return float(low.replace(decimal, ".")) <= float(high.replace(decimal, "."))
