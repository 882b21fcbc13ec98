"""The dose by rule: volume, vials and kit from the weight. Nothing is ordered for a kit that is not listed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from workflow.rules.effects import Dose
from workflow.rules.facts import PatientFacts
from workflow.rules.infusion_checks import expected_vials, expected_volume
from workflow.rules.protocol import Dosing, KitSize, in_force

NO_KIT = "no-kit-listed"


def dose(dosing: Dosing, facts: PatientFacts, on: date) -> Dose | None:
    """The dose from the newest weight by `on`, or from the weight recorded with the infusion. None without one.

    mL = kg x vg/kg / (vg/mL); vials = mL / vial size, rounded up; kits are sold in whole vials between the
    smallest and the largest listed. Example: 72 kg x 2e13 / 1e13 = 144 mL = 15 vials of 10 mL.
    """
    weighed = _weight(dosing, facts, on)
    if weighed is None:
        return None
    weight, weighed_on = weighed
    counted = _counted(dosing, facts, weight, on)
    if counted is None:
        return None
    volume = expected_volume(dosing, counted)
    vials = expected_vials(dosing, counted)
    kit = _kit(dosing, vials, on)
    return Dose(
        weight_kg=weight,
        weight_on=weighed_on,
        volume_ml=_plain(volume),
        vials=vials,
        kit_vials=kit.vials if kit else None,
        total_vg=_plain(counted * dosing.vg_per_kg),
        ndc=kit.ndc if kit else None,
        ndc_certainty=kit.certainty if kit else None,
        flag=None if kit else NO_KIT,
    )


def _weight(dosing: Dosing, facts: PatientFacts, on: date) -> tuple[Decimal, date] | None:
    if facts.infusion is not None:
        return facts.infusion.weight_kg, facts.infusion.day0
    rows = [
        r for r in facts.of(dosing.weight_analyte) if r.final and r.collected_on <= on and r.value is not None
    ]
    return (rows[-1].value, rows[-1].collected_on) if rows and rows[-1].value is not None else None


def _counted(dosing: Dosing, facts: PatientFacts, weight: Decimal, on: date) -> Decimal | None:
    """The weight that counts for the dose: the actual one, or capped by body mass index and height."""
    if dosing.weight_basis != "bmi-capped" or dosing.bmi_cap is None:
        return weight
    rows = [
        r for r in facts.of(dosing.height_analyte) if r.final and r.collected_on <= on and r.value is not None
    ]
    if not rows or rows[-1].value is None:
        return None
    metres = rows[-1].value / 100
    return min(weight, dosing.bmi_cap * metres * metres)


def _kit(dosing: Dosing, vials: int, on: date) -> KitSize | None:
    if not dosing.min_vials <= vials <= dosing.max_vials:
        return None
    return next((k for k in dosing.kits if k.vials == vials and in_force(k, on)), None)


def _plain(value: Decimal) -> Decimal:
    normal = value.normalize()
    return normal.quantize(Decimal(1)) if normal == normal.to_integral_value() else normal
