"""Figures over the treated patients of some sites, summed up in the database from the stored points of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from outcomes import data
from outcomes.rules.cohort_figures import ASSAYS, PERIODS, Bled, Figures, Month, Spread
from outcomes.rules.cohort_points import Counted, points
from workflow.rules.facts import History, known, next_true_on

IN_VIEW = """
from outcomes_figurerow f join patients_patient p on p.id = f.patient_id and p.merged_into is null
"""
OF_SITES = "where f.site_id = any(%(sites)s::uuid[])"
ENROLLED = """
and f.patient_id in (
    select coalesce(e.merged_into, e.id) from workflow_act a join patients_patient e on e.id = a.patient_id
    where a.kind = 'enrolment' and a.key = %(contract)s)
"""
MONTH_SUMS = ", ".join(
    [
        "m.month",
        *(
            f"count(m.{a}), count(*) filter (where m.{a} is null and m.state = 'seen'),"
            f" count(*) filter (where m.{a} is null and m.state = 'open'), count(*) filter (where m.{a}_bound),"
            f" percentile_cont(array[0.25, 0.5, 0.75]) within group (order by m.{a})"
            for a in ASSAYS
        ),
        "count(*) filter (where m.off), count(*) filter (where not m.off)",
        "count(*) filter (where m.off is null and m.state <> 'censored')",
        "count(*) filter (where m.state = 'censored')",
    ]
)
BY_MONTH = f"""
select {MONTH_SUMS} {IN_VIEW}, unnest(f.months, f.states, f.one_stage, f.one_stage_bounds, f.chromogenic,
    f.chromogenic_bounds, f.off) as m (month, state, one_stage, one_stage_bound, chromogenic, chromogenic_bound, off)
{OF_SITES} {{enrolled}} group by m.month order by m.month
"""
COUNTED = 1 + len(Counted().bleeds)
PERIOD_SUMS = ", ".join(
    ["count(*)"]
    + [
        f"count(*) filter (where f.{p}[1] > 0), "
        + ", ".join(f"coalesce(sum(f.{p}[{i}]), 0)" for i in range(1, COUNTED + 1))
        for p in PERIODS
    ]
)
BY_PERIOD = f"select {PERIOD_SUMS} {IN_VIEW} {OF_SITES} {{enrolled}}"
EXACT = 6
"""Decimals of a quartile that was computed from binary numbers."""


def figures(sites: Iterable[UUID], contract: str = "") -> Figures:
    """Of all treated patients of the sites, or of those enrolled in the contract. Two queries."""
    asked: dict[str, Any] = {"sites": [str(s) for s in sites], "contract": contract}
    by_month, by_period = (sql.format(enrolled=ENROLLED if contract else "") for sql in (BY_MONTH, BY_PERIOD))
    with connection.cursor() as cursor:
        cursor.execute(by_month, asked)
        months = tuple(_month(row) for row in cursor.fetchall())
        cursor.execute(by_period, asked)
        patients, *sums = cursor.fetchone()
    each = [sums[i : i + 1 + COUNTED] for i in range(0, len(sums), 1 + COUNTED)]
    periods = tuple(
        Bled(period, seen, days, tuple(bleeds))
        for period, (seen, days, *bleeds) in zip(PERIODS, each, strict=True)
    )
    return Figures(patients, months, periods)


def _month(row: tuple[Any, ...]) -> Month:
    number, *rest = row
    return Month(number, _spread(*rest[:5]), _spread(*rest[5:10]), *rest[10:])


def _spread(n: int, without: int, waiting: int, bounds: int, quartiles: list[float | None] | None) -> Spread:
    found = [None if q is None else round(Decimal(repr(q)), EXACT) for q in quartiles or (None,) * 3]
    return Spread(n, without, waiting, bounds, *found)


def stored_points(history: History, on: date) -> dict[str, Any] | None:
    """The columns that are stored for a patient on a date; None before the infusion."""
    found = points(known(history, as_of=on), on, data.measure_rules(), data.figure_months())
    if found is None:
        return None
    later = next_true_on(history, after=on)
    months = found.months
    values: dict[str, Any] = {
        "months": [m.month for m in months],
        "states": [m.state for m in months],
        "off": [m.off for m in months],
        "steady_until": min(found.steady_until, later - timedelta(days=1)) if later else found.steady_until,
    }
    for assay in ASSAYS:
        readings = [getattr(m, assay) for m in months]
        values[assay] = [float(r.value) if r else None for r in readings]
        values[f"{assay}_bounds"] = [bool(r and r.comparator) for r in readings]
    for period in PERIODS:
        counted: Counted = getattr(found, period)
        values[period] = [counted.days, *counted.bleeds]
    return values
