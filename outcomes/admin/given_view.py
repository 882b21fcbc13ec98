"""The infusion that was given, its override and its void, as the patient page tells them. No queries, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from workflow.rules.charts import plain
from workflow.rules.facts import Act, History, InfusionFact, Override, PatientFacts

MEASURED = (
    ("pulse", "pulse {}"),
    ("respiratory_rate", "{} breaths a minute"),
    ("temperature_c", "{} °C"),
    ("spo2_percent", "oxygen saturation {} %"),
)


def infusion(facts: PatientFacts) -> dict[str, Any] | None:
    """What was given, how it went in the site's time, and what two people answer for; None before Day 0."""
    given = facts.infusion
    if given is None:
        return None
    asked = facts.last_act("void-request", str(given.id))
    return {
        "fact": given,
        "what": _what(given),
        "course": list(_course(given, ZoneInfo(facts.timezone))),
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


def _course(given: InfusionFact, zone: ZoneInfo) -> Iterator[tuple[str, list[str]]]:
    """What the record says beside the dose: a title and its lines; nothing about what was not recorded."""
    told = given.details
    times = {
        "Diluted": told.get("diluted_at"),
        "Ended": told.get("ended_at"),
        "Observed until": told.get("observed_until"),
    }
    for title, at in times.items():
        if at:
            yield title, [_at(at, given, zone)]
    if told.get("rate_ml_h"):
        yield "Rate", [f"{told['rate_ml_h']} mL/h"]
    if told.get("vial_lots"):
        yield "Vial lots", [", ".join(told["vial_lots"])]
    said = {
        "Premedication": _premedication,
        "Interruptions": _pause,
        "Reactions": _reaction,
        "Vitals": _vitals,
    }
    for title, line in said.items():
        if rows := told.get(title.lower()):
            yield title, [line(row, given, zone) for row in rows]


def _premedication(row: Mapping[str, Any], given: InfusionFact, zone: ZoneInfo) -> str:
    what = " ".join(filter(None, (row.get("product"), row.get("dose"))))
    return _line(what, _at(row.get("given_at"), given, zone), row.get("note"))


def _pause(row: Mapping[str, Any], given: InfusionFact, zone: ZoneInfo) -> str:
    began, ended = (_at(row.get(end), given, zone) for end in ("from", "to"))
    when = " ".join(filter(None, (began and f"from {began}", ended and f"to {ended}")))
    return _line(when, row.get("reason"), row.get("note"))


def _reaction(row: Mapping[str, Any], given: InfusionFact, zone: ZoneInfo) -> str:
    treated = row.get("treatment") and f"treated with {row['treatment']}"
    return _line(
        _at(row.get("at"), given, zone), row.get("what"), row.get("severity"), treated, row.get("note")
    )


def _vitals(row: Mapping[str, Any], given: InfusionFact, zone: ZoneInfo) -> str:
    pressure = [row.get(name) for name in ("systolic", "diastolic")]
    shown = any(value is not None for value in pressure)
    mercury = "/".join("?" if value is None else str(value) for value in pressure)
    values = [text.format(row[name]) for name, text in MEASURED if row.get(name) is not None]
    return _line(
        _at(row.get("at"), given, zone), f"{mercury} mmHg" if shown else "", *values, row.get("note")
    )


def _line(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _at(text: str | None, given: InfusionFact, zone: ZoneInfo) -> str:
    """The time of day at the site, with the date where it is not that of Day 0."""
    if not text:
        return ""
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{local:%H:%M}" if local.date() == given.day0 else f"{local.day} {local:%b %Y %H:%M}"


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
