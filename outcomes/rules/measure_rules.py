"""The numbers that the measures of a milestone rest on, parsed with every fault of their file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from workflow.rules.reading import Fault, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRules:
    """`assays`: analyte per assay. `washout`: days per concentrate in which a sample is contaminated by it.

    `ramp_up_days`: the last day after Day 0 that the window from month 7 leaves out. `free_from_day`:
    prophylaxis may bridge until then; a course begun later is a return to it when it lasts `course_days`, one
    begun earlier when it still runs at the target of `bridge_month`.
    """

    code: str
    version: str
    effective_from: date
    assays: Mapping[str, str]
    year_days: Decimal
    least_days: int
    ramp_up_days: int
    lead_in_days: int
    confidence_percent: Decimal
    free_from_day: int
    course_days: int
    bridge_month: int
    weight_analyte: str
    washout: Callable[[str], int]

    def per_year(self, amount: Fraction | int, days: int) -> Fraction:
        """An amount in so many days, as an amount a year."""
        year = self.year_days.as_integer_ratio()
        return Fraction(amount.numerator * year[0], amount.denominator * year[1] * days)


def parse_measures(
    data: Mapping[str, Any], washout: Callable[[str], int]
) -> tuple[MeasureRules | None, list[Fault]]:
    """The numbers, or None, and every fault with its key."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    activity, bleeding = node.table_at("activity"), node.table_at("bleeding")
    prophylaxis, weight = node.table_at("prophylaxis"), node.table_at("weight")
    for table in (activity, weight):
        table.source()
    node.one_of("status", ("draft", "released"))
    found = MeasureRules(
        code=node.text("code"),
        version=node.text("version"),
        effective_from=node.day("date") or date.min,
        assays={assay: activity.text(assay) for assay in ("one_stage", "chromogenic")},
        year_days=bleeding.decimal("year_days"),
        least_days=bleeding.whole("least_days"),
        ramp_up_days=bleeding.whole("ramp_up_days"),
        lead_in_days=bleeding.whole("lead_in_days"),
        confidence_percent=bleeding.decimal("confidence_percent"),
        free_from_day=prophylaxis.whole("free_from_day"),
        course_days=prophylaxis.whole("course_days"),
        bridge_month=prophylaxis.whole("bridge_month"),
        weight_analyte=weight.text("analyte"),
        washout=washout,
    )
    for table in (activity, bleeding, prophylaxis, weight, node):
        table.close()
    if not 0 < found.confidence_percent < 100:
        bleeding.fault("confidence_percent", "must lie between 0 and 100")
    return (None if faults else found), faults
