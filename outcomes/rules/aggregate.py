"""Groups instead of persons: counts and averages per milestone, without small groups.

A group of fewer than 11 subjects is blank. Where the groups of one whole include exactly one such group, the
smallest other group of that whole is blank too, so that it does not follow by subtraction. Counts are rounded
down to a multiple of 11: two exports of different days or sites never differ by 1 to 10. Shares are rounded to
0.05, averages to the step of their measure.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from statistics import fmean, median

from outcomes.rules import export_cells as cell
from patients.rules.words import MILESTONE_VERDICTS

LEAST = 11
SHARE_STEP = Decimal("0.05")
WHOLES: Mapping[str, Mapping[str, str]] = {
    "verdict": {v: f"verdict_{v}" for v in MILESTONE_VERDICTS},
    "off_prophylaxis": {"true": "off_prophylaxis", "false": "on_prophylaxis"},
}
AVERAGES: Mapping[str, tuple[str, str, Decimal]] = {
    "fix_one_stage_iu_dl": ("fix_one_stage_iu_dl_median", "median", Decimal(1)),
    "fix_chromogenic_iu_dl": ("fix_chromogenic_iu_dl_median", "median", Decimal(1)),
    "abr_all": ("abr_all_mean", "mean", Decimal("0.1")),
    "abr_treated": ("abr_treated_mean", "mean", Decimal("0.1")),
    "abr_spontaneous": ("abr_spontaneous_mean", "mean", Decimal("0.1")),
    "abr_joint": ("abr_joint_mean", "mean", Decimal("0.1")),
    "baseline_abr_all": ("baseline_abr_all_mean", "mean", Decimal("0.1")),
    "factor_use_iu_per_kg_year": ("factor_use_iu_per_kg_year_mean", "mean", Decimal(10)),
}


class Groups:
    """Takes the rows of milestones.csv one by one; gives the lines of aggregate.csv."""

    def __init__(self, contract: str) -> None:
        self._contract = contract
        self._subjects: Counter[int] = Counter()
        self._counts: dict[tuple[int, str], Counter[str]] = {}
        self._values: dict[tuple[int, str], array[float]] = {}

    def add(self, row: Mapping[str, str]) -> None:
        month = int(row["month"])
        self._subjects[month] += 1
        for whole in WHOLES:
            if row[whole]:
                self._counts.setdefault((month, whole), Counter())[row[whole]] += 1
        for name in AVERAGES:
            if row[name]:
                self._values.setdefault((month, name), array("d")).append(float(row[name]))

    def lines(self) -> Iterator[str]:
        for month in sorted(self._subjects):
            yield self._line(month, "subjects", _banded(self._subjects[month]), None)
            for whole in WHOLES:
                yield from self._shares(month, whole)
            for name in AVERAGES:
                yield self._average(month, name)

    def _shares(self, month: int, whole: str) -> Iterator[str]:
        counts = self._counts.get((month, whole), Counter())
        total, shown = sum(counts.values()), visible(counts)
        for answer, measure in WHOLES[whole].items():
            n = _banded(counts[answer]) if answer in shown else None
            share = _stepped(Decimal(counts[answer]) / total, SHARE_STEP) if n else None
            yield self._line(month, measure, n, share)

    def _average(self, month: int, name: str) -> str:
        measure, kind, step = AVERAGES[name]
        values = self._values.get((month, name), array("d"))
        n = _banded(len(values))
        found = (median(values) if kind == "median" else fmean(values)) if n else None
        return self._line(month, measure, n, None if found is None else _stepped(Decimal(str(found)), step))

    def _line(self, month: int, measure: str, n: int | None, value: Decimal | None) -> str:
        return cell.line((self._contract, str(month), measure, cell.number(n), cell.number(value)))


def visible(counts: Mapping[str, int]) -> frozenset[str]:
    """The groups of a whole that may be shown."""
    large = sorted((n, name) for name, n in counts.items() if n >= LEAST)
    small = [name for name, n in counts.items() if 0 < n < LEAST]
    kept = large[1:] if len(small) == 1 else large
    return frozenset(name for _, name in kept)


def _banded(n: int) -> int | None:
    return n - n % LEAST or None


def _stepped(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).quantize(Decimal(1), ROUND_HALF_UP) * step
