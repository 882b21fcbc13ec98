"""The forms of the patient page: which fields each has, and which service saves it.

Checking is the services' own (`services.shapes`), the same for REST and admin; a form only turns a posted
form into the public JSON shape and names its fields in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import QueryDict

from patients.admin.roles import CARE
from patients.custody import OFFER_DAYS
from patients.services.shapes import checked
from workflow import data as files
from workflow.services import alerts, bookings, custody, facts, infusions, overrides, shapes, steroids

Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `kind`: text, date, time, area, number, select, yesno, hidden."""

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    choices: Choices | Callable[[], Choices] = ()
    optional: bool = False

    @property
    def options(self) -> Choices:
        return self.choices() if callable(self.choices) else self.choices

    def read(self, posted: QueryDict) -> Any:
        text = posted.get(self.name, "").strip()
        if self.kind == "yesno":
            return {"yes": True, "no": False}.get(text)
        return text


@dataclass(frozen=True, slots=True)
class Form:
    """A form of one act or fact. `save(patient, data, by)` gets the JSON shape and checks it."""

    title: str
    button: str
    fields: tuple[Field, ...]
    save: Callable[[UUID, dict[str, Any], str], object]
    saved: str
    roles: frozenset[str] = CARE
    note: str = ""
    version: Callable[[UUID, Mapping[str, str]], int] | None = None
    """How many times what the form changes was saved; the form carries it as `seen`."""

    def read(self, posted: QueryDict) -> dict[str, Any]:
        """The JSON object of a posted form; what was left empty is left out."""
        values = {f.name: f.read(posted) for f in self.fields}
        return {name: value for name, value in values.items() if value not in ("", None)}


def _attestations() -> Choices:
    return [(code, code.replace("-", " ").capitalize()) for code in sorted(files.attestation_codes())]


def _attest(patient: UUID, data: dict[str, Any], by: str) -> object:
    return facts.record(patient=patient, kind="attestations", data=data, by=by)


def _acknowledge(patient: UUID, data: dict[str, Any], by: str) -> object:
    alert = UUID(data.pop("alert"))
    return alerts.acknowledge(
        patient=patient, alert=alert, by=by, **_noted(checked(shapes.AcknowledgeIn, data))
    )


def _noted(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"note": "", **fields}


def _book(patient: UUID, data: dict[str, Any], by: str) -> object:
    key, seen = data.pop("key", ""), str(data.pop("seen", ""))
    fields = checked(shapes.BookIn, {"on": None, **data})
    expected = int(seen) if seen.isdigit() else None
    return bookings.book(patient=patient, key=key, expected=expected, by=by, **fields)


def _attend(patient: UUID, data: dict[str, Any], by: str) -> object:
    return infusions.attend(patient=patient, by=by, **checked(shapes.AttendingIn, data))


def _confirm_override(patient: UUID, data: dict[str, Any], by: str) -> object:
    return overrides.confirm(patient=patient, by=by)


def _dose(patient: UUID, data: dict[str, Any], by: str) -> None:
    course = data.pop("course", "")
    steroids.dose(patient=patient, course=course, by=by, **checked(shapes.DoseIn, data))


def _end_course(patient: UUID, data: dict[str, Any], by: str) -> None:
    course, seen = data.pop("course", ""), str(data.pop("seen", ""))
    fields = checked(shapes.SteroidChangeIn, {"ended_on": "", **data})
    expected = int(seen) if seen.isdigit() else -1
    steroids.change(patient=patient, course=course, fields=fields, expected=expected, by=by)


def _offer(patient: UUID, data: dict[str, Any], by: str) -> str:
    word = custody.offer(patient=patient, by=by, **checked(shapes.ReasonIn, data))
    return f"The word for the other centre, shown only now: {word}. It holds for {OFFER_DAYS} days."


def _grounds() -> Choices:
    return [(ground.code, ground.title) for ground in files.retention().grounds.values()]


