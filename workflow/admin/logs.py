"""The logs of a patient's facts: for each kind the fields of its form, and the columns of its list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from patients import data as catalogue
from workflow import data as files
from workflow.admin.forms import Choices, Field
from workflow.rules.charts import plain
from workflow.services import shapes

COLUMN = {
    "onset_at": "onset_on",
    "drawn_at": "drawn_on",
    "site": "body_site",
    "from": "from_on",
    "to": "to_on",
}
"""The column of a field, where its name differs; the first two keep their time of day beside the date."""
UNITS = {"iu": "IU", "iu_per_kg": "IU/kg", "interval_days": "days"}
INSTANTS = ("onset_at", "drawn_at")
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Log:
    """One kind: its words, its fields in the order of the form, and the date column by which it is sorted."""

    title: str
    one: str
    fields: tuple[Field, ...]
    by: str
    hint: str = ""

    @property
    def today(self) -> str:
        """The date field that starts as today; periods and payers' dates are never guessed."""
        return next(
            (f.name for f in self.fields if COLUMN.get(f.name, f.name) == self.by and f.name != "from"), ""
        )


def _words(codes: tuple[str, ...]) -> Choices:
    return tuple((code, code.replace("_", " ").capitalize()) for code in codes)


def _codes() -> Choices:
    return tuple((code, code.replace("-", " ").capitalize()) for code in sorted(files.attestation_codes()))


def _products() -> Choices:
    return tuple((code, row.hcpcs) for code, row in sorted(catalogue.products().products.items()))


JOINTS = tuple(
    (f"{side} {joint}", "")
    for joint in ("knee", "ankle", "elbow", "shoulder", "hip")
    for side in ("left", "right")
)
PANELS = (
    ("liver-panel", "Liver panel"),
    ("fix-activity", "Factor IX activity"),
    ("fviii-activity", "Factor VIII activity"),
)
LOGS: dict[str, Log] = {
    "bleeds": Log(
        "Bleeds",
        "bleed",
        (
            Field("onset_at", "Began on", "date"),
            Field("site", "Where", choices=JOINTS),
            Field("joint", "In a joint?", "yesno"),
            Field("cause", "Cause", "select", choices=_words(shapes.CAUSES)),
            Field("treated", "Treated?", "yesno"),
            Field("life_threatening", "Life-threatening", "check"),
            Field("note", "Note", optional=True),
        ),
        "onset_on",
        "Bleeds of one place within 72 hours count as one.",
    ),
    "factor-uses": Log(
        "Factor use",
        "factor use",
        (
            Field("given_on", "Given on", "date"),
            Field("product", "Product", choices=_products),
            Field("iu", "Dose, IU", "decimal"),
            Field("reason", "Reason", "select", choices=_words(shapes.USE_REASONS)),
        ),
        "given_on",
        "Within its washout a concentrate is measured instead of the patient’s own factor.",
    ),
    "regimens": Log(
        "Prophylaxis",
        "regimen",
        (
            Field("product", "Product", choices=_products),
            Field("iu_per_kg", "Dose, IU/kg", "decimal"),
            Field("interval_days", "Interval, days", "decimal"),
            Field("from", "From", "date"),
            Field("to", "To", "date", "Empty while it goes on.", optional=True),
        ),
        "from_on",
    ),
    "events": Log(
        "Events",
        "event",
        (
            Field("kind", "What", "select", choices=_words(shapes.EVENT_KINDS)),
            Field("from", "From", "date"),
            Field("to", "To", "date", "A death or withdrawal has no end.", optional=True),
            Field("source", "Source", optional=True),
        ),
        "from_on",
        "The lead-in is the time before Day 0 in which bleeds were recorded.",
    ),
    "coverage": Log(
        "Coverage",
        "coverage",
        (
            Field("payer", "Payer"),
            Field("contract", "Contract", "text", "Its code, such as sample-level.", optional=True),
            Field("from", "From", "date"),
            Field("to", "To", "date", optional=True),
        ),
        "from_on",
    ),
    "draws": Log(
        "Blood draws",
        "draw",
        (
            Field("drawn_at", "Drawn on", "date"),
            Field("panel", "What for", choices=PANELS),
            Field("lab", "Laboratory", optional=True),
        ),
        "drawn_on",
        "A draw whose result is not back yet: the result is awaited.",
    ),
    "authorizations": Log(
        "Prior authorizations",
        "authorization",
        (
            Field("payer", "Payer"),
            Field("number", "Number", optional=True),
            Field("status", "Status", "select", choices=_words(shapes.AUTHORIZATION_STATUSES)),
            Field("submitted_on", "Submitted on", "date", optional=True),
            Field("decided_on", "Decided on", "date", optional=True),
            Field("valid_from", "Valid from", "date", optional=True),
            Field("valid_to", "Valid to", "date", optional=True),
        ),
        "recorded_at",
    ),
    "attestations": Log(
        "Attestations",
        "attestation",
        (
            Field("code", "What is attested", "select", choices=_codes),
            Field("on", "On", "date", "The day on which it was done or decided."),
            Field("value", "Is it so?", "yesno"),
            Field("note", "Note", optional=True),
        ),
        "on",
    ),
}


def value(row: Any, field: Field) -> str:
    """A column as the form holds it."""
    found = getattr(row, COLUMN.get(field.name, field.name))
    if isinstance(found, bool):
        return (YES if found else NO) if field.kind == "yesno" else (YES if found else "")
    if isinstance(found, Decimal):
        return plain(found)
    return found.isoformat() if isinstance(found, date) else str(found or "")


def cell(row: Any, field: Field) -> str:
    """A column as the list shows it."""
    found = getattr(row, COLUMN.get(field.name, field.name))
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, date):
        return f"{found.day} {found:%b} {found.year}"
    if isinstance(found, Decimal):
        return f"{found.normalize():,f} {UNITS[field.name]}"
    text = value(row, field)
    return dict(field.options).get(text, text) if field.kind == "select" else text


def sent(log: Log, posted: Mapping[str, str], corrected: Any | None) -> dict[str, Any]:
    """The public shape of a posted form; a corrected instant keeps its time of day unless the day changed."""
    data: dict[str, Any] = {}
    for field in log.fields:
        text = posted.get(field.name, "").strip()
        if field.kind in ("yesno", "check"):
            data[field.name] = {YES: True, NO: False}.get(text, None if field.kind == "yesno" else False)
        elif text:
            data[field.name] = text
        if corrected is not None and field.name in INSTANTS and text == value(corrected, field):
            data[field.name] = getattr(corrected, field.name).isoformat()
    return {name: told for name, told in data.items() if told is not None}
