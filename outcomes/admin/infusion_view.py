"""What the form of Day 0 shows. No queries, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from outcomes import data
from outcomes.admin.infusion_form import (
    DOSE,
    GROUPS,
    MORE,
    OVERRIDE,
    PEOPLE,
    PRODUCT,
    TIMES,
    Row,
    field_id,
    number,
)
from patients.errors import Fault
from patients.models import User
from patients.rules.words import counted
from workflow.admin import marks
from workflow.admin.forms import Choices, Field
from workflow.admin.intake_frame import shown
from workflow.rules.day0 import dose_sentence
from workflow.rules.gates import allowed_places
from workflow.rules.infusion_checks import expected_vials, text_of
from workflow.rules.protocol import Dosing, in_force
from workflow.selectors.day0 import Preview

GATES = "gates"
PASSES = ("pass", "not_applicable", "waived")


def start(seen: Preview) -> dict[str, str]:
    """What an empty form is filled in with: from the newest weight and from the kit that was received."""
    weight = {"weight_kg": text_of(seen.dose.weight_kg)} if seen.dose else {}
    kit = {"kit_lot": seen.kit.lot, "ndc": seen.kit.ndc} if seen.kit else {}
    return {**weight, **kit}


def check(seen: Preview, typed: Mapping[str, str], *, started: bool) -> dict[str, Any]:
    """Gates at the start, the dose for the weight as typed, what is odd, and the tasks that saving makes."""
    passing = [g for g in seen.gates if g.verdict in PASSES]
    blocked = {b.gate for b in seen.blocks}
    return {
        "day0": seen.day0,
        "started": started,
        "count": f"{len(passing)} of {len(seen.gates)}",
        "blocks": seen.blocks,
        "gates": [
            {"gate": g, "mark": marks.gate(g.verdict), "blocks": g.code in blocked} for g in seen.gates
        ],
        "finding": _finding(seen, started),
        "dose": _dose(seen, typed),
        "warnings": seen.warnings,
        "tasks": seen.tasks,
    }


def _finding(seen: Preview, started: bool) -> str:
    day = f"{seen.day0:%A} {seen.day0.day} {seen.day0:%B} {seen.day0.year}"
    when = "At the start on" if started else "On"
    if not seen.blocks:
        return f"{when} {day}: every blocking gate passes."
    against = counted(len(seen.blocks), "reason")
    return f"{when} {day}: {against} stand{'s' if len(seen.blocks) == 1 else ''} against the infusion."


def _dose(seen: Preview, typed: Mapping[str, str]) -> dict[str, Any]:
    """The dose sentence for the typed weight, and the newest weight on record beside it."""
    weight = number(typed.get("weight_kg", ""))
    usable = weight is not None and weight >= 1
    known = seen.dose
    return {
        "sentence": dose_sentence(seen.protocol.dosing, weight) if usable and weight is not None else "",
        "weighed": known,
        "differs": bool(known and usable and weight != known.weight_kg),
    }


def sections(
    seen: Preview, typed: Mapping[str, str], wrong: Mapping[str, str], attending: Iterable[User]
) -> list[dict[str, Any]]:
    """The fields in the order in which a centre knows them."""
    dosing, weight = seen.protocol.dosing, number(typed.get("weight_kg", ""))
    choices = {"ndc": ndcs(dosing, seen, weight), "place_of_service": places(seen)}
    hints = {
        "attending_npi": "; ".join(f"{p.username} {p.npi}" for p in attending),
        "rate_ml_h": f"Nominal {text_of(dosing.max_rate_ml_h)}; never a bolus."
        if dosing.max_rate_ml_h
        else "",
    }
    parts = (("When", TIMES), ("How much", DOSE), ("What and where", PRODUCT), ("Who", PEOPLE))
    return [
        {"title": title, "fields": shown([_made(f, choices, hints) for f in fields], typed, wrong)}
        for title, fields in parts
    ]


def _made(field: Field, choices: Mapping[str, Choices], hints: Mapping[str, str]) -> Field:
    found = replace(field, choices=choices.get(field.name, field.choices))
    return replace(found, hint=hints.get(field.name) or field.hint)


def ndcs(dosing: Dosing, seen: Preview, weight: Any) -> Choices:
    """Drug codes that are valid on Day 0, that of the kit for the weight first; each says how sure it is."""
    vials = expected_vials(dosing, weight) if weight else 0
    kits = [k for k in dosing.kits if in_force(k, seen.day0)]
    rows: list[tuple[str, str]] = [("", "Choose")]
    rows += [(k.ndc, f"{k.ndc}, kit of {k.vials} vials ({k.certainty})") for k in kits if k.vials == vials]
    rows += [
        (n.ndc, f"{n.ndc}, {n.use} ({n.source.certainty})")
        for n in dosing.other_ndcs
        if in_force(n, seen.day0)
    ]
    rows += [(k.ndc, f"{k.ndc}, kit of {k.vials} vials ({k.certainty})") for k in kits if k.vials != vials]
    return rows


def places(seen: Preview) -> Choices:
    """Places of service; those that are not allowed say so."""
    listed = data.codes().of("place", seen.protocol.pathway, seen.day0)
    allowed = allowed_places(seen.protocol)
    return [(c.code, f"{c.code} {c.says}{_refused(c.code, allowed)}") for c in listed]


def _refused(code: str, allowed: Sequence[str]) -> str:
    return ", not allowed" if allowed and code not in allowed else ""


def groups(rows: Mapping[str, Sequence[Row]], wrong: Mapping[str, str]) -> list[dict[str, Any]]:
    """Lists of entries: what is filled, then empty lines; open when there is something in them."""
    found = []
    for name, title, fields in GROUPS:
        filled = list(rows.get(name, ()))
        lines = [_line(name, n, fields, row, wrong) for n, row in enumerate([*filled, *[{}] * MORE])]
        at = [text for pointer, text in wrong.items() if pointer.startswith(f"{name}-") or pointer == name]
        found.append(
            {
                "name": name,
                "title": title,
                "fields": fields,
                "lines": lines,
                "count": len(filled),
                "open": bool(filled or at),
                "faults": at,
            }
        )
    return found


def _line(
    group: str, number: int, fields: Sequence[Field], row: Row, wrong: Mapping[str, str]
) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{group}-{number}-{f.name}",
            "label": f"{f.label}, line {number + 1}",
            "spec": f,
            "options": list(f.options),
            "value": row.get(f.name, ""),
            "wrong": f"{group}-{number}-{f.name}" in wrong,
        }
        for f in fields
    ]


def override(
    people: Mapping[str, User], typed: Mapping[str, str], wrong: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Reason, second clinician and that person's password, which is never sent back."""
    choices = [(name, name) for name in people]
    fields = [replace(f, choices=choices) if f.kind == "select" else f for f in OVERRIDE]
    return shown(fields, {**typed, "override-password": ""}, wrong)


def summary(faults: Iterable[Fault]) -> list[dict[str, str]]:
    """Every fault with the id of its field; what a gate says leads to the gates."""
    return [{"field": field_id(f) or GATES, "text": f.detail} for f in faults]
