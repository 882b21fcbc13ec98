"""What the plots share: the frame, the marks as numbers, and how a value becomes a pixel.

Pure arithmetic. A template draws it; the same object carries the title, the finding in words and the rows
of the data table, so that picture, text and table cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

WIDTH, HEIGHT = 580, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 446, 34, 252
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
    """A shaded span between two x positions, with its text at its upper end; `drop` keeps texts apart."""

    kind: str
    x: float
    width: float
    text: str
    drop: float = 0.0


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
    drop: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """A row of numbers below the axis, with its name at the end."""

    text: str
    y: float
    cells: tuple[Tick, ...]


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
    counts: tuple[Counts, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM


def plain(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def scale(low: float, high: float, first: float, last: float) -> Scale:
    """From a value to a pixel."""
    return lambda value: px(first + (value - low) * (last - first) / (high - low))


def step_for(most: float, steps: Sequence[int]) -> int:
    """The smallest step that divides the way up to `most` into at most eight."""
    return next((s for s in steps if most / s <= 8), steps[-1])


def ticks(axis: Scale, top: float, step: int) -> tuple[Tick, ...]:
    return tuple(Tick(axis(v), str(v)) for v in range(0, int(top) + 1, step))


def curve(kind: str, marks: Sequence[Mark]) -> Curve:
    path = "M" + "L".join(f"{m.x} {m.y}" for m in marks) if marks else ""
    return Curve(kind, path, tuple(marks))


def level(kind: str, y: float) -> Line:
    """A line across the plot."""
    return Line(kind, f"M{LEFT} {y}H{RIGHT}")


def spread(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Labels from top to bottom, moved apart so that no two overlap."""
    placed: list[Label] = []
    for label in sorted(labels, key=lambda item: item.y):
        lowest = placed[-1].y + LABEL_GAP if placed else 0.0
        placed.append(Label(label.kind, label.text, max(label.y, lowest)))
    over = max(0.0, placed[-1].y - BOTTOM) if placed else 0.0
    fitted: list[Label] = []
    for label in reversed(placed):
        highest = fitted[-1].y - LABEL_GAP if fitted else BOTTOM
        fitted.append(Label(label.kind, label.text, px(min(label.y, highest) if over else label.y)))
    return tuple(reversed(fitted))


def drops(spans: Sequence[tuple[float, float]]) -> list[float]:
    """How far the text of each (first, last) pixel moves down so that none overlaps another on its line."""
    ends: list[float] = []
    found: list[float] = []
    for first, last in spans:
        line = next((n for n, end in enumerate(ends) if first >= end), len(ends))
        ends[line : line + 1] = [last]
        found.append(line * LABEL_GAP)
    return found


def px(value: float) -> float:
    return round(value, 1)


def day_text(on: date) -> str:
    return f"{on.day} {on:%b} {on.year}"


def many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
