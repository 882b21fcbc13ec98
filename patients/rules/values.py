"""What a reported value says: comparator and number, titer, or a coded meaning. Never a guess.

The grammar is the same for HL7 text, FHIR strings, tables and forms. Text is kept as received; a number
keeps its trailing zeros and loses leading ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from patients.rules.bounds import at_least
from patients.rules.catalog import Analyte
from patients.rules.qualitative import meaning, says_nothing

COMPARATORS = {
    "<": "<", ">": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=", "=": "",
    "unter": "<", "über": ">", "ueber": ">", "less than": "<", "greater than": ">", "below": "<", "above": ">",
    "kleiner": "<", "größer": ">", "inférieur à": "<", "supérieur à": ">",
}  # fmt: skip
WORDS = "|".join(sorted((re.escape(w) for w in COMPARATORS), key=len, reverse=True))
NUMBER = r"[+-]?(?:\d+(?:{point}\d+)?|{point}\d+)"
SENTINEL = re.compile(r"9{6,}(?:[.,]9+)?")
CODED: dict[str, frozenset[str]] = {
    "quantity": frozenset(),
    "titer": frozenset({"negative", "positive", "not_detected", "detected", "equivocal"}),
    "qualitative": frozenset({"negative", "positive", "equivocal", "not_detected", "detected"}),
    "viral-load": frozenset({"negative", "positive", "equivocal", "not_detected", "detected"}),
    "imaging": frozenset({"normal", "abnormal"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """`fault` is a quarantine reason; `no_value` says that the report has none yet."""

    text: str
    comparator: str = ""
    number: Decimal | None = None
    titer: bool = False
    code: str | None = None
    unit: str = ""
    fault: str | None = None
    no_value: bool = False


def parse_value(text: str, analyte: Analyte, *, decimal: str = ".", rule: str = "") -> Value:
    """Reads a reported value of one analyte; `decimal` is the source's decimal sign.

    `rule` "cutoff:N" (from the site's code map) reads a number of a coded analyte as positive or negative.
    """
    trimmed = " ".join(text.split())
    if not trimmed or says_nothing(trimmed):
        return Value(text=text, no_value=True)
    number = _number(trimmed, analyte, decimal)
    if number is not None:
        return _by_cutoff(number, rule) or _judged(text, number, analyte)
    code = meaning(trimmed, analyte.code)
    if code is not None and code in CODED[analyte.kind]:
        return Value(text=text, code=code)
    return Value(text=text, fault="value-unparseable")


def plain_number(text: str, decimal: str = ".") -> Decimal | None:
    """A text that is a number and nothing else; None for any other."""
    trimmed = text.strip()
    if not re.fullmatch(NUMBER.format(point=re.escape(decimal)), trimmed):
        return None
    return Decimal(trimmed.replace(decimal, "."))


def _number(text: str, analyte: Analyte, decimal: str) -> Value | None:
    """A comparator with a number or a titer 1:N, possibly followed by one of the analyte's units."""
    digits = NUMBER.format(point=re.escape(decimal))
    found = re.fullmatch(rf"(?i)({WORDS})?\s*(1\s*:\s*)?({digits})\s*(.*)", text)
    if found is None:
        return None
    word, ratio, number, unit = found.groups()
    comparator = COMPARATORS.get((word or "=").lower())
    if comparator is None or (unit and unit not in analyte.factors):
        return None
    return Value(
        text=text,
        comparator=comparator,
        number=Decimal(number.replace(decimal, ".")),
        titer=bool(ratio) or analyte.kind == "titer",
        unit=unit,
    )


def _by_cutoff(value: Value, rule: str) -> Value | None:
    """Positive from the cut-off on, negative below; None without a rule or when the bounds overlap it."""
    name, _, number = rule.partition(":")
    if name != "cutoff" or value.number is None:
        return None
    reached = at_least(value.comparator, value.number, Decimal(number))
    if reached is None:
        return None
    return replace(value, number=None, code="positive" if reached else "negative")


def _judged(text: str, value: Value, analyte: Analyte) -> Value:
    """The number with the faults that need no unit: a sentinel, a ratio or an index where none belongs."""
    fault: str | None = None
    if SENTINEL.fullmatch(str(value.number)):
        fault = "implausible"
    elif analyte.kind == "qualitative":
        fault = "qualitative-from-number"
    elif value.titer and analyte.kind != "titer":
        fault = "unit-dimension"
    return Value(
        text=text,
        comparator=value.comparator,
        number=value.number,
        titer=value.titer,
        unit=value.unit,
        fault=fault,
    )
