"""What looks odd about a bleed or a dose while somebody enters it: asked once, and kept when the person says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from patients.rules.bleeds import SAME_BLEED
from patients.rules.catalog import FactorProducts
from workflow.rules.charts import day_text

JOINTS = ("knee", "ankle", "elbow", "shoulder", "hip", "wrist")


@dataclass(frozen=True, slots=True)
class Bled:
    """A bleed as entered or recorded."""

    site: str
    onset_at: datetime
    onset_on: date
    joint: bool


@dataclass(frozen=True, slots=True)
class Dose:
    """Concentrate as entered or recorded; `iu` in international units."""

    product: str
    iu: Decimal
    given_on: date


def bleed(new: Bled, others: Iterable[Bled], *, born: date) -> tuple[str, ...]:
    """Questions about a bleed: its day, its place, and whether it is there already."""
    asks = []
    if new.onset_on < born:
        asks.append(f"{day_text(new.onset_on)} is before the patient was born ({day_text(born)}).")
    named = next((j for j in JOINTS if j in new.site.lower().split()), "")
    if named and not new.joint:
        asks.append(f"“{new.site}” names a joint ({named}), but “In a joint?” says no.")
    near = [o for o in others if _place(o.site) == _place(new.site)]
    if any(o.onset_on == new.onset_on for o in near):
        asks.append(f"A bleed at {new.site} on {day_text(new.onset_on)} is recorded already.")
    elif close := [o for o in near if abs(o.onset_at - new.onset_at) <= SAME_BLEED]:
        asks.append(
            f"It began within 72 hours of the bleed at {new.site} of {day_text(close[0].onset_on)}"
            " and will count as the same bleed."
        )
    return tuple(asks)


def _place(site: str) -> str:
    return " ".join(site.lower().split())


def dose(
    new: Dose, others: Sequence[Dose], *, products: FactorProducts, jump: Decimal, born: date
) -> tuple[str, ...]:
    """Questions about a dose: its day, its product, its size against the last one, and whether it is there already."""
    asks = []
    if new.given_on < born:
        asks.append(f"{day_text(new.given_on)} is before the patient was born ({day_text(born)}).")
    if new.product.strip().upper() not in products.products:
        days = products.unknown_washout_days
        asks.append(
            f"{new.product} is not in the catalogue: it counts for {days} days, as an unknown product does."
        )
    same = [o for o in others if o.product.upper() == new.product.strip().upper()]
    if any(o.given_on == new.given_on for o in same):
        asks.append(f"{new.product} on {day_text(new.given_on)} is recorded already: is this a second dose?")
    last = max(same, key=lambda o: o.given_on, default=None)
    if last is not None and _far(new.iu, last.iu, jump):
        asks.append(f"{_iu(new.iu)} is far from the last dose, {_iu(last.iu)} on {day_text(last.given_on)}.")
    if new.iu == 0:
        asks.append("A dose of 0 IU is none.")
    return tuple(asks)


def _far(value: Decimal, last: Decimal, jump: Decimal) -> bool:
    return bool(last) and bool(value) and (value >= last * jump or value * jump <= last)


def _iu(value: Decimal) -> str:
    return f"{value.normalize():,f} IU"
