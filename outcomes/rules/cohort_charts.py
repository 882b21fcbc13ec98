"""The pictures of figures over many patients: median and quartiles, rates, shares, each with its counts below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from math import ceil

from outcomes.rules.cohort_figures import ABR, ASSAYS, FIX, OFF, Bled, Figures, Month
from outcomes.rules.figures import RATE_PLACES, plain, rounded
from outcomes.rules.measure_rules import MeasureRules
from workflow.rules.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Chart,
    Counts,
    Curve,
    Label,
    Line,
    Mark,
    Scale,
    Tick,
    many,
    px,
    scale,
    spread,
    step_for,
    ticks,
)

NAMES = {"one_stage": "one-stage", "chromogenic": "chromogenic"}
PERIOD_NAMES = {"before": "Before", "early": "Day 0–{ramp}", "later": "After day {ramp}"}
DRAWN = {"all": "value", "treated": "second"}
VALUE_STEPS, SHARE_STEP, ASIDE = (1, 2, 5, 10, 20, 50, 100), 20, 3.0
EDGE = 20
COUNT_GAP = 17
BELOW = 56
MONTHS_TITLE = "Months since infusion, not to scale"


def charts(figures: Figures, rules: MeasureRules) -> tuple[Chart, ...]:
    """All three pictures."""
    return (activity(figures, rules), bleeding(figures, rules), prophylaxis(figures, rules))


def activity(figures: Figures, rules: MeasureRules) -> Chart:
    """Median and quartiles by month: two assays, two lines, each broken where a month has no result."""
    months = figures.months
    across = _across(len(months))
    tops = [q for m in months for a in ASSAYS if (q := m.spread(a).q3) is not None]
    y, top, step = _up(max(tops, default=Decimal(0)))
    sides = dict(zip(ASSAYS, (-ASIDE, ASIDE), strict=True))
    points = {
        a: [_point(m.spread(a).median, across(i) + sides[a], y) for i, m in enumerate(months)] for a in ASSAYS
    }
    found = any(m.spread(a).n for m in months for a in ASSAYS)
    return Chart(
        key=FIX.name,
        title="FIX activity by month: median and quartiles",
        finding=_activity_told(figures) if found else "No activity has been measured at a month yet.",
        y_title="FIX activity (IU/dL)",
        x_title=MONTHS_TITLE,
        x_ticks=_month_ticks(months, across),
        y_ticks=ticks(y, top, step),
        lines=tuple(_whiskers(months, across, sides, y)),
        curves=tuple(_broken(NAMES[a], points[a]) for a in ASSAYS),
        labels=spread(_ends((NAMES[a], NAMES[a].capitalize(), points[a]) for a in ASSAYS)),
        columns=FIX.heads,
        rows=tuple(FIX.rows(figures, rules)) if found else (),
        counts=_counts(
            [(f"n {NAMES[a]}", [m.spread(a).n for m in months]) for a in ASSAYS]
            + [(f"no {NAMES[a]}", [m.spread(a).without for m in months]) for a in ASSAYS],
            across,
        ),
        height=BOTTOM + BELOW + 4 * COUNT_GAP,
    )  # fmt: skip


def bleeding(figures: Figures, rules: MeasureRules) -> Chart:
    """Crude rates before the infusion, in the ramp-up and after it."""
    periods = figures.periods
    across = _across(len(periods))
    rates = {kind: [p.abr(kind, rules) for p in periods] for kind in DRAWN}
    y, top, step = _up(
        max((r for found in rates.values() for r in found if r is not None), default=Decimal(0))
    )
    points = {k: [_point(r, across(i), y) for i, r in enumerate(found)] for k, found in rates.items()}
    known = any(r is not None for r in rates["all"])
    return Chart(
        key=ABR.name,
        title="Crude bleeding rate before and after the infusion",
        finding=_bleeding_told(periods, rules) if known else "Too few days have been observed for a rate.",
        y_title="Bleeds per observed year (crude)",
        x_title="Days since infusion",
        x_ticks=tuple(Tick(across(i), _period(p.period, rules)) for i, p in enumerate(periods)),
        y_ticks=ticks(y, top, step),
        lines=(),
        curves=tuple(_broken(DRAWN[k], points[k]) for k in DRAWN),
        labels=spread(_ends((DRAWN[k], f"{k.capitalize()} bleeds", points[k]) for k in DRAWN)),
        columns=ABR.heads,
        rows=tuple((_period(row[0], rules), *row[1:]) for row in ABR.rows(figures, rules)) if known else (),
        counts=_counts(
            [("n", [p.patients for p in periods]), ("observed years", [p.years(rules) for p in periods])], across
        ),
        height=BOTTOM + BELOW + 2 * COUNT_GAP,
    )  # fmt: skip


def prophylaxis(figures: Figures, rules: MeasureRules) -> Chart:
    """The share that is free of continuous prophylaxis on each month's target."""
    months = [m for m in figures.months if m.off + m.on or m.censored]
    across = _across(len(months))
    y = scale(0, 100, BOTTOM, TOP)
    points = [_point(m.share_off, across(i), y) for i, m in enumerate(months)]
    return Chart(
        key=OFF.name,
        title="Off prophylaxis by month",
        finding=_prophylaxis_told(months),
        y_title="Off continuous prophylaxis (%)",
        x_title=MONTHS_TITLE,
        x_ticks=_month_ticks(months, across),
        y_ticks=ticks(y, 100, SHARE_STEP),
        lines=(),
        curves=(_broken("value", points),),
        labels=spread(_ends([("value", "Off prophylaxis", points)])),
        columns=OFF.heads,
        rows=tuple(OFF.rows(figures, rules)) if months else (),
        counts=_counts(
            [("off", [m.off for m in months]), ("of n", [m.off + m.on for m in months]),
             ("censored", [m.censored for m in months])],
            across,
        ),
        height=BOTTOM + BELOW + 3 * COUNT_GAP,
    )  # fmt: skip


