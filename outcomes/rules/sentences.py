"""The reasons of verdicts, one plain sentence each, with the numbers they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from outcomes.rules.activity import Activity
from outcomes.rules.bleeding import Bleeds
from outcomes.rules.contract import Criterion
from outcomes.rules.figures import beside, exact, plain
from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.prophylaxis import Prophylaxis
from outcomes.rules.record import Baseline
from outcomes.rules.verdicts import Reading
from workflow.rules.windows import Window

ASSAYS = {"one_stage": "one-stage", "chromogenic": "chromogenic"}
CONDITIONS = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}
ANSWERS = {True: "is", False: "is not", None: "may or may not be"}
KINDS = {"all": "", "treated": " treated", "spontaneous": " spontaneous", "joint": " joint"}
MISSING_COUNTS = "This contract counts missing data as not met."
CURED = "Measured again within the cure period."
ALL_MET = "All criteria are met."
NO_LEAD_IN = "There is no lead-in: nothing says since when bleeds were observed before the infusion."
NO_BASELINE_BLEED = "No bleed was seen in the lead-in, so a change cannot be computed."


def activity(criterion: Criterion, reading: Reading, answer: bool | None) -> str:
    name = ASSAYS[criterion.assay].capitalize()
    value = f"{reading.comparator}{plain(reading.value)} IU/dL on {reading.on.isoformat()}"
    return f"{name} factor activity {value} {ANSWERS[answer]} {_condition(criterion)}."


def _condition(criterion: Criterion) -> str:
    assert criterion.threshold is not None
    return f"{CONDITIONS[criterion.comparator]} {plain(criterion.threshold)}"


def no_activity(criterion: Criterion, found: Activity, others: Sequence[str], span: Window) -> str:
    """Why an assay has no value: what there is instead."""
    name = ASSAYS[criterion.assay]
    if found.contaminated:
        text = f"Contaminated only: factor concentrate was in {_count(found.contaminated, name + ' sample')}"
    elif found.preliminary:
        text = f"Only {_count(found.preliminary, 'preliminary ' + name + ' result')}"
    elif others:
        text = f"Missing assay: {ASSAYS[others[0]]} was measured, {name} was not"
    elif found.outside:
        text = f"Out of window: {_count(found.outside, name + ' sample')} since Day 0, none"
    else:
        text = f"Missing: no {name} sample"
    return f"{text} in the window {span.opens.isoformat()} to {span.closes.isoformat()}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def curable(until: date) -> str:
    return f"It may be measured again until {until.isoformat()}."


def too_short(days: int, least: int) -> str:
    return f"Insufficient observation: {_count(days, 'day')} observed, {least} are needed."


def short_lead_in(days: int, least: int) -> str:
    return (
        f"The lead-in is too short: {_count(days, 'day')} observed before the infusion, {least} are needed."
    )


def rate(criterion: Criterion, value: Fraction, seen: Bleeds, answer: bool | None) -> str:
    number = _beside(criterion, value)
    told = f"Crude ABR {number} ({_seen(seen, criterion.counts)})"
    return f"{told} {ANSWERS[answer]} {_condition(criterion)}."


def _beside(criterion: Criterion, value: Fraction) -> str:
    number = exact(value)
    assert number is not None
    return beside(number, criterion.threshold)


def _seen(seen: Bleeds, kind: str) -> str:
    return f"{_count(seen.of(kind), f'{KINDS[kind]} bleed'.strip())} in {seen.days} observed days"


def rate_change(
    criterion: Criterion,
    value: Fraction,
    now: Fraction,
    seen: Bleeds,
    baseline: Baseline,
    answer: bool | None,
) -> str:
    before = baseline.rate(criterion.counts)
    rates = [beside(n, None) for n in (exact(now), exact(before)) if n is not None]
    kind = criterion.counts
    told = f"Crude ABR {rates[0]} ({_seen(seen, kind)}) against {rates[1]} before ({_seen(baseline.bleeds, kind)})"
    return f"{told}: a change of {_beside(criterion, value)} % {ANSWERS[answer]} {_condition(criterion)} %."


def use(criterion: Criterion, value: Fraction, days: int, answer: bool | None) -> str:
    number = _beside(criterion, value)
    reasons = "" if criterion.counts == "all" else f" ({criterion.counts.replace('_', ' ')})"
    told = f"Factor use{reasons} {number} IU/kg/year in {days} observed days"
    return f"{told} {ANSWERS[answer]} {_condition(criterion)}."


def no_use(days: int, least: int) -> str:
    if days < least:
        return too_short(days, least)
    return "Factor use cannot be told: a weight, or the doses of a prophylaxis that ran, are not recorded."


def off_prophylaxis(state: Prophylaxis, rules: MeasureRules, end: date) -> str:
    if state.off:
        return f"No continuous prophylaxis from day {rules.free_from_day} to {end.isoformat()}."
    assert state.returned is not None
    first, last = state.returned.first.isoformat(), state.returned.last
    if state.never_off:
        return f"Never off prophylaxis from day {rules.free_from_day} to {end.isoformat()}."
    if last >= end:
        return f"Continuous prophylaxis since {first}, still running on {end.isoformat()}."
    return f"Continuous prophylaxis from {first} to {last.isoformat()}."


def censored(kind: str, on: date) -> str:
    return f"Censored: {kind.replace('_', ' ')} on {on.isoformat()}."


def applies_from(month: int) -> str:
    return f"Applies from month {month} on."


def provisional(month: int, reason: str) -> str:
    return f"{applies_from(month)} Provisional: {reason}"


def so_far(reason: str) -> str:
    return f"So far: {reason}"


def not_yet_in_a_row(reason: str, count: int, needed: int) -> str:
    return f"{reason} That is {count} of {needed} in a row, so it counts as met."


def lost_before(month: int) -> str:
    return f"The warranty was lost at month {month}."
