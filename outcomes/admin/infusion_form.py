"""The form of Day 0: its fields, and a posted form as the public JSON shape of an infusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict

from patients.errors import Fault, Invalid
from patients.readers.moments import with_offset
from patients.services.shapes import checked
from workflow.admin.forms import Field
from workflow.rules.day0 import unexplained_volume
from workflow.rules.protocol import Dosing
from workflow.services.shapes import SEVERITIES, InfusionIn

MOMENTS = ("started_at", "ended_at", "diluted_at", "observed_until")
NUMBERS = ("weight_kg", "volume_ml", "rate_ml_h", "percent_given")
TEXTS = ("kit_lot", "ndc", "place_of_service", "outcome", "attending_npi")
OUTCOMES = (
    ("complete", "Complete"),
    ("partial", "Partial: the rest was not given"),
    ("abandoned", "Abandoned, nothing was given"),
)
TIMES = (
    Field("started_at", "Started", "datetime-local"),
    Field("ended_at", "Ended", "datetime-local"),
    Field("diluted_at", "Diluted", "datetime-local", optional=True),
    Field(
        "observed_until", "Observed until", "datetime-local", "At least 3 hours after the end.", optional=True
    ),
)
DOSE = (
    Field("weight_kg", "Weight in kg", "decimal"),
    Field("volume_ml", "Volume given in mL", "decimal"),
    Field("rate_ml_h", "Rate in mL per hour", "decimal", optional=True),
    Field("outcome", "Outcome", "select", choices=OUTCOMES),
    Field("percent_given", "Percent given", "decimal", "Only when it was partial.", optional=True),
    Field("volume_reason", "Reason for another volume than by weight", "area", optional=True),
)
PRODUCT = (
    Field("kit_lot", "Kit lot number"),
    Field("ndc", "Drug code (NDC)", "select", optional=True),
    Field("place_of_service", "Place of service", "select"),
    Field("vial_lots", "Lot numbers of the vials", "area", "One in each line.", optional=True),
)
PEOPLE = (
    Field("attending_npi", "NPI of the attending clinician", optional=True),
    Field("note", "Note", "area", optional=True),
)
OVERRIDE = (
    Field("override-reason", "Reason for infusing against the gates", "area"),
    Field("override-second_person", "Second clinician", "select"),
    Field("override-password", "That clinician’s own password", "password"),
)
FIELDS = (*TIMES, *DOSE, *PRODUCT, *PEOPLE)
MISSING = {
    "started_at": "Enter when the infusion started",
    "ended_at": "Enter when the infusion ended",
    "weight_kg": "Enter the weight in kg",
    "volume_ml": "Enter the volume given in mL",
    "outcome": "Choose the outcome",
    "kit_lot": "Enter the kit lot number",
    "place_of_service": "Choose the place of service",
    "override-reason": "Enter the reason for infusing against the gates",
    "override-second_person": "Choose the second clinician",
    "override-password": "The second clinician must enter the own password",
}
GROUPS: tuple[tuple[str, str, tuple[Field, ...]], ...] = (
    (
        "premedication",
        "Premedication",
        (Field("given_at", "Given at", "time"), Field("product", "Product"), Field("dose", "Dose")),
    ),
    (
        "interruptions",
        "Interruptions",
        (Field("from", "From", "time"), Field("to", "To", "time"), Field("reason", "Reason")),
    ),
    (
        "reactions",
        "Reactions",
        (
            Field("at", "At", "time"),
            Field("what", "What"),
            Field("severity", "Severity", "select", choices=[(s, s.replace("_", " ")) for s in SEVERITIES]),
            Field("treatment", "Treatment"),
        ),
    ),
    (
        "vitals",
        "Vital signs",
        (
            Field("at", "At", "time"),
            Field("systolic", "Systolic", "decimal"),
            Field("diastolic", "Diastolic", "decimal"),
            Field("pulse", "Pulse", "decimal"),
            Field("respiratory_rate", "Breaths", "decimal"),
            Field("temperature_c", "Temperature °C", "decimal"),
            Field("spo2_percent", "SpO₂ %", "decimal"),
        ),
    ),
)
MORE = 2
"""Empty lines below those that are filled."""
MOST = 60
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Posted:
    """A form as typed: texts by name, filled lines by group, and the site's time zone."""

    values: Mapping[str, str]
    rows: Mapping[str, Sequence[Row]]
    timezone: str

    @property
    def started_at(self) -> datetime | None:
        """The start, when it can be read."""
        return self._moment("started_at")

    def _moment(self, name: str) -> datetime | None:
        try:
            found = datetime.fromisoformat(with_offset(self.values.get(name, ""), self.timezone))
        except ValueError:
            return None
        return found if found.tzinfo else None

    def known(self) -> dict[str, Any]:
        """What can be read so far, for the check before saving."""
        moments = {n: self._moment(n) for n in MOMENTS}
        numbers = {n: number(self.values.get(n, "")) for n in NUMBERS}
        texts = {n: self.values.get(n, "") for n in TEXTS}
        return {n: v for n, v in {**moments, **numbers, **texts}.items() if v not in (None, "")}

    def data(self) -> dict[str, Any]:
        """The public JSON shape; what was left empty is left out."""
        found: dict[str, Any] = {n: self.values.get(n, "") for n in (*NUMBERS, *TEXTS)}
        found |= {n: with_offset(self.values.get(n, ""), self.timezone) for n in MOMENTS}
        found["vial_lots"] = [
            lot for line in self.values.get("vial_lots", "").splitlines() if (lot := line.strip())
        ]
        found["note"] = " ".join(filter(None, (self.values.get(n, "") for n in ("volume_reason", "note"))))
        found |= {group: [self._line(group, row) for row in rows] for group, rows in self.rows.items()}
        return {n: v for n, v in found.items() if v not in ("", [])}

    def _line(self, group: str, row: Row) -> dict[str, str]:
        kinds = {f.name: f.kind for name, _, fields in GROUPS if name == group for f in fields}
        day = self.values.get("started_at", "")[:10]
        filled = {n: v for n, v in row.items() if v}
        return {
            n: with_offset(f"{day}T{v}", self.timezone) if kinds[n] == "time" else v
            for n, v in filled.items()
        }

    def overrides(self) -> bool:
        return any(self.values.get(f.name) for f in OVERRIDE)


