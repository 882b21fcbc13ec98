"""What an answer to an alert covers: the results it lists, as they counted when it was recorded.

A result that it has not seen, or that was corrected upwards since, asks again. Any other change of what it
saw asks for a review.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from patients.rules.versions import current
from workflow.rules.facts import Act, PatientFacts, ResultFact
from workflow.rules.triggers import Fired

Told = Callable[[ResultFact], bool]


@dataclass(frozen=True, slots=True)
class Samples:
    """All versions of an analyte's samples."""

    versions: dict[UUID, list[ResultFact]]

    @classmethod
    def of(cls, analyte: str, facts: PatientFacts) -> Samples:
        found: dict[UUID, list[ResultFact]] = {}
        for row in (*facts.of(analyte), *facts.former):
            if row.analyte == analyte:
                found.setdefault(row.lineage, []).append(row)
        for rows in found.values():
            rows.sort(key=lambda r: (r.recorded_at, r.id))
        return cls(found)

    def counting(self, lineage: UUID, at: datetime) -> ResultFact | None:
        """The version that counted at an instant."""
        return current([r for r in self.versions[lineage] if r.recorded_at <= at]).current

    def since(self, lineage: UUID, holds: Callable[[ResultFact | None], bool]) -> datetime | None:
        """Since when the counting version holds without a break up to now."""
        since: datetime | None = None
        for row in self.versions[lineage]:
            if not holds(self.counting(lineage, row.recorded_at)):
                since = None
            elif since is None:
                since = row.recorded_at
        return since


@dataclass(frozen=True, slots=True)
class Review:
    """Since when an answer rests on a value that changed, and when it was answered again."""

    asked_at: datetime
    done_on: date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an episode is answered. The last round began at `asked_at` and ended with `answer`, if it has."""

    answers: tuple[Act, ...]
    asked_at: datetime
    answer: Act | None
    review: Review | None


def standing(pk: UUID, hits: Sequence[Fired], samples: Samples, fires: Told, acts: Sequence[Act]) -> Standing:
    """Judges the answers given to these hits. `fires` says whether a version fires; `acts` oldest first."""
    answers = _answers(pk, hits, acts)
    live = [h for h in hits if not h.superseded] or list(hits)
    rounds = [_covered_by(hit, answers, samples) for hit in live]
    last = max(rounds)
    asked = [
        _asked_at(hit, answers[:index], samples, fires) or hit.row.recorded_at
        for hit, index in zip(live, rounds, strict=True)
        if index == last
    ]
    return Standing(
        answers=tuple(answers),
        asked_at=min(asked),
        answer=answers[last] if last < len(answers) else None,
        review=_review([r for hit in hits if (r := _changed(hit, answers, samples))]),
    )


def _answers(pk: UUID, hits: Sequence[Fired], acts: Sequence[Act]) -> list[Act]:
    """Answers to this alert, or to one that saw the same results before episodes grew together."""
    lineages = {str(hit.row.lineage) for hit in hits}
    return [a for a in acts if a.key == str(pk) or lineages & set(a.payload.get("hits", ()))]


def _lists(act: Act, hit: Fired) -> bool:
    return str(hit.row.lineage) in act.payload.get("hits", ())


def _covered_by(hit: Fired, answers: Sequence[Act], samples: Samples) -> int:
    """Which answer was the first to see this hit as it is; the number of answers when none has."""
    for index, act in enumerate(answers):
        if not _lists(act, hit):
            continue
        seen = samples.counting(hit.row.lineage, act.recorded_at)
        if hit.superseded or (seen is not None and not rises(hit.row, seen)):
            return index
    return len(answers)


def rises(row: ResultFact, seen: ResultFact) -> bool:
    """May the value be higher than the one that was seen?"""
    if row.value is None or seen.value is None:
        return row.value is not None
    above = row.comparator in (">", ">=") and seen.comparator not in (">", ">=")
    return row.value > seen.value or (row.value == seen.value and above)


def _asked_at(hit: Fired, answers: Sequence[Act], samples: Samples, fires: Told) -> datetime | None:
    """Since when the hit asks for an answer: since it fires, or since it exceeds what earlier answers saw."""
    lineage = hit.row.lineage
    seen = [samples.counting(lineage, a.recorded_at) for a in answers if _lists(a, hit)]

    def asks(row: ResultFact | None) -> bool:
        return row is not None and fires(row) and all(s is None or rises(row, s) for s in seen)

    return samples.since(lineage, asks)


def _changed(hit: Fired, answers: Sequence[Act], samples: Samples) -> Review | None:
    """The last answer that saw another value or baseline than counts now, and the answer after it."""
    if hit.against is not None:
        return _moved(hit.against.learned_at, [a for a in answers if _lists(a, hit)])
    lineage = hit.row.lineage
    now = _content(samples.counting(lineage, samples.versions[lineage][-1].recorded_at))
    seen = [(a, _content(samples.counting(lineage, a.recorded_at))) for a in answers if _lists(a, hit)]
    for index in reversed(range(len(seen))):
        content = seen[index][1]
        if content in (None, now):
            continue
        since = samples.since(lineage, lambda row, old=content: _content(row) != old)  # type: ignore[misc]
        done = seen[index + 1][0].true_on if index + 1 < len(seen) else None
        return Review(since, done) if since else None
    return None


def _moved(at: datetime, answers: Sequence[Act]) -> Review | None:
    """The baseline changed at an instant, after which what was answered before is looked at again."""
    if not answers or answers[0].recorded_at >= at:
        return None
    return Review(at, next((a.true_on for a in answers if a.recorded_at >= at), None))


def _content(row: ResultFact | None) -> tuple[object, ...] | None:
    return None if row is None else (row.value, row.comparator)


def _review(found: Sequence[Review]) -> Review | None:
    """The open one that was asked first, else the one done last."""
    pending = [r for r in found if r.done_on is None]
    if pending:
        return min(pending, key=lambda r: r.asked_at)
    return max(found, key=lambda r: r.asked_at, default=None)
