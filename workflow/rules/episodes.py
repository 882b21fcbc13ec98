"""Which hits of a trigger are one episode.

An episode runs from its first hit to the first final value on which no arm fires and that is at most the
baseline or its own ULN. Without a baseline, later values without ULN cannot tell, so a clinician may end
it. A value that fired and was corrected or retracted stays in its episode as superseded; where the
corrected value is back, the episode ends there and a later rise is a new one. A value that fired against a
baseline which was corrected or retracted since stays as superseded too; it does not end its episode.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from workflow.rules.facts import Act, PatientFacts, ResultFact
from workflow.rules.protocol import Trigger
from workflow.rules.triggers import (
    Baseline,
    Fired,
    back,
    fired,
    follow_up,
    follow_up_rows,
    former_baselines,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample: its present value (None: retracted), and the value that fired before, if the present does not."""

    present: Fired | None
    false: Fired | None = None

    @property
    def hit(self) -> Fired | None:
        return self.present if self.present and self.present.arms else self.false

    @property
    def row(self) -> ResultFact:
        shown = self.present or self.false
        assert shown is not None
        return shown.row


@dataclass(slots=True)
class Episode:
    """Hits in order of collection. `merged` holds those that were an episode of their own before."""

    hits: list[Fired] = field(default_factory=list)
    ended_on: date | None = None
    merged: list[list[Fired]] = field(default_factory=list)

    @property
    def live(self) -> list[Fired]:
        """The hits that still hold."""
        return [hit for hit in self.hits if not hit.superseded]


def episodes(trigger: Trigger, facts: PatientFacts, base: Baseline) -> Iterator[Episode]:
    """All episodes of a trigger, by collection."""
    readings = _readings(trigger, facts, base)
    if trigger.confirm_on_repeat:
        readings = _confirmed(readings)
    ends = _ends(facts) if base.row is None else []
    borders = _former_borders(trigger, facts, base)
    for episode in _runs(readings, base, ends):
        parts = _parts(episode.hits, borders)
        episode.merged = [part for part in parts if len(parts) > 1]
        yield episode


def _readings(trigger: Trigger, facts: PatientFacts, base: Baseline) -> list[Reading]:
    """Every sample of the follow-up by collection; of a sample that fired once, that value too."""
    present = {r.lineage: fired(trigger, r, base) for r in follow_up_rows(trigger.analyte, facts)}
    once = _once(trigger, facts, base, {lineage for lineage, seen in present.items() if seen.arms})
    readings = [
        Reading(present.get(lineage), _false(once.get(lineage), present.get(lineage)))
        for lineage in {**present, **once}
    ]
    return sorted(readings, key=_order)


def _order(reading: Reading) -> tuple[object, ...]:
    row = reading.row
    return (row.collected_at, row.content_hash, row.recorded_at, row.id)


def _false(once: Fired | None, present: Fired | None) -> Fired | None:
    return once and replace(once, superseded=True, retracted=present is None)


def former_rows(trigger: Trigger, facts: PatientFacts) -> Iterator[ResultFact]:
    """Versions of the follow-up that counted before they were corrected or retracted."""
    for row in facts.former:
        eligible = row.analyte == trigger.analyte and row.value is not None and follow_up(row, facts)
        if eligible and row.lineage not in facts.conflicts:
            yield row


def _once(trigger: Trigger, facts: PatientFacts, base: Baseline, firing: set[UUID]) -> dict[UUID, Fired]:
    """The first version that fired of each sample whose present version does not fire."""
    found: dict[UUID, Fired] = {}
    for row in former_rows(trigger, facts):
        if row.lineage in firing or row.lineage in found:
            continue
        seen = fired(trigger, row, base)
        if seen.arms:
            found[row.lineage] = seen
    for seen in _before_correction(trigger, facts, base):
        if seen.row.lineage not in firing:
            found.setdefault(seen.row.lineage, seen)
    return found


def _before_correction(trigger: Trigger, facts: PatientFacts, base: Baseline) -> Iterator[Fired]:
    """What fired against a baseline while that one still counted."""
    for was in former_baselines(trigger, facts, base):
        for row in (*former_rows(trigger, facts), *follow_up_rows(trigger.analyte, facts)):
            seen = fired(trigger, row, was.base)
            if seen.arms and (row.reported_at or row.collected_at) < was.until:
                yield replace(seen, against=was)


def _confirmed(readings: Sequence[Reading]) -> list[Reading]:
    """Hits that a neighbouring sample repeats: now (live), or before something was corrected (superseded)."""
    standing = _repeated([r for r in readings if r.present], lambda r: bool(r.present and r.present.arms))
    ever = _repeated(readings, lambda r: r.hit is not None)
    return [_as_confirmed(r, r.row.id in standing, r.row.id in ever) for r in readings]


def _repeated(readings: Sequence[Reading], fires: Callable[[Reading], bool]) -> set[UUID]:
    flags = [fires(r) for r in readings]
    padded = [False, *flags, False]
    return {r.row.id for i, r in enumerate(readings) if flags[i] and (padded[i] or padded[i + 2])}


def _as_confirmed(reading: Reading, standing: bool, ever: bool) -> Reading:
    if standing or reading.hit is None:
        return reading
    present = reading.present and replace(reading.present, arms=())
    return Reading(present, replace(reading.hit, superseded=True) if ever else None)


def _ends(facts: PatientFacts) -> list[Act]:
    return [a for a in facts.acts_by_kind.get("acknowledge", ()) if a.payload.get("episode_over")]


def _runs(readings: Iterable[Reading], base: Baseline, ends: Sequence[Act]) -> Iterator[Episode]:
    """From the first hit to the value that is back, or to a clinician's word."""
    running: Episode | None = None
    for reading in readings:
        over = running and _said_over(running, ends)
        if running and over and over < reading.row.collected_on:
            running.ended_on = over
            yield running
            running = None
        if reading.hit:
            running = running or Episode()
            running.hits.append(reading.hit)
        if running and _over(reading, base):
            running.ended_on = reading.row.collected_on
            yield running
            running = None
    if running:
        running.ended_on = _said_over(running, ends)
        yield running


def _over(reading: Reading, base: Baseline) -> bool:
    """Is the value back, and was it so when the episode ran?"""
    if reading.present is None or reading.present.arms or (reading.false and reading.false.against):
        return False
    return back(reading.present.row, base)


def _said_over(episode: Episode, ends: Sequence[Act]) -> date | None:
    """The day on which a clinician ended it, having seen one of its results."""
    lineages = {str(hit.row.lineage) for hit in episode.hits}
    last = max(hit.row.collected_on for hit in episode.hits)
    said = [a.true_on for a in ends if lineages & set(a.payload.get("hits", ())) and a.true_on >= last]
    return min(said, default=None)


def _former_borders(trigger: Trigger, facts: PatientFacts, base: Baseline) -> list[datetime]:
    """When a value was back that no longer counts: there one episode ended and the next was another."""
    return sorted(
        row.collected_at
        for row in former_rows(trigger, facts)
        if not fired(trigger, row, base).arms and back(row, base)
    )


def _parts(hits: Sequence[Fired], borders: Sequence[datetime]) -> list[list[Fired]]:
    parts: dict[int, list[Fired]] = {}
    for hit in hits:
        parts.setdefault(bisect_right(borders, hit.row.collected_at), []).append(hit)
    return list(parts.values())
