"""A desk item in words: what was received beside what was understood of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from patients.data import catalog
from patients.rules.codemaps import LOINC
from workflow.admin import marks
from workflow.rules import desk as rules
from workflow.selectors.desk import Group, Item, Report

WHERE = (
    ("message", "message"),
    ("segment", "segment"),
    ("obr", "OBR"),
    ("obx", "OBX"),
    ("entry", "entry"),
    ("row", "row"),
)


def group(found: Group) -> dict[str, Any]:
    """One line of the desk."""
    first = found.first
    return {
        "item": first,
        "count": found.count,
        "since": found.since,
        "mark": marks.waiting(first.reasons[0]),
        "what": what(first),
        "code": code(first),
        "sentence": rules.suggest(first.told, catalog()).sentence,
    }


def line(item: Item) -> dict[str, Any]:
    """One item in a list of items."""
    return {
        "item": item,
        "mark": marks.waiting(item.reasons[0]) if item.state == "waiting" else marks.ended(item.state),
        "reason": rules.reason_words(item.reasons[0]),
        "what": what(item),
        "value": value(item),
        "collected": moment(item.body["collected_at"], item.timezone),
        "ended_as": rules.ENDED.get(item.ended_as, item.ended_as.capitalize()),
    }


def what(item: Item) -> str:
    """The person for a stranger's items, else the test as the sender calls it."""
    if item.reasons[0] in rules.ABOUT_A_PERSON:
        numbers = ", ".join(n.value for n in item.said.named.numbers)
        return f"Patient number {numbers}" if numbers else "A patient without a number"
    return item.text or title(item.body["analyte"]) or item.code or "A test without a code"


def code(item: Item) -> str:
    """The code with the name of its system, where it says more than the text."""
    if not item.code or item.reasons[0] in rules.ABOUT_A_PERSON or what(item) == item.code:
        return ""
    if item.system == LOINC:
        return f"LOINC {item.code}"
    return f"code {item.code}, system {item.system}" if item.system else f"code {item.code}"


def title(analyte: str | None) -> str:
    found = catalog().analytes.get(analyte or "")
    return found.title if found else ""


def value(item: Item) -> str:
    return f"{item.body['value_text'] or 'no value'} {item.body['unit_text'] or ''}".strip()


def moment(text: str | None, zone: str) -> str:
    """A day, or day and clock at the site."""
    if not text:
        return "not given"
    if "T" not in text:
        return _day(date.fromisoformat(text))
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{_day(local)}, {local:%H:%M}"


def _day(on: date) -> str:
    return f"{on.day} {on:%b} {on.year}"


def understood(item: Item) -> list[tuple[str, str]]:
    """Name and text of everything that was understood, in the order in which a report is read."""
    body, said = item.body, item.said
    converted = body["converted"]
    rows = [
        ("Test", title(body["analyte"]) or "not known"),
        ("Value as received", value(item)),
        ("Read as", f"{converted['value']} {converted['unit']}" if converted else _coded(body)),
        ("Collected", moment(body["collected_at"], item.timezone)),
        ("Status", (body["status"] or "not given").replace("_", " ")),
        ("Reference range", said.reference_text or _span(body)),
        ("Assay", said.assay or said.method),
        ("Laboratory", said.lab),
        ("Note", body["text"] or ""),
    ]
    return [(name, text) for name, text in rows if text]


def _coded(body: Mapping[str, Any]) -> str:
    if body["titer"]:
        return f"{body['titer']['comparator'] or ''}1:{body['titer']['denominator']}"
    return body["value_code"] or ("not understood" if body["analyte"] else "")


def _span(body: Mapping[str, Any]) -> str:
    low, high = body["reference_low"], body["reference_high"]
    if low and high:
        return f"{low} to {high}"
    return f"up to {high}" if high else f"from {low}" if low else ""


def named(item: Item) -> list[tuple[str, str]]:
    """The patient as the sender names them."""
    person = item.said.named
    numbers = [
        f"{n.value} ({', '.join(n.authorities)})" if n.authorities else n.value for n in person.numbers
    ]
    rows = [
        ("Number", ", ".join(numbers) or "not given"),
        ("Family name", person.family_name or "not given"),
        ("Born", _day(person.birth_date) if person.birth_date else "not given"),
        ("Sex", person.sex),
    ]
    return [(name, text) for name, text in rows if text]


def place(item: Item) -> str:
    """Where in the file it stands."""
    told = [f"{word} {item.where[name]}" for name, word in WHERE if item.where.get(name) not in (None, "")]
    return ", ".join(told)


def raw(item: Item) -> str:
    """The text as received, one segment or field a line."""
    if not item.raw.lstrip().startswith("{"):
        return item.raw.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return json.dumps(json.loads(item.raw), indent=2, ensure_ascii=False)
    except ValueError:
        return item.raw


def report(found: Report) -> dict[str, Any]:
    """A recorded result in one line, and what it is to the item."""
    row = found.result
    status = row.status.replace("_", " ")
    reported = f", reported {_day(row.reported_at)}" if row.reported_at else ""
    return {
        "value": f"{title(row.analyte)} {row.value_text} {row.unit_text}".strip(),
        "detail": f"{status}, collected {_day(row.collected_on)}{reported}, recorded {_day(row.recorded_at)}",
        "counts": found.counts,
        "own": found.own,
    }
