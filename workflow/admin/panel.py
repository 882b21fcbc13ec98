"""The laboratory form: one collection, one line per analyte. Lines without a value are left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from patients import data as catalogue
from patients.errors import DomainError, Fault, Invalid

LINES = 6
SHARED = ("collected_on", "collected_time", "lab")
COLUMNS = ("analyte", "value", "unit", "reference_high", "assay")


@dataclass(frozen=True, slots=True)
class Line:
    """One analyte of the form as it stands, with the faults of its fields by name."""

    number: int
    values: dict[str, str]
    faults: dict[str, str]


def blank(analytes: list[str], today: date) -> tuple[dict[str, str], list[Line]]:
    """An empty form with one line per wanted analyte in its usual unit, and at least one line."""
    wanted = analytes or [""]
    lines = [Line(n, {"analyte": a, "unit": unit_of(a)}, {}) for n, a in enumerate(wanted)]
    return {"collected_on": today.isoformat()}, lines


def unit_of(analyte: str) -> str:
    found = catalogue.catalog().analytes.get(analyte)
    return found.unit if found else ""


def choices() -> list[tuple[str, str]]:
    return [
        (code, item.title)
        for code, item in sorted(catalogue.catalog().analytes.items(), key=lambda p: p[1].title)
    ]


def read(posted: QueryDict) -> tuple[dict[str, str], list[Line]]:
    shared = {name: posted.get(name, "").strip() for name in SHARED}
    numbers = sorted(int(k[8:]) for k in posted if k.startswith("analyte-") and k[8:].isdigit())
    lines = [Line(n, {c: posted.get(f"{c}-{n}", "").strip() for c in COLUMNS}, {}) for n in numbers[:50]]
    return shared, lines


def items(shared: dict[str, str], lines: list[Line], timezone: str) -> list[dict[str, Any]]:
    """The posted lines in the public shape. Raises Invalid when there is nothing to save or no date."""
    filled = [line for line in lines if line.values["value"]]
    if not filled:
        raise Invalid.at(f"/value-{lines[0].number if lines else 0}", "required", "Enter at least one value.")
    at = collected_at(shared, timezone)
    extra = {"collected_at": at} | ({"lab": shared["lab"]} if shared["lab"] else {})
    return [{k: v for k, v in line.values.items() if v} | extra for line in filled]


def collected_at(shared: dict[str, str], timezone: str) -> str:
    """A date, or with a time the instant at the site, as text."""
    if not shared["collected_on"]:
        raise Invalid.at("/collected_on", "required", "Enter the day of collection.")
    if not shared["collected_time"]:
        return shared["collected_on"]
    try:
        day, clock = date.fromisoformat(shared["collected_on"]), time.fromisoformat(shared["collected_time"])
    except ValueError as error:
        raise Invalid.at(
            "/collected_on", "date", "Enter day and time as numbers, such as 2027-03-10 and 08:30."
        ) from error
    return datetime.combine(day, clock, ZoneInfo(timezone)).isoformat()


def located(error: DomainError, lines: list[Line]) -> list[Fault]:
    """Faults of `/<index>/<field>` moved to the fields of the form they came from."""
    filled = [line for line in lines if line.values["value"]]
    return [Fault(_field(f.pointer, filled), f.code, f.detail) for f in error.faults]


def _field(pointer: str, filled: list[Line]) -> str:
    parts = pointer.strip("/").split("/")
    if len(parts) == 2 and parts[0].isdigit() and int(parts[0]) < len(filled):
        if parts[1] == "collected_at":
            return "/collected_on"
        return f"/{parts[1]}-{filled[int(parts[0])].number}"
    return pointer
