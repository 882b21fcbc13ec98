"""Figures over many patients: factor activity by month and assay, crude bleeding rates, freedom from prophylaxis.

Numbers come summed up; here they become rates, shares and rows, the same for pages, files and REST. A rate is
crude: all bleeds of a period over all its observed years. The two assays are never mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from outcomes.rules import export_cells as cell
from outcomes.rules.bleeding import KINDS
from outcomes.rules.figures import exact, rounded
from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.poisson import upper_limit

ASSAYS = ("one_stage", "chromogenic")
PERIODS = ("before", "early", "later")


@dataclass(frozen=True, slots=True)
class Spread:
    """Readings of one assay in IU/dL. `bounds` of the `n` are such as “<1” and count as their number; `without`:
    the window closed without a result that can be used; `waiting`: it is open, and there is none yet."""

    n: int
    without: int = 0
    waiting: int = 0
    bounds: int = 0
    q1: Decimal | None = None
    median: Decimal | None = None
    q3: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """Patients whose window of the month has opened. `off` and `on` prophylaxis on the target; `ahead` of it."""

    month: int
    one_stage: Spread
    chromogenic: Spread
    off: int
    on: int
    ahead: int
    censored: int

    def spread(self, assay: str) -> Spread:
        return self.one_stage if assay == "one_stage" else self.chromogenic

    @property
    def share_off(self) -> Decimal | None:
        """Percent free of prophylaxis of those of whom it is known."""
        known = self.off + self.on
        return exact(Fraction(100 * self.off, known)) if known else None


@dataclass(frozen=True, slots=True)
class Bled:
    """A period: patients observed in it, their days together, and bleeds in the order of `KINDS`."""

    period: str
    patients: int
    days: int
    bleeds: tuple[int, ...]

    def count(self, kind: str) -> int:
        return self.bleeds[tuple(KINDS).index(kind)]

    def abr(self, kind: str, rules: MeasureRules) -> Decimal | None:
        """The crude yearly rate; None when fewer days were observed than a rate needs."""
        return exact(rules.per_year(self.count(kind), self.days)) if self.days >= rules.least_days else None

    def limit(self, kind: str, rules: MeasureRules) -> Decimal | None:
        """The exact Poisson limit of the rate."""
        if self.days < rules.least_days:
            return None
        return upper_limit(self.count(kind), rules.confidence_percent) * rules.year_days / self.days

    def years(self, rules: MeasureRules) -> Decimal:
        return rounded(Decimal(self.days) / rules.year_days, 2)


@dataclass(frozen=True, slots=True)
class Figures:
    """`patients`: all that were treated."""

    patients: int
    months: tuple[Month, ...]
    periods: tuple[Bled, ...]


Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One figure as rows of text; `columns` are names for files, `heads` for people."""

    name: str
    columns: tuple[str, ...]
    heads: tuple[str, ...]
    rows: Callable[[Figures, MeasureRules], Iterator[Row]]

    def csv(self, figures: Figures, rules: MeasureRules) -> str:
        """The whole file."""
        return "".join(cell.line(row) for row in (self.columns, *self.rows(figures, rules)))


def _activity(figures: Figures, rules: MeasureRules) -> Iterator[Row]:
    for month in figures.months:
        for assay in ASSAYS:
            s = month.spread(assay)
            counts = (s.n, s.without, s.waiting, month.censored, s.bounds)
            quartiles = (s.q1, s.median, s.q3)
            yield (str(month.month), assay, *map(str, counts), *map(cell.number, quartiles))


def _bleeding(figures: Figures, rules: MeasureRules) -> Iterator[Row]:
    for p in figures.periods:
        for kind in KINDS:
            counts = (str(p.patients), cell.rate(p.years(rules)), str(p.count(kind)))
            yield (p.period, kind, *counts, cell.rate(p.abr(kind, rules)), cell.rate(p.limit(kind, rules)))


def _prophylaxis(figures: Figures, rules: MeasureRules) -> Iterator[Row]:
    for m in figures.months:
        known = m.off + m.on
        if known or m.ahead or m.censored:
            shown = "" if m.share_off is None else cell.number(rounded(m.share_off, 1))
            yield (str(m.month), str(known), str(m.off), str(m.on), shown, str(m.ahead), str(m.censored))


FIX = Table(
    "fix_activity",
    ("month", "assay", "n", "without_result", "window_open", "censored", "bounds", "q1_iu_dl", "median_iu_dl", "q3_iu_dl"),
    ("Month", "Assay", "n", "No usable result", "Window open", "Censored", "Bounds such as <1", "Lower quartile, IU/dL",
     "Median, IU/dL", "Upper quartile, IU/dL"),
    _activity,
)  # fmt: skip
ABR = Table(
    "bleeding_rate",
    ("period", "bleeds", "n", "observed_years", "count", "crude_abr", "crude_abr_upper_limit_95"),
    ("Period", "Bleeds", "n", "Observed years", "Number", "Crude ABR", "Exact 95 % upper limit"),
    _bleeding,
)
OFF = Table(
    "off_prophylaxis",
    ("month", "n", "off", "on", "off_percent", "ahead_of_target", "censored"),
    ("Month", "n", "Off", "On", "Off, %", "Ahead of target", "Censored"),
    _prophylaxis,
)
TABLES = {table.name: table for table in (FIX, ABR, OFF)}
