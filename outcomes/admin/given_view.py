"""The infusion that was given, its override and its void, as the patient page tells them. No queries, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow.rules.charts import plain
from workflow.rules.facts import Act, History, InfusionFact, Override, PatientFacts


def infusion(facts: PatientFacts) -> dict[str, Any] | None:
    """What was given, and what two people answer for; None before Day 0."""
    given = facts.infusion
    if given is None:
        return None
    asked = facts.last_act("void-request", str(given.id))
    return {
        "fact": given,
        "what": _what(given),
        "warnings": given.details.get("warnings", ()),
        "override": _override(given.override) if given.override else "",
        "confirmed": bool(given.override and given.override.confirmed_at),
        "void": asked,
        "void_by": asked.payload.get("second_person", "another clinician") if asked else "",
    }


def _what(given: InfusionFact) -> str:
    percent = f", {plain(given.percent_given)} % given" if given.percent_given is not None else ""
    lot = given.details.get("kit_lot") or ""
    text = f"{plain(given.volume_ml)} mL for {plain(given.weight_kg)} kg, {given.outcome}{percent}"
    return f"{text}, kit lot {lot}" if lot else text


def _override(override: Override) -> str:
    gates = ", ".join(sorted(override.gates))
    state = "confirmed" if override.confirmed_at else "not confirmed yet"
    return f"{gates}: by {override.by} with {override.second_person} ({state}), {override.reason}"


def voided(known: History) -> list[dict[str, Any]]:
    """Infusions that were recorded in error, newest first."""
    return sorted(_voided(known), key=lambda v: v["act"].recorded_at, reverse=True)


def _voided(known: History) -> Iterator[dict[str, Any]]:
    rows = {str(i.id): i for i in known.infusions}
    for act in known.acts:
        if act.kind == "void" and act.key in rows:
            yield {"act": act, "fact": rows[act.key], "asked_by": _asked_by(act)}


def _asked_by(act: Act) -> str:
    return str(act.payload.get("requested_by", ""))
