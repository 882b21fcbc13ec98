"""Safety triggers over the whole follow-up: which results fire, and which of them are one episode.

ALT trigger (strict): above twice the baseline, or above the upper limit of normal (ULN) of that very
result. Baseline is the last final value in the days before the infusion, else the last before it (flagged).
If the baseline was itself above ULN, the ULN arm also needs a value above baseline. Each arm that cannot be
evaluated says so and the other still runs. An episode ends with the first final value on which no arm
fires and that is at most the baseline or its own ULN. Alerts are signals to a clinician, never orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from patients.rules.bounds import at_least, at_most, exceeds
from workflow.rules.effects import Alert, Hit
from workflow.rules.facts import Act, PatientFacts, ResultFact
from workflow.rules.protocol import Arm, Protocol, Trigger

CENT = Decimal("0.01")
NO_BASELINE, NO_ULN = "no baseline", "no ULN"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The value before treatment; `flag` says when it is older than it should be or missing."""

    row: ResultFact | None
    flag: str = ""

    @property
    def value(self) -> Decimal | None:
        return self.row.value if self.row else None


@dataclass(frozen=True, slots=True)
class Fired:
    """What a result does under a trigger: arms that fire, arms that cannot be evaluated and why."""

    row: ResultFact
    arms: tuple[str, ...]
    unknown: tuple[str, ...]
    superseded: bool = False
    retracted: bool = False


@dataclass(slots=True)
class Episode:
    hits: list[Fired] = field(default_factory=list)
    ended_on: date | None = None


def alerts(protocol: Protocol, facts: PatientFacts) -> tuple[Alert, ...]:
    """All alerts of all triggers, by first hit."""
    if facts.infusion is None:
        return ()
    found = [a for trigger in protocol.triggers for a in _alerts(trigger, facts)]
    return tuple(sorted(found, key=lambda a: (a.first_hit_on, a.rule, a.key)))


def baseline(trigger: Trigger, facts: PatientFacts) -> Baseline:
    """The last final plain value before the infusion, flagged when it is older than `baseline_days`."""
    assert facts.infusion is not None
    before = [
        r
        for r in facts.of(trigger.analyte)
        if r.final and r.value is not None and r.comparator == "" and not _follow_up(r, facts)
    ]
    if not before:
        return Baseline(None, NO_BASELINE)
    oldest = facts.infusion.day0 - timedelta(days=trigger.baseline_days)
    return Baseline(before[-1], "" if before[-1].collected_on >= oldest else "older than the baseline window")


def fired(trigger: Trigger, row: ResultFact, base: Baseline) -> Fired:
    """Which arms fire on one result: only those that fire for every value the report allows."""
    arms, unknown = [], []
    for arm in trigger.arms:
        answer = _fires(arm, row, base)
        if answer is True:
            arms.append(arm.code)
        elif isinstance(answer, str):
            unknown.append(f"{arm.code}: {answer}")
    return Fired(row, tuple(arms), tuple(unknown))


def follow_up_rows(analyte: str, facts: PatientFacts) -> list[ResultFact]:
    """Results after the start of the infusion, oldest first."""
    return [r for r in facts.of(analyte) if _follow_up(r, facts)]


def _follow_up(row: ResultFact, facts: PatientFacts) -> bool:
    assert facts.infusion is not None
    if row.collected_on == facts.infusion.day0 and row.precision != "day":
        return row.collected_at >= facts.infusion.started_at
    return row.collected_on >= facts.infusion.day0


def _fires(arm: Arm, row: ResultFact, base: Baseline) -> bool | str:
    """True, False, or why it cannot be told."""
    if row.value is None:
        return "no number"
    if arm.against == "baseline":
        if base.value is None:
            return NO_BASELINE
        return _beyond(arm, row, base.value * arm.ratio)
    if row.reference_high is None:
        return NO_ULN
    answer = _beyond(arm, row, row.reference_high * arm.ratio)
    if answer is True and _baseline_above(base, row.reference_high):
        assert base.value is not None
        above = exceeds(row.comparator, row.value, base.value)
        return "the value is a bound" if above is None else above
    return answer


def _beyond(arm: Arm, row: ResultFact, limit: Decimal) -> bool | str:
    assert row.value is not None
    answer = (exceeds if arm.strict else at_least)(row.comparator, row.value, limit)
    return "the value is a bound" if answer is None else answer


def _baseline_above(base: Baseline, uln: Decimal) -> bool:
    """Was the baseline itself above its ULN? Without one, the new result's ULN judges."""
    if base.row is None or base.value is None:
        return False
    own = base.row.reference_high if base.row.reference_high is not None else uln
    return base.value > own


def _alerts(trigger: Trigger, facts: PatientFacts) -> Iterator[Alert]:
    base = baseline(trigger, facts)
    looked = [fired(trigger, r, base) for r in follow_up_rows(trigger.analyte, facts)]
    observed = sorted([*looked, *_former_hits(trigger, facts, base, looked)], key=_order)
    if trigger.confirm_on_repeat:
        observed = _confirmed(observed)
    for episode in _episodes(observed, base):
        yield _alert(trigger, facts, base, episode)


def _order(seen: Fired) -> tuple[object, ...]:
    return (seen.row.collected_at, seen.row.content_hash, seen.row.recorded_at, seen.row.id)