def _across(steps: int) -> Scale:
    return scale(0, max(steps - 1, 1), LEFT + EDGE, RIGHT - EDGE)


def _up(most: Decimal) -> tuple[Scale, float, int]:
    step = step_for(float(most), VALUE_STEPS)
    top = step * max(ceil(float(most) / step), 1)
    return scale(0, top, BOTTOM, TOP), top, step


def _point(value: Decimal | None, x: float, y: Scale) -> Mark | None:
    return None if value is None else Mark(px(x), y(float(value)))


def _broken(kind: str, points: Sequence[Mark | None]) -> Curve:
    """A line through the points that is interrupted where there is none."""
    path, pen = "", "M"
    for point in points:
        path += f"{pen}{point.x} {point.y}" if point else ""
        pen = "L" if point else "M"
    return Curve(kind, path, tuple(p for p in points if p))


def _ends(series: Iterable[tuple[str, str, Sequence[Mark | None]]]) -> Iterator[Label]:
    """Each line's name at its end."""
    for kind, text, points in series:
        last = next((p for p in reversed(points) if p), None)
        if last:
            yield Label(kind, text, last.y)


def _whiskers(months: Sequence[Month], across: Scale, sides: dict[str, float], y: Scale) -> Iterator[Line]:
    for i, month in enumerate(months):
        for assay in ASSAYS:
            s = month.spread(assay)
            if s.q1 is not None and s.q3 is not None:
                x = px(across(i) + sides[assay])
                yield Line(f"{NAMES[assay]} quartiles", f"M{x} {y(float(s.q1))}V{y(float(s.q3))}")


def _month_ticks(months: Sequence[Month], across: Scale) -> tuple[Tick, ...]:
    return tuple(Tick(across(i), str(m.month)) for i, m in enumerate(months))


def _counts(rows: Sequence[tuple[str, Sequence[object]]], across: Scale) -> tuple[Counts, ...]:
    return tuple(
        Counts(
            name, BOTTOM + BELOW + COUNT_GAP * k, tuple(Tick(across(i), str(v)) for i, v in enumerate(values))
        )
        for k, (name, values) in enumerate(rows)
    )


def _period(name: str, rules: MeasureRules) -> str:
    return PERIOD_NAMES[name].format(ramp=rules.ramp_up_days)


def _activity_told(figures: Figures) -> str:
    told = []
    for assay in ASSAYS:
        last = next((m for m in reversed(figures.months) if m.spread(assay).median is not None), None)
        if last and (middle := last.spread(assay).median) is not None:
            s = last.spread(assay)
            told.append(
                f"{NAMES[assay].capitalize()}: median {plain(middle, 1)} IU/dL at month {last.month}"
                f" ({many(s.n, 'patient')}, {s.without} without a usable result)."
            )
    return " ".join(told)


def _bleeding_told(periods: Sequence[Bled], rules: MeasureRules) -> str:
    told = []
    for p in periods:
        rate = p.abr("all", rules)
        if rate is not None:
            told.append(
                f"{_period(p.period, rules)}: crude ABR {rounded(rate, RATE_PLACES)}"
                f" ({many(p.count('all'), 'bleed')} in {p.years(rules)} observed years of {many(p.patients, 'patient')})."
            )
    return f"{' '.join(told)} Published trial rates are model-adjusted and will not match."


def _prophylaxis_told(months: Sequence[Month]) -> str:
    last = next((m for m in reversed(months) if m.share_off is not None), None)
    if last is None or last.share_off is None:
        return "No patient has reached a month yet."
    known = last.off + last.on
    return (
        f"Month {last.month}: {last.off} of {known} off prophylaxis ({plain(last.share_off, 0)} %),"
        f" {last.censored} censored before it."
    )
