"""Endogenous factor that falls, and bleeds: an inhibitor test and a factor assay are due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from patients.rules.bounds import at_most, below
from patients.rules.words import analyte as named
from workflow.rules.effects import Task
from workflow.rules.exogenous import exposure
from workflow.rules.facts import PatientFacts, ResultFact
from workflow.rules.fulfilment import Filled, facts_of, fill
from workflow.rules.missing import Asking, exact_value, time_of
from workflow.rules.protocol import FactorFall, Protocol
from workflow.rules.triggers import follow_up_rows, untimed_rows
from workflow.rules.windows import Window, missed_from

DAY = timedelta(days=1)
BELOW = ("<", "<=")
Judged = tuple[ResultFact, str | bool | None]
"""A value with how it fell (a sentence), False for not at all, or None when it cannot be told."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a check is due from a day on; a fall is a factor assay itself, so another one is needed."""

    on: date
    bleed: bool
    why: str


def tasks(protocol: Protocol, facts: PatientFacts) -> Iterator[Task]:
    """Checks that are due, and data without which a fall cannot be judged."""
    rule = protocol.factor_fall
    if rule is None or facts.day0 is None:
        return
    judged = list(_judged(rule, protocol, facts))
    yield from _data(rule, protocol, facts, judged)
    yield from _checks(rule, facts, judged)


def _checks(rule: FactorFall, facts: PatientFacts, judged: Sequence[Judged]) -> Iterator[Task]:
    """One check per reason; a reason within a running check joins it, a bleed only while it is not done."""
    falls = [Reason(row.collected_on, False, fell) for row, fell in judged if isinstance(fell, str)]
    bleeds = [
        Reason(b.onset_on, True, "a bleed after the infusion")
        for b in facts.bleeds
        if facts.day0 is not None and b.onset_on > facts.day0
    ]
    running: Task | None = None
    for reason in sorted([*falls, *bleeds]):
        if running is not None and _covers(running, reason):
            continue
        running = _check(rule, facts, reason)
        yield running


def _covers(running: Task, reason: Reason) -> bool:
    if reason.on > running.closes_on:
        return False
    return not reason.bleed or running.ended_on is None or running.ended_on >= reason.on


def _check(rule: FactorFall, facts: PatientFacts, reason: Reason) -> Task:
    analytes = (rule.inhibitor, rule.analyte)
    closes = reason.on + timedelta(days=rule.window_days)
    filled = _filled(rule, facts, reason, closes)
    done = filled.done(analytes)
    rows = filled.rows()
    return Task(
        key=f"factor-check:{reason.on.isoformat()}",
        kind="factor-check",
        title="Inhibitor test and factor assay",
        opens_on=reason.on,
        due_on=closes,
        closes_on=closes,
        missed_on=missed_from(closes, rule.grace_days),
        analytes=analytes,
        obligations=("label-us",),
        ended_as="done" if done else None,
        ended_on=max(r.collected_on for r in rows) if done else None,
        fulfilled_by=facts_of(rows) if done else (),
        have=filled.have(analytes),
        need=len(analytes),
        why=f"{reason.why}; {rule.source.text}",
    )


def _filled(rule: FactorFall, facts: PatientFacts, reason: Reason, closes: date) -> Filled:
    """Tests from the day of the reason on; the assay that showed a fall is not the one that is asked for."""
    assay_from = reason.on if reason.bleed else reason.on + DAY
    filled = fill(facts, (rule.inhibitor,), [Window(closes, reason.on, closes)])[0]
    filled.inside.update(fill(facts, (rule.analyte,), [Window(closes, assay_from, closes)])[0].inside)
    return filled


def _data(
    rule: FactorFall, protocol: Protocol, facts: PatientFacts, judged: Sequence[Judged]
) -> Iterator[Task]:
    """Clean values of which it cannot be told whether they fell: the number or the time of day is missing."""
    asking = Asking("a falling factor", rule.window_days, rule.grace_days)
    for row, fell in judged:
        if fell is None:
            yield exact_value(row, asking)
    for row in clean(untimed_rows(rule.analyte, facts), protocol, facts):
        if isinstance(_fell(rule, row, []), str):
            yield time_of(row, asking)


def _judged(rule: FactorFall, protocol: Protocol, facts: PatientFacts) -> Iterator[Judged]:
    """Each clean value after the infusion, judged by those in the time of looking back before it."""
    earlier: list[tuple[date, Decimal]] = []
    for row in clean(follow_up_rows(rule.analyte, facts), protocol, facts):
        since = row.collected_on - timedelta(days=rule.lookback_days)
        yield row, _fell(rule, row, [value for on, value in earlier if on >= since])
        if row.value and row.comparator not in BELOW:
            earlier.append((row.collected_on, row.value))


def _fell(rule: FactorFall, row: ResultFact, earlier: Sequence[Decimal]) -> str | bool | None:
    """How it fell: below the floor, or by the share from the highest value before. None: it cannot be told."""
    assert row.value is not None
    low = below(row.comparator, row.value, rule.floor)
    if low is True:
        return f"{named(rule.analyte)} {row.comparator}{row.value} is below {rule.floor}"
    highest = max(earlier, default=None)
    if highest is None:
        return low
    fell = at_most(row.comparator, row.value, highest * (100 - rule.fall_percent) / 100)
    if fell is True:
        return f"{named(rule.analyte)} {row.comparator}{row.value} fell from {highest}"
    return None if fell is None else low


def clean(rows: list[ResultFact], protocol: Protocol, facts: PatientFacts) -> list[ResultFact]:
    """Final values in which no exogenous factor is measured."""
    given = exposure(facts, protocol.washout)
    return [r for r in rows if r.final and r.value is not None and not given.contaminates(r.collected_on)]
