"""What is odd about an infusion as it was given. It happened, so nothing here refuses it: people are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

from workflow.rules.kits import TENTH, drift_percent
from workflow.rules.protocol import Dosing

DRIFT = "The weight is {percent} % from the {ordered} kg on which the kit was ordered."


def warnings(dosing: Dosing, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Plain sentences on volume, rate, kit size, drug code, times since dilution and observation, in that order.

    `given` holds the posted fields and `day0`.
    """
    checks = (_volume, _rate, _kit, _code, _dilution, _observation)
    return tuple(text for check in checks if (text := check(dosing, given)))


def weight_drift(ordered_kg: Decimal, weight_kg: Decimal, limit: Decimal) -> str:
    """Says that the weight given by is more than `limit` percent from that of the kit order; else ""."""
    percent = drift_percent(ordered_kg, weight_kg)
    if percent <= limit:
        return ""
    return DRIFT.format(percent=percent.quantize(TENTH, ROUND_HALF_UP), ordered=text_of(ordered_kg))


def expected_volume(dosing: Dosing, weight_kg: Decimal) -> Decimal:
    """mL = kg x vg/kg / (vg/mL)."""
    return weight_kg * dosing.vg_per_kg / dosing.vg_per_ml


def expected_vials(dosing: Dosing, weight_kg: Decimal) -> int:
    """The volume in whole vials, rounded up."""
    volume = expected_volume(dosing, weight_kg)
    return int((volume / dosing.vial_ml).to_integral_value(ROUND_CEILING))


def _volume(dosing: Dosing, given: Mapping[str, Any]) -> str:
    expected = expected_volume(dosing, given["weight_kg"])
    if given["outcome"] != "complete" or given["volume_ml"] == expected:
        return ""
    return (
        f"{text_of(given['volume_ml'])} mL were given; {text_of(given['weight_kg'])} kg need "
        f"{text_of(expected)} mL. Say why in a note."
    )


def _rate(dosing: Dosing, given: Mapping[str, Any]) -> str:
    rate, nominal = given.get("rate_ml_h"), dosing.max_rate_ml_h
    if rate is None or nominal is None or rate <= nominal:
        return ""
    return f"The rate of {text_of(rate)} mL/h is above the nominal {text_of(nominal)} mL/h; it is never given as a bolus."


def _kit(dosing: Dosing, given: Mapping[str, Any]) -> str:
    vials = expected_vials(dosing, given["weight_kg"])
    if dosing.min_vials <= vials <= dosing.max_vials:
        return ""
    return f"No kit is listed for {vials} vials; kits have {dosing.min_vials} to {dosing.max_vials}."


def _code(dosing: Dosing, given: Mapping[str, Any]) -> str:
    """The drug code is listed, valid on Day 0, and not that of another kit size."""
    code, on = given.get("ndc"), given["day0"]
    if not code:
        return ""
    if code not in dosing.ndcs:
        return f"The drug code {code} is not in the catalogue."
    if code not in dosing.ndcs_on(on):
        return f"The drug code {code} is not valid on {on.isoformat()}."
    sizes = {k.vials for k in dosing.kits if k.ndc == code}
    vials = expected_vials(dosing, given["weight_kg"])
    if sizes and vials not in sizes:
        size = ", ".join(map(str, sorted(sizes)))
        return f"The drug code {code} is of a kit of {size} vials; {text_of(given['weight_kg'])} kg need {vials}."
    return ""


def _dilution(dosing: Dosing, given: Mapping[str, Any]) -> str:
    hours = dosing.use_within_hours
    if hours is None or not _later_than(given.get("diluted_at"), given["started_at"], hours):
        return ""
    return f"The infusion started more than {text_of(hours)} hours after dilution."


def _observation(dosing: Dosing, given: Mapping[str, Any]) -> str:
    hours, ended, until = dosing.observe_hours, given.get("ended_at"), given.get("observed_until")
    if hours is None or ended is None or (until is not None and until - ended >= _hours(hours)):
        return ""
    return f"Observation for at least {text_of(hours)} hours after the end is not recorded."


def _later_than(first: datetime | None, second: datetime, hours: Decimal) -> bool:
    return first is not None and second - first > _hours(hours)


def _hours(hours: Decimal) -> timedelta:
    return timedelta(seconds=int(hours * 3600))


def text_of(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros."""
    return format(value.normalize(), "f")
