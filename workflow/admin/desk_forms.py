"""The forms of the quarantine desk: one per decision. Checking is the services' own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import QueryDict

from patients.data import catalog
from patients.errors import Fault, Invalid
from patients.models import Patient
from patients.rules.codemaps import UNTRACKED
from patients.services.shapes import checked
from workflow.admin.forms import Choices, Field
from workflow.rules import desk as rules
from workflow.selectors.desk import Item
from workflow.services.intake_shapes import ResolveIn

OTHER = "other"
REASON = Field("reason", "Reason", "area", "One sentence; it is kept with the decision.")
FACTOR = Field(
    "factor", "Factor", hint="Turns the number as received into the analyte’s own unit.", optional=True
)


def analytes() -> Choices:
    """Every analyte by title, and the one that is not followed here."""
    known = sorted(catalog().analytes.values(), key=lambda a: a.title.casefold())
    titled = [(a.code, f"{a.title} ({a.code}{', ' + a.unit if a.unit else ''})") for a in known]
    return [*titled, (UNTRACKED, "Known, but not followed here")]


ANALYTE = Field("analyte", "What the code means", "select", choices=analytes)
ASSAY = Field(
    "assay", "Assay", hint="Needed for antibody titers: thresholds belong to an assay.", optional=True
)
CUTOFF = Field(
    "cutoff", "Positive from", hint="Only where a number stands for positive or negative.", optional=True
)


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: its fields, its button, and whom it reaches beside this item."""

    action: str
    button: str
    fields: tuple[Field, ...]

    @property
    def title(self) -> str:
        return rules.ACTIONS[self.action]

    @property
    def prefix(self) -> str:
        return f"{self.action}-"


DECISIONS = {
    d.action: d
    for d in (
        Decision(
            rules.MAP,
            "Save the map and read again",
            (
                ANALYTE,
                Field(
                    "unit", "Only for the unit", hint="Leave empty if it holds for every unit.", optional=True
                ),
                FACTOR,
                ASSAY,
                CUTOFF,
                REASON,
            ),
        ),
        Decision(
            rules.CONVERT,
            "Convert and read again",
            (Field("unit", "Unit that was meant", optional=True), FACTOR, REASON),
        ),
        Decision(
            rules.ASSIGN, "Name the patient and read again", (Field("patient", "Patient", "people"), REASON)
        ),
        Decision(rules.ACCEPT, "Accept", (REASON,)),
        Decision(rules.DISCARD, "Discard", (REASON,)),
    )
}


def read(decision: Decision, posted: QueryDict, item: Item) -> dict[str, Any]:
    """The checked fields of a posted decision. Raises Invalid naming every fault of the form."""
    faults: list[Fault] = []
    try:
        fields = checked(ResolveIn, _typed(decision, posted))
    except Invalid as error:
        faults += error.faults
    if decision.action == rules.ASSIGN:
        try:
            patient = _patient(posted.get("patient", ""), posted.get("other", ""), item)
        except Invalid as error:
            faults += error.faults
    if faults:
        raise Invalid.of(*faults)
    return fields | ({"patient": patient} if decision.action == rules.ASSIGN else {})


def _typed(decision: Decision, posted: QueryDict) -> dict[str, Any]:
    """The public JSON shape; an optional field that was left empty is left out."""
    typed = {f.name: posted.get(f.name, "").strip() for f in decision.fields if f.kind != "people"}
    rule = with_cutoff(typed.pop("cutoff", ""))
    needed = {f.name for f in decision.fields if not f.optional}
    left = {name: value for name, value in typed.items() if value or name in needed}
    return left | {"action": decision.action} | ({"value_rule": rule} if rule else {})


def with_cutoff(text: str) -> str:
    """The value rule of a cut-off as typed."""
    return f"cutoff:{text}" if text else ""


def _patient(chosen: str, text: str, item: Item) -> UUID:
    """The chosen patient's id; one who is not in the list is found by code or number at the item's site."""
    typed = text.replace("\x00", "").strip()
    if chosen != OTHER and (chosen or not typed):
        return _known(chosen)
    here = Patient.objects.filter(site_id=item.site, merged_into__isnull=True)
    found = list((here.filter(code__iexact=typed) | here.filter(mrn=typed)).distinct()[:2]) if typed else []
    if len(found) != 1:
        told = f"No patient of {item.site_name} has the code or number “{typed}”." if typed else ""
        raise Invalid.at("/patient", "unknown", told or "Give the code or number of the other patient.")
    return found[0].pk


def _known(chosen: str) -> UUID:
    if not chosen:
        raise Invalid.at("/patient", "required", "Choose the patient.")
    try:
        return UUID(chosen)
    except ValueError as error:
        raise Invalid.at("/patient", "unknown", "Choose one of the patients.") from error


def prefilled(decision: Decision, item: Item, suggestion: rules.Suggestion) -> Mapping[str, str]:
    """What the suggestion fills in."""
    if decision.action == rules.MAP:
        odd = {"unit-unknown", "unit-dimension"} & set(item.reasons)
        return {"analyte": suggestion.analyte, "unit": item.said.unit if odd else ""}
    return {}
