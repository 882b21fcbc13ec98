"""Factor activity at a milestone: per assay the clean result nearest the target. Assays are never mixed.

A sample with concentrate in it is shown and not used; a preliminary result is not used. Of clean results in
the window the one nearest the target counts, of equally near ones the later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.verdicts import Reading, Sample
from workflow.rules.exogenous import Exposure, exposure
from workflow.rules.facts import PatientFacts, ResultFact
from workflow.rules.windows import Window


@dataclass(frozen=True, slots=True)
class Activity:
    """What one assay says at a milestone: the reading, and how many samples could not be used."""

    reading: Reading | None
    contaminated: int
    preliminary: int
    outside: int


def activity(
    facts: PatientFacts, analyte: str, window: Window, given: Exposure, late_days: int = 0
) -> Activity:
    """The activity by one analyte in the window; samples outside it are counted up to `late_days` after it."""
    until = window.closes + timedelta(days=late_days)
    rows = [r for r in followed(facts, analyte) if r.collected_on <= until]
    inside = [r for r in rows if window.opens <= r.collected_on <= window.closes]
    final = [r for r in inside if r.final]
    clean = [r for r in final if not given.contaminates(r.collected_on)]
    nearest = max(clean, key=lambda r: _preference(r, window), default=None)
    return Activity(
        _reading(nearest) if nearest else None,
        contaminated=len(final) - len(clean),
        preliminary=len(inside) - len(final),
        outside=len(rows) - len(inside),
    )


def followed(facts: PatientFacts, analyte: str) -> list[ResultFact]:
    """Numbers of an analyte since Day 0."""
    if facts.day0 is None:
        return []
    return [r for r in facts.of(analyte) if r.collected_on >= facts.day0 and r.value is not None]


def _preference(row: ResultFact, window: Window) -> tuple[Any, ...]:
    away = abs((row.collected_on - window.target).days)
    return (-away, row.collected_at, row.recorded_at, row.id)


def _reading(row: ResultFact) -> Reading:
    assert row.value is not None
    return Reading(row.value, row.comparator, row.collected_on, row.id)


def samples(facts: PatientFacts, rules: MeasureRules) -> tuple[Sample, ...]:
    """Every final activity since Day 0 by both assays, oldest first, with what is known of its washout."""
    given = exposure(facts, rules.washout)
    return tuple(sorted(_samples(facts, rules, given), key=lambda s: (s.on, s.assay, s.fact)))


def _samples(facts: PatientFacts, rules: MeasureRules, given: Exposure) -> Iterator[Sample]:
    for assay, analyte in rules.assays.items():
        for row in followed(facts, analyte):
            if row.final and row.value is not None:
                on = row.collected_on
                yield Sample(
                    fact=row.id,
                    assay=assay,
                    value=row.value,
                    comparator=row.comparator,
                    on=on,
                    contaminated=given.contaminates(on),
                    days_since_factor=given.days_since(on),
                )
