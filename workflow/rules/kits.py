"""The patient's kit: by when to order it, whether it may be ordered, and whether it still fits the weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from workflow.rules.effects import Dose, Task
from workflow.rules.facts import KitFact, PatientFacts
from workflow.rules.protocol import Dosing, Protocol
from workflow.rules.windows import missed_from

TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class KitState:
    """`order_by` is None without a planned date or lead time; `drift_percent` has one decimal."""

    order_by: date | None
    ordered: KitFact | None
    drift_percent: Decimal | None
    warnings: tuple[str, ...]


def kit(protocol: Protocol, facts: PatientFacts, dose: Dose | None, on: date | None) -> KitState:
    """The state of the kit for an infusion on `on`."""
    ordered = facts.kits[-1] if facts.kits else None
    drift = drift_percent(ordered.weight_kg, dose.weight_kg) if ordered and dose else None
    return KitState(
        order_by=order_by(protocol.dosing, on),
        ordered=ordered,
        drift_percent=drift.quantize(TENTH, ROUND_HALF_UP) if drift is not None else None,
        warnings=warnings(protocol, ordered, dose) if ordered else (),
    )


def order_by(dosing: Dosing, on: date | None) -> date | None:
    """The last day on which a kit is ordered in time for `on`."""
    return None if on is None or dosing.kit_lead_days is None else on - timedelta(days=dosing.kit_lead_days)


def warnings(protocol: Protocol, ordered: KitFact, dose: Dose | None) -> tuple[str, ...]:
    """Plain sentences: the weight has drifted, or the kit holds other than the vials needed."""
    if dose is None:
        return ()
    found = []
    percent = drift_percent(ordered.weight_kg, dose.weight_kg)
    if percent > drift_limit(protocol):
        found.append(
            f"The weight of {_text(dose.weight_kg)} kg is {percent.quantize(TENTH, ROUND_HALF_UP)} % from the "
            f"{_text(ordered.weight_kg)} kg on which the kit was ordered."
        )
    if ordered.vials != dose.vials:
        found.append(f"The kit has {ordered.vials} vials; {_text(dose.weight_kg)} kg need {dose.vials}.")
    return tuple(found)


def refusal(dosing: Dosing, vials: int) -> str:
    """Why a kit of so many vials is not ordered; "" when it may be."""
    if dosing.min_vials <= vials <= dosing.max_vials:
        return ""
    return f"No kit is listed for {vials} vials; kits have {dosing.min_vials} to {dosing.max_vials}."


def drift_percent(ordered_kg: Decimal, weight_kg: Decimal) -> Decimal:
    """How far the weight is from that of the order, in percent of it."""
    return abs(weight_kg - ordered_kg) / ordered_kg * 100


def drift_limit(protocol: Protocol) -> Decimal:
    """Percent above which a drift deserves a second look, by the weight gate."""
    found = (Decimal(g["drift_percent"]) for g in protocol.gates if g.kind == "weight")
    return next(found, Decimal("Infinity"))


def tasks(protocol: Protocol, facts: PatientFacts) -> Iterator[Task]:
    """The order of the kit, in time for the booked date; done when one is ordered."""
    on = facts.planned_on
    by = order_by(protocol.dosing, on)
    if on is None or by is None:
        return
    plan = facts.last_act("plan")
    opens = min(by, plan.true_on) if plan else by
    ordered = facts.kits[-1].ordered_on if facts.kits else None
    yield Task(
        key="kit-order",
        kind="kit-order",
        title="Order the kit",
        opens_on=opens,
        due_on=by,
        closes_on=by,
        missed_on=missed_from(on, 0),
        obligations=("site",),
        ended_as=None if ordered is None else "done" if ordered <= by else "done_out_of_window",
        ended_on=ordered,
        why=f"a kit takes {protocol.dosing.kit_lead_days} days and is built for the weight",
    )


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")
