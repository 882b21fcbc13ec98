"""Which results fulfil which window of a series: in the window, late, or not yet.

A slot is done when every analyte has a final result collected in its window. A result that falls into no
window counts, late, for the last unfulfilled slot before it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from workflow.rules.facts import PatientFacts, ResultFact
from workflow.rules.windows import Window


@dataclass(slots=True)
class Filled:
    """What was collected for one window, per analyte: the result nearest the target, and late ones."""

    window: Window
    inside: dict[str, ResultFact] = field(default_factory=dict)
    late: dict[str, ResultFact] = field(default_factory=dict)

    def have(self, analytes: Sequence[str]) -> int:
        return len([a for a in analytes if a in self.inside or a in self.late])

    def done(self, analytes: Sequence[str]) -> bool:
        return bool(analytes) and all(a in self.inside for a in analytes)

    def done_late(self, analytes: Sequence[str]) -> bool:
        return bool(analytes) and not self.done(analytes) and self.have(analytes) == len(analytes)

    def rows(self) -> list[ResultFact]:
        return [*self.inside.values(), *(r for a, r in self.late.items() if a not in self.inside)]


def fill(
    facts: PatientFacts, analytes: Sequence[str], windows: Sequence[Window], taken: Sequence[Window] = ()
) -> list[Filled]:
    """Fills the windows (sorted by opening) with final results; results in `taken` windows are not late."""
    if not windows:
        return []
    filled = [Filled(w) for w in windows]
    opens = [w.opens for w in windows]
    first = max(opens[0], facts.day0) if facts.day0 else opens[0]
    outside: list[ResultFact] = []
    for analyte in analytes:
        for row in facts.of(analyte):
            on = row.collected_on
            if on < first or not row.final:
                continue
            index = bisect_right(opens, on) - 1
            if index >= 0 and not _placed(filled, index, row):
                outside.append(row)
    _assign_late(filled, analytes, [r for r in outside if not _in_any(r.collected_on, taken)])
    return filled


def _placed(filled: Sequence[Filled], index: int, row: ResultFact) -> bool:
    """Puts the result into the window that opened last, and into the one before where the two overlap."""
    placed = False
    for i in (index, index - 1):
        if i >= 0 and row.collected_on <= filled[i].window.closes:
            _nearer(filled[i], row.analyte, row)
            placed = True
    return placed


def _nearer(slot: Filled, analyte: str, row: ResultFact) -> None:
    """Keeps the result nearest the target; of equally near ones the later."""
    kept = slot.inside.get(analyte)
    if kept is None or _distance(row, slot) <= _distance(kept, slot):
        slot.inside[analyte] = row


def _distance(row: ResultFact, slot: Filled) -> int:
    return abs((row.collected_on - slot.window.target).days)


def _in_any(day: date, windows: Sequence[Window]) -> bool:
    return any(w.opens <= day <= w.closes for w in windows)


def _assign_late(filled: Sequence[Filled], analytes: Sequence[str], rows: Sequence[ResultFact]) -> None:
    """Gives each result the last unfulfilled slot that closed before it."""
    if not rows:
        return
    unfilled = sorted((s for s in filled if not s.done(analytes)), key=lambda s: s.window.closes)
    closes = [s.window.closes for s in unfilled]
    for row in sorted(rows, key=lambda r: r.collected_at):
        index = bisect_left(closes, row.collected_on) - 1
        if index >= 0:
            unfilled[index].late.setdefault(row.analyte, row)


def facts_of(rows: Sequence[ResultFact]) -> tuple[str, ...]:
    """Fact references, sorted."""
    return tuple(sorted(f"result:{r.id}" for r in rows))