def number(text: str) -> Decimal | None:
    """A decimal as typed, or None."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 10**6 else None


def read(posted: QueryDict, timezone: str) -> Posted:
    values = {f.name: posted.get(f.name, "").strip() for f in (*FIELDS, *OVERRIDE) if f.kind != "password"}
    values["override-password"] = posted.get("override-password", "")
    return Posted(values, {name: _rows(posted, name, fields) for name, _, fields in GROUPS}, timezone)


def _rows(posted: QueryDict, group: str, fields: Sequence[Field]) -> list[Row]:
    """The filled lines of a group, without gaps."""
    rows = [{f.name: posted.get(f"{group}-{n}-{f.name}", "").strip() for f in fields} for n in range(MOST)]
    return [row for row in rows if any(row.values())]


def fields_of(posted: Posted, dosing: Dosing) -> dict[str, Any]:
    """The checked infusion. Raises Invalid with every fault of the form, the form's own questions included."""
    faults = [Fault(f"/{n}", "required", MISSING[n]) for n in _left_empty(posted)]
    unexplained = unexplained_volume(dosing, posted.known())
    if unexplained and not posted.values.get("volume_reason"):
        faults.append(Fault("/volume_ml", "volume", unexplained))
    try:
        fields = checked(InfusionIn, posted.data())
    except Invalid as error:
        told = {f.pointer for f in faults}
        faults += [f for f in error.faults if f.pointer not in told]
    if faults:
        raise Invalid.of(*sorted(faults, key=_place))
    return fields


def _left_empty(posted: Posted) -> list[str]:
    """Fields this form asks for: all that the shape needs, and of a dose that was given its end and its lot."""
    given = posted.values.get("outcome") != "abandoned"
    wanted = ["started_at", "weight_kg", "volume_ml", "outcome", "place_of_service"]
    wanted += ["ended_at", "kit_lot"] if given else []
    return [n for n in wanted if not posted.values.get(n)]


def _place(fault: Fault) -> int:
    """Faults in the order of the form."""
    names = [f.name for f in (*FIELDS, *OVERRIDE)]
    name = field_id(fault)
    return names.index(name) if name in names else len(names)


def field_id(fault: Fault) -> str:
    """The id of the field that a fault is about."""
    return fault.pointer.strip("/").replace("/", "-")


def day_of(planned: date | None, today: date) -> date:
    """The day that is checked before a start is typed: the booked one, unless it lies ahead."""
    return min(planned, today) if planned else today
