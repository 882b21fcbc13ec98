"""Factor activity by month since Day 0: the two assays apart, milestone windows shaded, limits by assay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from math import ceil

from workflow.rules.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Band,
    Chart,
    Curve,
    Label,
    Mark,
    Month,
    Point,
    Scale,
    curve,
    day_text,
    drops,
    level,
    many,
    plain,
    px,
    scale,
    spread,
    step_for,
    ticks,
)

SHOWN_MONTHS, SHOWN_VALUE, HEADROOM = 12, 10, 1.1
LETTER = 11
"""Pixels from one bold letter to the next, at most, gap included."""
MONTH_STEPS, VALUE_STEPS = (2, 3, 6, 12, 24), (2, 5, 10, 20, 50, 100)
DAYS_PER_MONTH = 365.25 / 12
ONE_STAGE, CHROMOGENIC = "one-stage", "chromogenic"


def activity(
    one_stage: Sequence[Point],
    chromogenic: Sequence[Point],
    *,
    day0: date,
    milestones: Sequence[Month] = (),
    thresholds: Sequence[tuple[str, Decimal]] = (),
    factor: str = "FIX",
    unit: str = "IU/dL",
) -> Chart:
    """The plot. One-stage and chromogenic are different measurements: two curves, never joined.

    `thresholds` are (assay, value) of the contract; a limit names its assay.
    """
    series = {ONE_STAGE: one_stage, CHROMOGENIC: chromogenic}
    points = [*one_stage, *chromogenic]
    x, months, month_step = _across(points, milestones, day0)
    y, top, value_step = _up(points, thresholds)
    return Chart(
        key="fix",
        title=f"{factor} activity by month since the infusion",
        finding=_finding(series, day0, factor, unit),
        y_title=f"{factor} activity ({unit})",
        x_title="Months since infusion",
        x_ticks=ticks(x, months, month_step),
        y_ticks=ticks(y, top, value_step),
        lines=tuple(level(f"limit {assay}", y(float(limit))) for assay, limit in thresholds),
        curves=tuple(_curves(series, day0, x, y)),
        labels=spread(_labels(series, thresholds, y)),
        columns=("Collected", "Month", "Assay", f"{factor}, {unit}"),
        rows=_rows(series, day0),
        bands=_bands(milestones, day0, x),
    )


def _across(points: Sequence[Point], milestones: Sequence[Month], day0: date) -> tuple[Scale, float, int]:
    found = [_month(p.on, day0) for p in points] + [_month(m.closes_on, day0) for m in milestones]
    most = max([*found, float(SHOWN_MONTHS)])
    step = step_for(most, MONTH_STEPS)
    last = step * ceil(most / step)
    return scale(0, last, LEFT, RIGHT), last, step


def _up(points: Sequence[Point], thresholds: Sequence[tuple[str, Decimal]]) -> tuple[Scale, float, int]:
    most = float(max([p.value for p in points] + [t for _, t in thresholds] + [Decimal(SHOWN_VALUE)]))
    step = step_for(most, VALUE_STEPS)
    top = step * ceil(most * HEADROOM / step)
    return scale(0, top, BOTTOM, TOP), top, step


def _curves(series: dict[str, Sequence[Point]], day0: date, x: Scale, y: Scale) -> Iterable[Curve]:
    for kind, points in series.items():
        if points:
            yield curve(kind, [Mark(x(_month(p.on, day0)), y(float(p.value))) for p in points])


def _labels(
    series: dict[str, Sequence[Point]], thresholds: Sequence[tuple[str, Decimal]], y: Scale
) -> Iterable[Label]:
    for kind, points in series.items():
        if points:
            yield Label(kind, f"{kind.capitalize()} {points[-1].text}", y(float(points[-1].value)))
    for assay, limit in thresholds:
        yield Label("limit", f"{plain(limit)} {assay}", y(float(limit)))


def _rows(series: dict[str, Sequence[Point]], day0: date) -> tuple[tuple[str, ...], ...]:
    found = [(p.on, kind.capitalize(), p.text) for kind, points in series.items() for p in points]
    return tuple((day_text(on), f"{_month(on, day0):.1f}", assay, text) for on, assay, text in sorted(found))


def _bands(milestones: Sequence[Month], day0: date, x: Scale) -> tuple[Band, ...]:
    spans = [(x(max(0.0, _month(m.opens_on, day0))), x(_month(m.closes_on, day0))) for m in milestones]
    down = drops(
        [
            (start, start + LETTER * len(f"M{m.month}"))
            for m, (start, _) in zip(milestones, spans, strict=True)
        ]
    )
    return tuple(
        Band(m.verdict, start, px(end - start), f"M{m.month}", drop)
        for m, (start, end), drop in zip(milestones, spans, down, strict=True)
    )


def _finding(series: dict[str, Sequence[Point]], day0: date, factor: str, unit: str) -> str:
    told = []
    for kind, points in series.items():
        if points:
            last = points[-1]
            when = f"month {round(_month(last.on, day0))}"
            told.append(
                f"{kind.capitalize()}: {many(len(points), 'result')}, newest {last.text} {unit} in {when}."
            )
    return " ".join(told) or f"No {factor} activity yet."


def _month(on: date, day0: date) -> float:
    return (on - day0).days / DAYS_PER_MONTH
