"""Elements of FHIR resources, read whatever their type turns out to be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from patients.readers.documents import Resource
from patients.readers.envelope import Coding, Unreadable
from patients.rules.codemaps import normal_system

UCUM = "http://unitsofmeasure.org"
MAX_DIGITS = 40
NUMBER = re.compile(r'"\\u0000([^"\\]*)\\u0000"')


def codings_of(concept: Mapping[str, Any]) -> Iterator[Coding]:
    """The codings of a CodeableConcept that have a code, in the sender's order."""
    for coding in maps(concept.get("coding")):
        code = trimmed(coding.get("code"))
        if code:
            yield Coding(
                normal_system(trimmed(coding.get("system")), code), code, trimmed(coding.get("display"))
            )


def kinds_of(entry: Mapping[str, Any]) -> set[str]:
    """The codes of an element's `type`."""
    return {c.code for c in codings_of(mapped(entry.get("type")))}


def unit_of(quantity: Mapping[str, Any]) -> str:
    """The unit of a Quantity: its UCUM code, else its words."""
    code, unit = trimmed(quantity.get("code")), trimmed(quantity.get("unit"))
    return code if code and trimmed(quantity.get("system")) == UCUM else unit or code


def digits(value: Any) -> str | None:
    """The number as written; None for anything that is no JSON number, or beyond any measurement."""
    sane = isinstance(value, Decimal) and abs(value.adjusted()) < MAX_DIGITS
    return format(value, "f") if sane else None


def shown(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else NUMBER.sub(r"\1", _json(value))


def trimmed(value: Any) -> str:
    """A text without the blanks around it; "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def mapped(value: Any) -> Mapping[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def maps(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none for anything else."""
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def raw_of(resource: Resource) -> str:
    """The resource as JSON, its numbers as they came."""
    return NUMBER.sub(r"\1", _json(resource))


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=lambda number: f"\x00{number}\x00")
    except RecursionError as error:
        raise Unreadable("unreadable", "is nested too deeply") from error