def _former_hits(
    trigger: Trigger, facts: PatientFacts, base: Baseline, looked: Sequence[Fired]
) -> Iterator[Fired]:
    """Versions that fired, were corrected or retracted, and whose present version does not fire."""
    present = {seen.row.lineage: bool(seen.arms) for seen in looked}
    done: set[UUID] = set()
    for row in facts.former:
        eligible = row.analyte == trigger.analyte and row.value is not None and _follow_up(row, facts)
        if not eligible or present.get(row.lineage) or row.lineage in done:
            continue
        if row.lineage in facts.conflicts:
            continue
        seen = fired(trigger, row, base)
        if seen.arms:
            done.add(row.lineage)
            yield Fired(row, seen.arms, seen.unknown, superseded=True, retracted=row.lineage not in present)


def _confirmed(observed: list[Fired]) -> list[Fired]:
    """Hits that a neighbouring result repeats; a lone hit is no hit."""

    def fires(index: int) -> bool:
        return 0 <= index < len(observed) and bool(observed[index].arms) and not observed[index].superseded

    return [
        seen if not seen.arms or fires(i - 1) or fires(i + 1) else Fired(seen.row, (), seen.unknown)
        for i, seen in enumerate(observed)
    ]


def _episodes(observed: Sequence[Fired], base: Baseline) -> Iterator[Episode]:
    """Hits that belong together: from the first one until the value is back."""
    corrected = {s.row.lineage for s in observed if s.superseded}
    running: Episode | None = None
    for seen in observed:
        if seen.arms:
            running = running or Episode()
            running.hits.append(seen)
        elif running and seen.row.lineage not in corrected and _back(seen.row, base):
            running.ended_on = seen.row.collected_on
            yield running
            running = None
    if running:
        yield running


def _back(row: ResultFact, base: Baseline) -> bool:
    """A final value at most the baseline or at most its own ULN."""
    if not row.final or row.value is None:
        return False
    limits = [limit for limit in (base.value, row.reference_high) if limit is not None]
    return any(at_most(row.comparator, row.value, limit) is True for limit in limits)


def _alert(trigger: Trigger, facts: PatientFacts, base: Baseline, episode: Episode) -> Alert:
    hits = tuple(_hit(seen, facts, base) for seen in episode.hits)
    anchor = min(episode.hits, key=lambda s: (s.row.recorded_at, s.row.id)).row.lineage
    key = f"{trigger.rule}:{anchor}"
    pk = uuid5(facts.person.id, f"alert:{key}")
    answers = _answers(pk, episode, facts)
    newest = answers[-1] if answers else None
    return Alert(
        id=pk,
        key=key,
        rule=trigger.rule,
        state=_state(episode, answers),
        hits=hits,
        first_hit_on=min(h.on for h in hits),
        raised_on=min(h.learned_on for h in hits),
        peak=max(h.value for h in hits),
        baseline_flag=base.flag,
        not_evaluable=tuple(dict.fromkeys(u for seen in episode.hits for u in seen.unknown)),
        unconfirmed=all(not h.confirmed for h in hits),
        superseded_evidence=any(h.superseded for h in hits),
        decision=newest.payload["decision"] if newest else "",
        decided_by=newest.by if newest else "",
        decided_on=newest.true_on if newest else None,
        ended_on=episode.ended_on,
    )


def _answers(pk: UUID, episode: Episode, facts: PatientFacts) -> list[Act]:
    """Acknowledgements of this alert, or of one that saw the same results before episodes grew together."""
    lineages = {str(seen.row.lineage) for seen in episode.hits}
    return [
        a
        for a in facts.acts_by_kind.get("acknowledge", ())
        if a.key == str(pk) or lineages & set(a.payload.get("hits", ()))
    ]


def _state(episode: Episode, answers: Sequence[Act]) -> str:
    """open until every hit known is answered; resolved once answered and back; withdrawn without evidence."""
    live = {str(s.row.lineage) for s in episode.hits if not s.superseded}
    if not live:
        only_retracted = all(s.retracted for s in episode.hits)
        return "acknowledged" if answers and not only_retracted else "withdrawn"
    covered = {hit for act in answers for hit in act.payload.get("hits", ())}
    if not live <= covered:
        return "open"
    return "resolved" if episode.ended_on else "acknowledged"


def _hit(seen: Fired, facts: PatientFacts, base: Baseline) -> Hit:
    row = seen.row
    assert row.value is not None
    return Hit(
        fact=row.id,
        lineage=row.lineage,
        on=row.collected_on,
        learned_on=row.recorded_at.astimezone(ZoneInfo(facts.timezone)).date(),
        value=row.value,
        comparator=row.comparator,
        unit=row.unit,
        arms=seen.arms,
        uln=row.reference_high,
        baseline=base.value,
        ratio_uln=_ratio(row.value, row.reference_high),
        ratio_baseline=_ratio(row.value, base.value),
        confirmed=row.final,
        superseded=seen.superseded,
    )


def _ratio(value: Decimal, reference: Decimal | None) -> Decimal | None:
    if not reference:
        return None
    return (value / reference).quantize(CENT, ROUND_HALF_UP)
