"""The infusion window as numbers: one bar per gate from its newest evidence to its last valid Day 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from workflow.rules.charts import Tick

WIDTH, LEFT, RIGHT, TOP, ROW = 1120, 230, 980, 34, 27
BEFORE, AFTER, FARTHEST = 14, 28, 75
ROOM = 70


@dataclass(frozen=True, slots=True)
class Span:
    """From which to which Day 0 a gate's evidence counts. `soon`: it ends first."""

    text: str
    from_on: date
    to_on: date
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    text: str
    until: str
    x: float
    width: float
    y: float
    soon: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days on which every gate holds."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class WindowChart:
    title: str
    finding: str
    bars: tuple[Bar, ...]
    good: tuple[Stretch, ...]
    ticks: tuple[Tick, ...]
    today: Tick
    booked: Tick | None
    bottom: int
    height: int
    rows: tuple[tuple[str, str, str], ...]
    width: int = WIDTH
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP


def window(
    spans: Sequence[Span],
    *,
    good: Iterable[tuple[date, date]],
    today: date,
    booked: date | None,
    finding: str,
    until: date | None = None,
    word: str = "booked",
) -> WindowChart:
    """Bars, the days on which all hold, today and the booked date, up to the last expiry or to `until`."""
    first, last = _reach(spans, today), until or _end(spans, today, booked)
    days = (last - first).days

    def x(on: date) -> float:
        share = min(max((on - first).days / days, 0.0), 1.0)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    bottom = TOP + ROW * len(spans) + 6
    mark = Tick(x(booked), f"{word} {day(booked)}") if booked else None
    return WindowChart(
        title="Infusion window: how long each gate holds",
        finding=finding,
        bars=tuple(_bar(s, n, x(s.from_on), x(s.to_on + timedelta(1))) for n, s in enumerate(spans)),
        good=tuple(
            Stretch(x(a), round(x(b + timedelta(1)) - x(a), 1), _between(a, b))
            for a, b in good
            if a <= last and b >= first
        ),
        ticks=tuple(t for t in (Tick(x(d), day(d)) for d in _weeks(first, last)) if _clear(t, mark)),
        today=Tick(x(today), f"today {day(today)}"),
        booked=mark,
        bottom=bottom,
        height=bottom + 44,
        rows=tuple((s.text, day(s.from_on), day(s.to_on)) for s in spans),
    )


def day(on: date) -> str:
    """A date as people say it: 3 Dec."""
    return f"{on.day} {on:%b}"


def _reach(spans: Sequence[Span], today: date) -> date:
    """The left edge: the oldest start, but not more than sixty days back."""
    starts = [s.from_on for s in spans] + [today - timedelta(BEFORE)]
    return max(min(starts), today - timedelta(60))


def _end(spans: Sequence[Span], today: date, booked: date | None) -> date:
    """The right edge: the last expiry, but not far beyond today and the booked day."""
    sure = max(today, booked or today)
    last = max([sure + timedelta(AFTER), *(s.to_on for s in spans)])
    return min(last, sure + timedelta(FARTHEST))


def _bar(span: Span, index: int, start: float, end: float) -> Bar:
    width = max(round(end - start, 1), 2.0)
    return Bar(span.text, f"to {day(span.to_on)}", start, width, TOP + ROW * index + 6, span.soon)


def _weeks(first: date, last: date) -> list[date]:
    step = 14 if (last - first).days <= 120 else 28 if (last - first).days <= 240 else 56
    return [first + timedelta(n) for n in range(0, (last - first).days + 1, step)]


def _clear(tick: Tick, mark: Tick | None) -> bool:
    return mark is None or abs(tick.at - mark.at) > ROOM


def _between(first: date, last: date) -> str:
    return day(first) if first == last else f"{day(first)} to {day(last)}"
