"""ALT by week since Day 0: points, baseline and its multiple, each result's own ULN, prednisone, triggers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from math import ceil, floor

from workflow.rules.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Block,
    Chart,
    Flag,
    Label,
    Line,
    Mark,
    Point,
    Scale,
    Step,
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

SHOWN_WEEKS, SHOWN_VALUE, HEADROOM = 16, 60, 1.15
WEEK_STEPS, VALUE_STEPS = (2, 4, 8, 13, 26, 52), (15, 30, 60, 120, 300, 600, 1500)
DOSE_HEIGHT, LETTER = 48, 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What ALT is compared with: the baseline and `factor` times it. Upper limits belong to the points."""

    baseline: Decimal | None
    factor: Decimal

    @property
    def raised(self) -> Decimal | None:
        return None if self.baseline is None else self.factor * self.baseline

    @property
    def name(self) -> str:
        return f"{plain(self.factor)}x baseline"

    def passed(self, point: Point) -> list[str]:
        """Which limits a value lies above, each with its number."""
        found = []
        if point.uln is not None and point.value > point.uln:
            found.append(f"ULN {plain(point.uln)}")
        if self.raised is not None and point.value > self.raised:
            found.append(f"{self.name} {plain(self.raised)}")
        return found


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
    """The plot. `hits`: days on which a trigger fired; `triggers`: the first of each episode, its text."""
    limits = Limits(baseline, factor)
    x, weeks, week_step = _across(points, steps, day0)
    y, top, value_step = _up(points, limits)
    on = set(hits)
    marks = [Mark(x(_week(p.on, day0)), y(float(p.value)), p.on in on) for p in points]
    blocks = _blocks(steps, day0, x)
    return Chart(
        key="alt",
        title="ALT by week since the infusion",
        finding=_finding(points, day0, limits, unit),
        y_title=f"ALT ({unit})",
        x_title="Weeks since infusion",
        x_ticks=ticks(x, weeks, week_step),
        y_ticks=ticks(y, top, value_step),
        lines=tuple(_lines(points, day0, limits, x, y)),
        curves=(curve("value", marks),),
        labels=spread(_labels(points, limits, y, dosed=bool(blocks))),
        columns=("Collected", "Week", f"ALT, {unit}", f"ULN, {unit}", "Above"),
        rows=tuple(_row(p, day0, limits) for p in points),
        blocks=blocks,
        flags=_flags(sorted(triggers), points, day0, x, y),
    )


def _across(points: Sequence[Point], steps: Sequence[Step], day0: date) -> tuple[Scale, float, int]:
    found = [_week(p.on, day0) for p in points]
    most = max([float(SHOWN_WEEKS), *found, *(_week(s.to_on, day0) for s in steps)])
    step = step_for(most, WEEK_STEPS)
    last = step * ceil(most / step)
    return scale(min(0, *map(floor, found), 0), last, LEFT, RIGHT), last, step


def _up(points: Sequence[Point], limits: Limits) -> tuple[Scale, float, int]:
    tops = [p.value for p in points] + [p.uln for p in points if p.uln is not None]
    most = float(max([*tops, limits.raised or Decimal(0), Decimal(SHOWN_VALUE)]))
    step = step_for(most, VALUE_STEPS)
    top = step * ceil(most * HEADROOM / step)
    return scale(0, top, BOTTOM, TOP), top, step


def _lines(points: Sequence[Point], day0: date, limits: Limits, x: Scale, y: Scale) -> Iterable[Line]:
    if limits.baseline is not None and limits.raised is not None:
        yield level("baseline", y(float(limits.baseline)))
        yield level("limit", y(float(limits.raised)))
    with_uln = [(_week(p.on, day0), p.uln) for p in points if p.uln is not None]
    if with_uln:
        yield Line("uln", _stairs(with_uln, x, y))


