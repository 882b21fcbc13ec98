"""What stands against an infusion on its Day 0, and the sentence that checks its dose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from workflow.rules import gates, infusion_checks, kits
from workflow.rules.facts import InfusionFact, PatientFacts
from workflow.rules.infusion_checks import expected_vials, expected_volume, text_of
from workflow.rules.protocol import Dosing, Protocol

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Block:
    """One blocking gate that does not pass, or a refused place; `field` is what a person would change."""

    gate: str
    verdict: str
    reason: str
    field: str = ""


def candidate(given: Mapping[str, Any], started_at: datetime, day0: date) -> InfusionFact:
    """The infusion as it would be recorded; what is not known yet counts as one that is given."""
    return InfusionFact(
        id=UUID(int=0),
        recorded_at=started_at,
        started_at=started_at,
        ended_at=given.get("ended_at"),
        day0=day0,
        weight_kg=given.get("weight_kg") or Decimal(1),
        volume_ml=given.get("volume_ml", Decimal(1)),
        outcome=given.get("outcome") or "complete",
        percent_given=given.get("percent_given"),
        place_of_service=given.get("place_of_service") or "",
    )


def blocks(protocol: Protocol, facts: PatientFacts) -> tuple[Block, ...]:
    """Every blocking gate as of the facts' infusion, and a refused place of service; none when nothing was given.

    A place that is not known yet is not judged.
    """
    infusion = facts.infusion
    if infusion is None or not infusion.dosed:
        return ()
    verdicts = gates.judge_all(protocol, facts, infusion.day0, infusion.day0)
    found = [Block(v.code, v.verdict, f"{v.title}: {v.reason}") for v in verdicts if v.blocks]
    place, allowed = infusion.place_of_service, gates.allowed_places(protocol)
    if place and allowed and place not in allowed:
        text = f"Place of service {place} is not allowed; use {', '.join(allowed)}."
        found.append(Block("site-of-care", "fail", text, "place_of_service"))
    return tuple(found)


def warnings(
    protocol: Protocol, facts: PatientFacts, given: Mapping[str, Any], day0: date
) -> tuple[str, ...]:
    """What is odd by the dose rule, and a weight that is not that of the kit order any more."""
    found = infusion_checks.warnings(protocol.dosing, {**given, "day0": day0})
    if not facts.kits:
        return found
    limit = kits.drift_limit(protocol)
    drift = infusion_checks.weight_drift(facts.kits[-1].weight_kg, given["weight_kg"], limit)
    return (*found, drift) if drift else found


def dose_sentence(dosing: Dosing, weight_kg: Decimal) -> str:
    """The arithmetic of the dose: 2 × 10¹³ vg/kg × 70 kg = 1.4 × 10¹⁵ vg = 140 mL = 14 vials of 10 mL."""
    total = weight_kg * dosing.vg_per_kg
    vials = expected_vials(dosing, weight_kg)
    return (
        f"{_power(dosing.vg_per_kg)} vg/kg × {weight_kg} kg = {_power(total)} vg = "
        f"{text_of(expected_volume(dosing, weight_kg))} mL = {vials} vials of {text_of(dosing.vial_ml)} mL"
    )


def _power(number: Decimal) -> str:
    """1440000000000000 as 1.44 × 10¹⁵."""
    exponent = number.adjusted()
    return f"{text_of(number.scaleb(-exponent))} × 10{str(exponent).translate(RAISED)}"


def unexplained_volume(dosing: Dosing, given: Mapping[str, Any]) -> str:
    """The sentence that asks for a reason when a complete dose is not the volume by rule; else "".

    A dose whose outcome is not known yet counts as complete.
    """
    weight, volume = given.get("weight_kg"), given.get("volume_ml")
    if weight is None or volume is None or given.get("outcome", "complete") != "complete":
        return ""
    expected = expected_volume(dosing, weight)
    if volume == expected:
        return ""
    return f"Volume given must be {text_of(expected)} mL for {weight} kg, or give a reason."
