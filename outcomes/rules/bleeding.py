"""Bleeds and their crude yearly rate over observed days. Records within 72 hours at one site are one bleed.

A bleed counts on the day of its first record. It is treated, spontaneous or in a joint when any of its records
in the period is. Bleeds of a follow-up gap count, its days do not: what is known is never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from outcomes.rules.periods import Period
from outcomes.rules.verdicts import CountedBleed
from patients.rules.bleeds import distinct
from workflow.rules.facts import BleedFact, PatientFacts

KINDS: dict[str, Callable[[BleedFact], bool]] = {
    "all": lambda bleed: True,
    "treated": lambda bleed: bleed.treated,
    "spontaneous": lambda bleed: bleed.cause == "spontaneous",
    "joint": lambda bleed: bleed.joint,
}


@dataclass(frozen=True)
class Bleeds:
    """Bleeds of a period, each as its records, and the days observed in it."""

    records: tuple[tuple[BleedFact, ...], ...]
    days: int

    def of(self, kind: str) -> int:
        return len(self.records) if kind == "all" else self._counts[kind]

    @cached_property
    def _counts(self) -> dict[str, int]:
        return {k: sum(any(map(test, rows)) for rows in self.records) for k, test in KINDS.items()}

    def firsts(self, kind: str) -> tuple[BleedFact, ...]:
        """The first record of each bleed of a kind."""
        return tuple(rows[0] for rows in self.records if any(map(KINDS[kind], rows)))


def grouped(facts: PatientFacts) -> tuple[tuple[BleedFact, ...], ...]:
    """All bleeds, each as its records, by first onset."""
    return tuple(tuple(rows) for rows in distinct(facts.bleeds))


def bleeds_in(
    groups: Iterable[Sequence[BleedFact]], periods: Sequence[Period], gaps: Sequence[Period]
) -> Bleeds:
    """What was seen in periods that do not overlap, of which the gaps were not observed."""
    found = []
    for period in periods:
        for rows in groups:
            if period.holds(rows[0].onset_on):
                found.append(tuple(b for b in rows if b.onset_on <= period.last))
    return Bleeds(tuple(found), sum(p.days_without(gaps) for p in periods))


def counted_bleeds(facts: PatientFacts) -> tuple[CountedBleed, ...]:
    """Every bleed record, oldest first; one that continues a bleed names the bleed's first record."""
    rows = [_counted(record, group) for group in grouped(facts) for record in group]
    return tuple(sorted(rows, key=lambda r: (r.on, r.fact)))


def _counted(record: BleedFact, group: Sequence[BleedFact]) -> CountedBleed:
    return CountedBleed(
        fact=record.id,
        on=record.onset_on,
        site=record.site,
        joint=record.joint,
        cause=record.cause,
        life_threatening=record.life_threatening,
        treated=record.treated,
        same_bleed_as=None if record is group[0] else group[0].id,
    )