def _stairs(levels: Sequence[tuple[float, Decimal]], x: Scale, y: Scale) -> str:
    """ULN belongs to the result, so its line steps half-way between two results of different limits."""
    path = f"M{LEFT} {y(float(levels[0][1]))}"
    for (before, old), (after, new) in zip(levels, levels[1:], strict=False):
        if new != old:
            path += f"H{x((before + after) / 2)}V{y(float(new))}"
    return f"{path}H{RIGHT}"


def _labels(points: Sequence[Point], limits: Limits, y: Scale, *, dosed: bool) -> Iterable[Label]:
    if limits.baseline is not None and limits.raised is not None:
        yield Label("baseline", f"Baseline {plain(limits.baseline)}", y(float(limits.baseline)))
        yield Label("limit", f"{limits.name} {plain(limits.raised)}", y(float(limits.raised)))
    ulns = [p.uln for p in points if p.uln is not None]
    if ulns:
        yield Label("uln", f"ULN {plain(ulns[-1])}", y(float(ulns[-1])))
    if points:
        yield Label("value", f"ALT {points[-1].text}", y(float(points[-1].value)))
    if dosed:
        yield Label("dose", "Prednisone", BOTTOM - 10)


def _blocks(steps: Sequence[Step], day0: date, x: Scale) -> tuple[Block, ...]:
    """Dose steps as rectangles on the axis, in proportion to the highest dose; text where there is room."""
    most = max((float(s.mg_per_day) for s in steps), default=0.0)
    return tuple(_block(s, day0, x, most) for s in steps if s.mg_per_day > 0)


def _block(step: Step, day0: date, x: Scale, most: float) -> Block:
    start, end = x(_week(step.from_on, day0)), x(_week(step.to_on, day0) + 1 / 7)
    tall = DOSE_HEIGHT * float(step.mg_per_day) / most
    text = f"{plain(step.mg_per_day)} mg"
    return Block(
        start, px(BOTTOM - tall), px(end - start), px(tall), text if end - start > 6 * len(text) else ""
    )


def _flags(
    triggers: Sequence[tuple[date, str]], points: Sequence[Point], day0: date, x: Scale, y: Scale
) -> tuple[Flag, ...]:
    """One flag a trigger, its text on the side with more room and below the text of a near one."""
    flags = [_flag(when, text, points, day0, x, y) for when, text in triggers]
    down = drops([_reach(f) for f in flags])
    return tuple(replace(f, drop=drop) for f, drop in zip(flags, down, strict=True))


def _reach(flag: Flag) -> tuple[float, float]:
    wide = LETTER * len(flag.text)
    return (flag.text_x - wide, flag.x + 8) if flag.anchor == "end" else (flag.x - 8, flag.text_x + wide)


def _flag(when: date, text: str, points: Sequence[Point], day0: date, x: Scale, y: Scale) -> Flag:
    at = x(_week(when, day0))
    value = next((float(p.value) for p in points if p.on == when), 0.0)
    if at > (LEFT + RIGHT) / 2:
        return Flag(at, y(value), text, px(at - 8), "end")
    return Flag(at, y(value), text, px(at + 8), "start")


def _row(point: Point, day0: date, limits: Limits) -> tuple[str, ...]:
    uln = plain(point.uln) if point.uln is not None else "not given"
    above = " and ".join(limits.passed(point)) or "neither"
    return (day_text(point.on), f"{_week(point.on, day0):.1f}", point.text, uln, above)


def _finding(points: Sequence[Point], day0: date, limits: Limits, unit: str) -> str:
    if not points:
        return "No ALT result yet."
    peak, newest = max(points, key=lambda p: p.value), points[-1]
    passed = limits.passed(peak)
    above = f", above {' and above '.join(passed)}" if passed else ""
    base = "No baseline." if limits.baseline is None else f"Baseline {plain(limits.baseline)} {unit}."
    return (
        f"{base} {many(len(points), 'result')}. Highest {peak.text} {unit} in week"
        f" {round(_week(peak.on, day0))}{above}."
        f" Newest {newest.text} {unit} in week {round(_week(newest.on, day0))}."
    )


def _week(on: date, day0: date) -> float:
    return (on - day0).days / 7