def _ask_erasure(patient: UUID, data: dict[str, Any], by: str) -> None:
    custody.ask_erasure(patient=patient, fields=checked(shapes.ErasureIn, data), by=by)


REASON = Field("reason", "Reason", "area", "One sentence; it is kept in the history.")
FORMS: dict[str, Form] = {
    "transfer": Form(
        "Hand over to another centre",
        "Make the word",
        (REASON,),
        _offer,
        "",
        frozenset({"clinician"}),
        "You get a word for the clinician of the other centre, who enters it under “Patients, take over”. From"
        " then on this centre no longer sees the patient.",
    ),
    "erase": Form(
        "Ask to delete this record",
        "Ask for the deletion",
        (
            Field("ground", "Ground", "select", choices=_grounds),
            Field("reference", "Reference of the order", optional=True),
            REASON,
        ),
        _ask_erasure,
        "The deletion is asked for. Nothing is deleted until the site’s administrator confirms it.",
        frozenset({"clinician"}),
        "Everything recorded about the patient goes, for good. What is left says that a record was deleted, when, why"
        " and by whom.",
    ),
    "attestation": Form(
        "Attest",
        "Save attestation",
        (
            Field("code", "What is attested", "select", choices=_attestations),
            Field("on", "On", "date", "The day on which it was done or decided."),
            Field("value", "Is it so?", "yesno"),
            Field("note", "Note", "area", optional=True),
        ),
        _attest,
        "Attestation saved.",
    ),
    "acknowledge": Form(
        "Answer a safety alert",
        "Save answer",
        (
            Field("alert", "Alert", "hidden"),
            Field(
                "decision",
                "Decision",
                "select",
                choices=(
                    ("observe", "Observe"),
                    ("repeat_test", "Repeat the test"),
                    ("hepatology_consult", "Hepatology consult"),
                    ("start_steroids", "Start steroids"),
                    ("other", "Other, see note"),
                ),
            ),
            Field("note", "Note", "area", "Needed for “Other”.", optional=True),
        ),
        _acknowledge,
        "Answer saved.",
        note="An alert is a signal to a clinician, never an order. Only a clinician starts steroids.",
    ),
    "steroid-dose": Form(
        "Log a steroid dose",
        "Save dose",
        (
            Field("course", "Course", "hidden"),
            Field("on", "Taken on", "date"),
            Field(
                "mg", "Prednisone, mg", hint="The day’s total as it was really taken; 0 for a day left out."
            ),
        ),
        _dose,
        "Dose saved.",
    ),
    "end-taper": Form(
        "End a steroid course",
        "End course",
        (
            Field("course", "Course", "hidden"),
            Field("seen", "Seen", "hidden"),
            Field("ended_on", "Last day of the course", "date"),
            Field("alternative_cause", "Another likely cause of the rise", "area", optional=True),
        ),
        _end_course,
        "Steroid course ended.",
        roles=frozenset({"clinician"}),
    ),
    "attending": Form(
        "Name the attending clinician",
        "Save NPI",
        (
            Field(
                "npi", "NPI of the attending clinician", hint="10 digits; it stands in field 76 of the claim."
            ),
        ),
        _attend,
        "Attending clinician saved.",
    ),
    "override-confirm": Form(
        "Confirm the override",
        "Confirm as second person",
        (),
        _confirm_override,
        "Override confirmed.",
        roles=frozenset({"clinician"}),
        note="You were named as second person: you answer for infusing against the blocking gates, with your colleague.",
    ),
    "book": Form(
        "Book a follow-up",
        "Save booking",
        (
            Field("key", "Task", "hidden"),
            Field("seen", "Seen", "hidden"),
            Field("on", "Booked on", "date", "Leave it empty to take a booking back.", optional=True),
            Field("visit", "The same visit for everything due that day?", "yesno", optional=True),
        ),
        _book,
        "Booking saved.",
        note="A booking is an appointment: target and window stay as they are.",
        version=lambda patient, asked: len(bookings.of_task(patient, asked.get("key", ""))),
    ),
}
