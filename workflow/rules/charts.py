"""Two plots as numbers: where each point, line and label of ALT and of FIX activity stands, in pixels.

Pure arithmetic. A template draws it; the same object carries the title, the finding in words and the rows
of the data table, so that picture, text and table cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil, floor

WIDTH, HEIGHT = 580, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 454, 34, 252
LABEL_GAP = 15
DAYS_PER_MONTH = 365.25 / 12
Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Point:
    """One result to plot. `uln` is the upper limit printed with this very result."""

    on: date
    value: Decimal
    comparator: str = ""
    uln: Decimal | None = None

    @property
    def text(self) -> str:
        return f"{self.comparator}{plain(self.value)}"


@dataclass(frozen=True, slots=True)
class Step:
    """mg of prednisone a day from one date to another (both inclusive)."""

    from_on: date
    to_on: date
    mg_per_day: Decimal


@dataclass(frozen=True, slots=True)
class Month:
    """A milestone's window and its verdict."""

    month: int
    opens_on: date
    closes_on: date
    verdict: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    y: float
    hit: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """Text at the end of a line; `kind` is its colour and dash."""

    kind: str
    text: str
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Curve:
    kind: str
    path: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """A shaded span between two x positions, with its text above."""

    kind: str
    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """One dose step: a rectangle on the axis and its text, empty where there is no room."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A trigger: a line from the point up to its text."""

    x: float
    y: float
    text: str
    text_x: float
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    key: str
    title: str
    finding: str
    y_title: str
    x_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    curves: tuple[Curve, ...]
    labels: tuple[Label, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bands: tuple[Band, ...] = ()
    blocks: tuple[Block, ...] = ()
    flags: tuple[Flag, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM


def alt(
    points: Sequence[Point],
    *,
    day0: date,
    baseline: Decimal | None,
    factor: Decimal,
    hits: Iterable[date] = (),
    triggers: Sequence[tuple[date, str]] = (),
    steps: Sequence[Step] = (),
    unit: str = "U/L",
) -> Chart:
    """ALT by week since Day 0, with baseline, `factor` times baseline, ULN of each result and prednisone.

    `hits` are the dates on which a trigger fired, `triggers` the first of each episode with its text.
    """
    weeks = [(p, (p.on - day0).days / 7) for p in points]
    last = max((w for _, w in weeks), default=0.0)
    ends = [(s.to_on - day0).days / 7 for s in steps]
    x_step = _step_of(max(16.0, last, *ends, 0.0), (2, 4, 8, 13, 26, 52))
    high = x_step * ceil(max(16.0, last, *ends) / x_step)
    low = min(0.0, *(floor(w) for _, w in weeks)) if weeks else 0.0
    limit = factor * baseline if baseline is not None else None
    tops = [p.value for p in points] + [p.uln for p in points if p.uln is not None] + [limit or Decimal(0)]
    y_step = _step_of(float(max([*tops, Decimal(60)])), (15, 30, 60, 120, 300, 600, 1500))
    y_top = y_step * ceil(float(max([*tops, Decimal(60)])) * 1.15 / y_step)
    x, y = _scale(low, high, LEFT, RIGHT), _scale(0, y_top, BOTTOM, TOP)
    on = set(hits)
    marks = tuple(Mark(_px(x(w)), _px(y(float(p.value))), p.on in on) for p, w in weeks)
    lines, labels = _levels(weeks, baseline, limit, factor, x, y)
    if points:
        labels.append(Label("value", f"ALT {points[-1].text}", marks[-1].y))
    blocks = _blocks(steps, day0, x)
    if blocks:
        labels.append(Label("dose", "Prednisone", BOTTOM - 10))
    return Chart(
        key="alt",
        title="ALT by week since the infusion",
        finding=_alt_finding(points, day0, baseline, limit, factor, unit),
        y_title=f"ALT ({unit})",
        x_title="Weeks since infusion",
        x_ticks=tuple(Tick(_px(x(w)), str(w)) for w in range(0, int(high) + 1, x_step)),
        y_ticks=tuple(Tick(_px(y(v)), str(v)) for v in range(0, int(y_top) + 1, y_step)),
        lines=tuple(lines),
        curves=(Curve("value", _path(marks), marks),),
        labels=_spread(labels),
        columns=("Collected", "Week", f"ALT, {unit}", f"ULN, {unit}", "Above"),
        rows=tuple(_alt_row(p, w, limit, factor) for p, w in weeks),
        blocks=blocks,
        flags=tuple(_flag(when, text, points, day0, x, y) for when, text in triggers),
    )


def fix(
    one_stage: Sequence[Point],
    chromogenic: Sequence[Point],
    *,
    day0: date,
    milestones: Sequence[Month] = (),
    thresholds: Sequence[tuple[str, Decimal]] = (),
    unit: str = "IU/dL",
) -> Chart:
    """FIX activity by month since Day 0: the two assays apart, milestone windows shaded, limits by assay."""

    def month(when: date) -> float:
        return (when - day0).days / DAYS_PER_MONTH

    both = [*one_stage, *chromogenic]
    last = max([month(p.on) for p in both] + [month(m.closes_on) for m in milestones] + [12.0])
    x_step = _step_of(last, (2, 3, 6, 12, 24))
    high = x_step * ceil(last / x_step)
    low = min([0.0, *(floor(month(p.on)) for p in both)])
    y_max = float(max([p.value for p in both] + [t for _, t in thresholds] + [Decimal(10)]))
    y_step = _step_of(y_max, (2, 5, 10, 20, 50, 100))
    x, y = _scale(low, high, LEFT, RIGHT), _scale(0, y_step * ceil(y_max * 1.1 / y_step), BOTTOM, TOP)
    curves, labels = [], []
    for kind, name, series in (("one-stage", "One-stage", one_stage), ("chromogenic", "Chromogenic", chromogenic)):
        if series:
            marks = tuple(Mark(_px(x(month(p.on))), _px(y(float(p.value)))) for p in series)
            curves.append(Curve(kind, _path(marks), marks))
            labels.append(Label(kind, f"{name} {series[-1].text}", marks[-1].y))
    lines = []
    for assay, limit in thresholds:
        level = _px(y(float(limit)))
        lines.append(Line(f"limit {assay}", f"M{LEFT} {level}H{RIGHT}"))
        labels.append(Label("limit", f"{plain(limit)} {assay}", level))
    rows = sorted([(p.on, "One-stage", p) for p in one_stage] + [(p.on, "Chromogenic", p) for p in chromogenic])
    return Chart(
        key="fix",
        title="FIX activity by month since the infusion",
        finding=_fix_finding(one_stage, chromogenic, day0, unit),
        y_title=f"FIX activity ({unit})",
        x_title="Months since infusion",
        x_ticks=tuple(Tick(_px(x(m)), str(m)) for m in range(0, int(high) + 1, x_step)),
        y_ticks=tuple(Tick(_px(y(v)), str(v)) for v in range(0, int(y_step * ceil(y_max * 1.1 / y_step)) + 1, y_step)),
        lines=tuple(lines),
        curves=tuple(curves),
        labels=_spread(labels),
        columns=("Collected", "Month", "Assay", f"FIX, {unit}"),
        rows=tuple((_day(on), f"{month(on):.1f}", assay, p.text) for on, assay, p in rows),
        bands=tuple(_band(m, month, x) for m in milestones),
    )


def plain(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _levels(
    weeks: Sequence[tuple[Point, float]],
    baseline: Decimal | None,
    limit: Decimal | None,
    factor: Decimal,
    x: Scale,
    y: Scale,
) -> tuple[list[Line], list[Label]]:
    lines, labels = [], []
    for kind, value, text in (("baseline", baseline, "Baseline"), ("limit", limit, f"{plain(factor)}x baseline")):
        if value is not None:
            level = _px(y(float(value)))
            lines.append(Line(kind, f"M{LEFT} {level}H{RIGHT}"))
            labels.append(Label(kind, f"{text} {plain(value)}", level))
    with_uln = [(w, p.uln) for p, w in weeks if p.uln is not None]
    if with_uln:
        lines.append(Line("uln", _stairs(with_uln, x, y)))
        uln = with_uln[-1][1]
        labels.append(Label("uln", f"ULN {plain(uln)}", _px(y(float(uln)))))
    return lines, labels


def _stairs(levels: Sequence[tuple[float, Decimal]], x: Scale, y: Scale) -> str:
    """ULN belongs to the result, so its line steps half-way between two results of different limits."""
    path = f"M{LEFT} {_px(y(float(levels[0][1])))}"
    for (before, old), (after, new) in zip(levels, levels[1:], strict=False):
        if new != old:
            path += f"H{_px(x((before + after) / 2))}V{_px(y(float(new)))}"
    return f"{path}H{RIGHT}"


def _blocks(steps: Sequence[Step], day0: date, x: Scale) -> tuple[Block, ...]:
    most = max((float(s.mg_per_day) for s in steps), default=0.0)
    blocks: list[Block] = []
    for step in steps:
        start, end = x((step.from_on - day0).days / 7), x(((step.to_on - day0).days + 1) / 7)
        tall = 48 * float(step.mg_per_day) / most if most else 0.0
        text = f"{plain(step.mg_per_day)} mg"
        fits = end - start > 6 * len(text) and step.mg_per_day > 0
        blocks.append(Block(_px(start), _px(BOTTOM - tall), _px(end - start), _px(tall), text if fits else ""))
    return tuple(blocks)


def _flag(when: date, text: str, points: Sequence[Point], day0: date, x: Scale, y: Scale) -> Flag:
    at = x((when - day0).days / 7)
    value = next((float(p.value) for p in points if p.on == when), 0.0)
    left_side = at > (LEFT + RIGHT) / 2
    return Flag(_px(at), _px(y(value)), text, _px(at + (-8 if left_side else 8)), "end" if left_side else "start")


def _band(m: Month, month: Callable[[date], float], x: Scale) -> Band:
    start, end = x(max(0.0, month(m.opens_on))), x(month(m.closes_on))
    return Band(m.verdict, _px(start), _px(end - start), f"M{m.month}")


def _alt_row(p: Point, week: float, limit: Decimal | None, factor: Decimal) -> tuple[str, ...]:
    above = []
    if p.uln is not None and p.value > p.uln:
        above.append("ULN")
    if limit is not None and p.value > limit:
        above.append(f"{plain(factor)}x baseline")
    uln = plain(p.uln) if p.uln is not None else "not given"
    return (_day(p.on), f"{week:.1f}", p.text, uln, " and ".join(above) or "neither")


def _alt_finding(
    points: Sequence[Point],
    day0: date,
    baseline: Decimal | None,
    limit: Decimal | None,
    factor: Decimal,
    unit: str,
) -> str:
    if not points:
        return "No ALT result yet."
    peak = max(points, key=lambda p: p.value)
    above = [f"ULN {plain(peak.uln)}"] if peak.uln is not None and peak.value > peak.uln else []
    above += [f"{plain(factor)} times baseline {plain(limit)}"] if limit is not None and peak.value > limit else []
    told = f", above {' and above '.join(above)}" if above else ""
    base = f"Baseline {plain(baseline)} {unit}." if baseline is not None else "No baseline."
    return (
        f"{base} {_many(len(points), 'result')}. Highest {peak.text} {unit} in week {_week(peak.on, day0)}{told}."
        f" Newest {points[-1].text} {unit} in week {_week(points[-1].on, day0)}."
    )


def _fix_finding(one_stage: Sequence[Point], chromogenic: Sequence[Point], day0: date, unit: str) -> str:
    told = []
    for name, series in (("One-stage", one_stage), ("Chromogenic", chromogenic)):
        if series:
            last = series[-1]
            months = round((last.on - day0).days / DAYS_PER_MONTH)
            told.append(f"{name}: {_many(len(series), 'result')}, newest {last.text} {unit} in month {months}.")
    return " ".join(told) or "No FIX activity yet."


def _spread(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Labels from top to bottom, moved apart so that no two overlap."""
    placed: list[Label] = []
    for label in sorted(labels, key=lambda item: item.y):
        lowest = placed[-1].y + LABEL_GAP if placed else 0.0
        placed.append(Label(label.kind, label.text, max(label.y, lowest)))
    over = max(0.0, placed[-1].y - BOTTOM) if placed else 0.0
    fitted: list[Label] = []
    for label in reversed(placed):
        highest = fitted[-1].y - LABEL_GAP if fitted else BOTTOM
        fitted.append(Label(label.kind, label.text, _px(min(label.y, highest) if over else label.y)))
    return tuple(reversed(fitted))


def _scale(low: float, high: float, first: float, last: float) -> Scale:
    return lambda value: first + (value - low) * (last - first) / (high - low)


def _step_of(most: float, steps: Sequence[int]) -> int:
    """The smallest step with at most nine ticks up to `most`."""
    return next((s for s in steps if most / s <= 8), steps[-1])


def _path(marks: Sequence[Mark]) -> str:
    return "M" + "L".join(f"{m.x} {m.y}" for m in marks) if marks else ""


def _px(value: float) -> float:
    return round(value, 1)


def _week(on: date, day0: date) -> int:
    return round((on - day0).days / 7)


def _day(on: date) -> str:
    return f"{on.day} {on:%b} {on.year}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
