"""Alerts: one per episode of a trigger. An alert is a signal to a clinician, never an order.

Its id rests on the hit that was recorded first, so it never moves. It is open until every hit is answered
as it now stands; resolved once answered and back; withdrawn when nothing is left of its evidence, or when
its episode grew together with an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from workflow.rules.answers import Samples, Standing, standing
from workflow.rules.effects import Alert, Hit, OtherValue
from workflow.rules.episodes import Episode, episodes
from workflow.rules.facts import PatientFacts, ResultFact
from workflow.rules.protocol import Protocol, Trigger
from workflow.rules.triggers import BORROWED_ULN, Baseline, Fired, baseline, borrows_uln, fired

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Scene:
    """What alerts of one trigger are made from."""

    trigger: Trigger
    facts: PatientFacts
    base: Baseline
    samples: Samples

    def fires(self, row: ResultFact) -> bool:
        return bool(fired(self.trigger, row, self.base).arms)

    def local(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.facts.timezone)).date()


def alerts(protocol: Protocol, facts: PatientFacts) -> tuple[Alert, ...]:
    """All alerts of all triggers, by first hit."""
    if facts.infusion is None:
        return ()
    found = [a for trigger in protocol.triggers for a in _alerts(trigger, facts)]
    return tuple(sorted(found, key=lambda a: (a.first_hit_on, a.rule, a.merged_into is not None, a.key)))


def _alerts(trigger: Trigger, facts: PatientFacts) -> Iterator[Alert]:
    scene = Scene(trigger, facts, baseline(trigger, facts), Samples.of(trigger.analyte, facts))
    for episode in episodes(trigger, facts, scene.base):
        alert = _alert(scene, episode)
        yield alert
        for part in episode.merged:
            key, pk = _identity(scene, part)
            if pk != alert.id:
                yield replace(
                    alert, key=key, id=pk, state="withdrawn", merged_into=alert.id, review_asked_on=None
                )


def _identity(scene: Scene, hits: Sequence[Fired]) -> tuple[str, UUID]:
    """Key and id of an alert: they rest on the hit of which a firing version was recorded first."""
    anchor = min((_first(scene, hit) for hit in hits), key=lambda row: (row.recorded_at, row.id))
    key = f"{scene.trigger.rule}:{anchor.lineage}"
    return key, uuid5(scene.facts.person.id, f"alert:{key}")


def _alert(scene: Scene, episode: Episode) -> Alert:
    key, pk = _identity(scene, episode.hits)
    acts = scene.facts.acts_by_kind.get("acknowledge", ())
    told = standing(pk, episode.hits, scene.samples, scene.fires, acts)
    hits = tuple(_hit(scene, hit) for hit in episode.hits)
    shown = [hit for hit in hits if not hit.superseded] or list(hits)
    newest = told.answers[-1] if told.answers else None
    return Alert(
        id=pk,
        key=key,
        rule=scene.trigger.rule,
        state=_state(episode, told),
        hits=hits,
        first_hit_on=min(h.on for h in shown),
        raised_on=min(h.learned_on for h in hits),
        asked_at=told.asked_at,
        asked_on=scene.local(told.asked_at),
        answered_on=told.answer.true_on if told.answer else None,
        review_asked_at=told.review.asked_at if told.review else None,
        review_asked_on=scene.local(told.review.asked_at) if told.review else None,
        review_done_on=told.review.done_on if told.review else None,
        peak=max(h.value for h in shown),
        baseline_flag=_flag(scene, episode),
        not_evaluable=tuple(dict.fromkeys(u for seen in episode.hits for u in seen.unknown)),
        unconfirmed=all(not h.confirmed for h in shown),
        superseded_evidence=told.review is not None or any(h.superseded for h in hits),
        decision=newest.payload["decision"] if newest else "",
        decided_by=newest.by if newest else "",
        decided_on=newest.true_on if newest else None,
        ended_on=episode.ended_on,
    )


def _state(episode: Episode, told: Standing) -> str:
    """open until every hit known is answered; resolved once answered and back; withdrawn without evidence."""
    if not episode.live:
        only_retracted = all(hit.retracted for hit in episode.hits)
        return "acknowledged" if told.answers and not only_retracted else "withdrawn"
    if told.answer is None:
        return "open"
    return "resolved" if episode.ended_on else "acknowledged"


def _first(scene: Scene, hit: Fired) -> ResultFact:
    """The version of this sample that fired and was recorded first."""
    versions = scene.samples.versions[hit.row.lineage]
    return next((row for row in versions if scene.fires(row)), hit.row)


def _flag(scene: Scene, episode: Episode) -> str:
    borrowed = any(borrows_uln(scene.trigger, hit.row, scene.base) for hit in episode.hits)
    changed = next((_change(hit.against.base, scene.base) for hit in episode.hits if hit.against), "")
    return "; ".join(filter(None, [scene.base.flag, BORROWED_ULN if borrowed else "", changed]))


def _change(was: Baseline, now: Baseline) -> str:
    """Why a hit no longer stands though its own value did not change."""
    if (was.value, was.comparator) == (now.value, now.comparator):
        return "its ULN was another when this fired"
    told = f"was {_told(was)} when this fired"
    return f"{told}, is {_told(now)} now" if now.row else f"{told}, was retracted since"


def _told(base: Baseline) -> str:
    return f"{base.comparator}{base.value.normalize():f}" if base.value is not None else "none"


def _hit(scene: Scene, seen: Fired) -> Hit:
    row, base = seen.row, seen.against.base if seen.against else scene.base
    assert row.value is not None
    return Hit(
        fact=row.id,
        lineage=row.lineage,
        on=row.collected_on,
        learned_on=scene.local(_first(scene, seen).recorded_at),
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
        other_values=_others(scene, row),
    )


def _others(scene: Scene, row: ResultFact) -> tuple[OtherValue, ...]:
    """Other values reported for the same sample, as reported."""
    if row.lineage in scene.facts.conflicts:
        return ()
    versions = sorted(
        scene.samples.versions[row.lineage],
        key=lambda r: (r.reported_at or r.collected_at, r.content_hash, r.id),
    )
    return tuple(
        OtherValue(fact=o.id, value=o.value, comparator=o.comparator, unit=o.unit)
        for o in versions
        if o.value is not None and (o.value, o.comparator) != (row.value, row.comparator)
    )


def _ratio(value: Decimal, reference: Decimal | None) -> Decimal | None:
    if not reference:
        return None
    return (value / reference).quantize(CENT, ROUND_HALF_UP)
