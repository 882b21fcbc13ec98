"""Each criterion of a contract judged at one milestone: met, not met, or not evaluable and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from outcomes.rules import sentences
from outcomes.rules.bleeding import Bleeds
from outcomes.rules.contract import Criterion
from outcomes.rules.figures import exact
from outcomes.rules.periods import DAY
from outcomes.rules.prophylaxis import proving
from outcomes.rules.record import Baseline
from outcomes.rules.scene import Scene, change
from outcomes.rules.verdicts import CriterionState, Proof, Reading
from patients.rules.bounds import at_least, at_most, below, exceeds
from workflow.rules.windows import Window

TESTS: dict[str, Callable[[str, Any, Any], bool | None]] = {
    ">": exceeds,
    ">=": at_least,
    "<": below,
    "<=": at_most,
}
WORDS = {True: "met", False: "not_met", None: "not_evaluable"}
UNITS = {
    "fix_activity": "IU/dL",
    "abr": "per year",
    "abr_change": "%",
    "factor_use": "IU/kg/year",
    "off_prophylaxis": "",
}


def judge(criterion: Criterion, scene: Scene) -> CriterionState:
    """The criterion by the data alone; what the contract says of missing data is applied here too."""
    state = JUDGES[criterion.metric](criterion, scene)
    if state.verdict == "not_evaluable" and scene.contract.missing_data == "not_met":
        return replace(state, verdict="not_met", reason=f"{state.reason} {sentences.MISSING_COUNTS}")
    return state


def blank(criterion: Criterion, verdict: str, reason: str = "", **more: Any) -> CriterionState:
    """The criterion with its condition and no value."""
    return CriterionState(
        code=criterion.code,
        metric=criterion.metric,
        assay=criterion.assay,
        unit=UNITS[criterion.metric],
        comparator=criterion.comparator,
        threshold=criterion.threshold,
        verdict=verdict,
        reason=reason,
        source=criterion.source,
        certainty=criterion.certainty,
        **more,
    )


def passes(criterion: Criterion, value: Decimal | Fraction, comparator: str = "") -> bool | None:
    """Whether a value satisfies the condition; None when a reported bound leaves it open."""
    assert criterion.threshold is not None
    limit = Fraction(criterion.threshold) if isinstance(value, Fraction) else criterion.threshold
    return TESTS[criterion.comparator](comparator, value, limit)


def _fix(criterion: Criterion, scene: Scene) -> CriterionState:
    found = scene.activity(criterion.assay)
    if found.reading is None:
        others = [a for a in scene.record.rules.assays if a != criterion.assay and scene.activity(a).reading]
        return blank(criterion, "not_evaluable", sentences.no_activity(criterion, found, others, scene.span))
    state = _reading(criterion, found.reading)
    return state if state.verdict != "not_met" or not criterion.cure_days else _cured(criterion, scene, state)


def _reading(criterion: Criterion, reading: Reading) -> CriterionState:
    answer = passes(criterion, reading.value, reading.comparator)
    return blank(
        criterion,
        WORDS[answer],
        sentences.activity(criterion, reading, answer),
        value=reading.value,
        value_comparator=reading.comparator,
        proofs=(Proof("result", reading.fact, reading.on),),
    )


def _cured(criterion: Criterion, scene: Scene, failed: CriterionState) -> CriterionState:
    """A failed activity after the cure period, or while it runs and nobody has attested the failure."""
    opens, closes = scene.span.closes + DAY, scene.span.closes + timedelta(days=criterion.cure_days)
    again = scene.activity_in(criterion.assay, Window(opens, opens, closes)).reading
    state = _reading(criterion, again) if again else failed
    if state.verdict == "met":
        return replace(state, reason=f"{state.reason} {sentences.CURED}")
    if scene.today <= closes and not scene.attested:
        return replace(failed, verdict="due", reason=f"{failed.reason} {sentences.curable(closes)}")
    return failed


def _abr(criterion: Criterion, scene: Scene) -> CriterionState:
    window = scene.window_of(criterion)
    seen = scene.bleeds(window)
    rate = scene.rate(seen, criterion.counts)
    more: dict[str, Any] = {"proofs": _bleeds(seen, criterion.counts)}
    if rate is None:
        reason = sentences.too_short(seen.days, scene.record.rules.least_days)
        return blank(criterion, "not_evaluable", reason, **more)
    answer = passes(criterion, rate)
    more |= {"value": exact(rate), "upper_limit": scene.limit(seen, criterion.counts)}
    reason = sentences.rate(criterion, rate, seen, answer)
    return blank(criterion, WORDS[answer], reason, **more)


def _abr_change(criterion: Criterion, scene: Scene) -> CriterionState:
    seen = scene.bleeds(scene.window_of(criterion))
    baseline = scene.record.baseline
    rate = scene.rate(seen, criterion.counts)
    before = baseline.rate(criterion.counts) if baseline else None
    changed = change(rate, before)
    more: dict[str, Any] = {
        "baseline": exact(before),
        "upper_limit": scene.limit(seen, criterion.counts),
        "proofs": (*_bleeds(seen, criterion.counts), *_lead_in(scene, baseline, criterion.counts)),
    }
    if changed is None or rate is None or baseline is None:
        return blank(criterion, "not_evaluable", _why_no_change(scene, seen, baseline, rate), **more)
    answer = passes(criterion, changed)
    reason = sentences.rate_change(criterion, changed, rate, seen, baseline, answer)
    return blank(criterion, WORDS[answer], reason, value=exact(changed), **more)


def _why_no_change(scene: Scene, seen: Bleeds, baseline: Baseline | None, rate: Fraction | None) -> str:
    rules = scene.record.rules
    if baseline is None:
        return sentences.NO_LEAD_IN
    if not baseline.long_enough:
        return sentences.short_lead_in(baseline.days, rules.lead_in_days)
    return sentences.too_short(seen.days, rules.least_days) if rate is None else sentences.NO_BASELINE_BLEED


def _bleeds(seen: Bleeds, kind: str) -> tuple[Proof, ...]:
    return tuple(Proof("bleed", b.id, b.onset_on) for b in seen.firsts(kind))


def _lead_in(scene: Scene, baseline: Baseline | None, kind: str) -> tuple[Proof, ...]:
    events = tuple(Proof("event", e.id, e.from_on) for e in scene.record.events("lead_in"))
    return (*events, *_bleeds(baseline.bleeds, kind)) if baseline else events


def _factor_use(criterion: Criterion, scene: Scene) -> CriterionState:
    window = scene.window_of(criterion)
    days = scene.bleeds(window).days
    used = scene.record.used(window.period, days, criterion.counts)
    if used is None:
        return blank(criterion, "not_evaluable", sentences.no_use(days, scene.record.rules.least_days))
    answer = passes(criterion, used)
    reason = sentences.use(criterion, used, days, answer)
    return blank(criterion, WORDS[answer], reason, value=exact(used))


def _off_prophylaxis(criterion: Criterion, scene: Scene) -> CriterionState:
    state = scene.prophylaxis
    regimens = proving(scene.record.facts, state.returned)
    return blank(
        criterion,
        "met" if state.off else "not_met",
        sentences.off_prophylaxis(state, scene.record.rules, scene.end),
        value=state.off,
        proofs=tuple(Proof("regimen", r.id, r.from_on) for r in regimens),
    )


JUDGES: dict[str, Callable[[Criterion, Scene], CriterionState]] = {
    "fix_activity": _fix,
    "abr": _abr,
    "abr_change": _abr_change,
    "factor_use": _factor_use,
    "off_prophylaxis": _off_prophylaxis,
}
