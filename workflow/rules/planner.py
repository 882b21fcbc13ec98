"""Which infusion dates are possible with the facts at hand, and which samples would open more.

A verdict can change only at a breakpoint, so each stretch between two breakpoints is judged once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from workflow.rules.effects import Draw
from workflow.rules.facts import PatientFacts
from workflow.rules.gates.common import Question
from workflow.rules.gates.judge import analytes_of, breakpoints, judge
from workflow.rules.protocol import Gate, Protocol

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Feasible:
    """Maximal runs of dates on which every blocking gate passes; `draws` for the date asked about."""

    earliest: date | None
    latest: date | None
    ranges: tuple[tuple[date, date], ...]
    draws: tuple[Draw, ...]


def feasible(protocol: Protocol, facts: PatientFacts, today: date) -> Feasible:
    """Possible dates from today over the planning horizon; draws for the booked date, else for today.

    After the infusion there are none: the therapy is given once in a lifetime.
    """
    if facts.infusion is not None:
        return Feasible(earliest=None, latest=None, ranges=(), draws=())
    ranges = tuple(_ranges(protocol, facts, today))
    on = facts.planned_on or today
    return Feasible(
        earliest=ranges[0][0] if ranges else None,
        latest=ranges[-1][1] if ranges else None,
        ranges=ranges,
        draws=tuple(draws(protocol, facts, on, today)),
    )


def _ranges(protocol: Protocol, facts: PatientFacts, today: date) -> Iterator[tuple[date, date]]:
    if protocol.status != "active":
        return
    horizon = today + timedelta(days=protocol.planning_horizon_days)
    starts = {today} | {d for g in protocol.gates if g.blocking for d in breakpoints(g, facts)}
    stretches = sorted(d for d in starts if today <= d <= horizon)
    run: tuple[date, date] | None = None
    for first, following in zip(stretches, [*stretches[1:], horizon + DAY], strict=True):
        possible = _possible(protocol, facts, first, today)
        if possible:
            run = (run[0] if run else first, following - DAY)
        elif run:
            yield run
            run = None
    if run:
        yield run


def _possible(protocol: Protocol, facts: PatientFacts, on: date, today: date) -> bool:
    return not any(judge(g, facts, on, today).blocks for g in protocol.gates if g.blocking)


def draws(protocol: Protocol, facts: PatientFacts, on: date, today: date) -> Iterator[Draw]:
    """Samples still needed for an infusion on `on`: per gate that lacks a result valid on that date.

    A second test that the results at hand ask for (the repeat of a first positive inhibitor, the genome after
    a positive screen) is needed too.
    """
    for gate in protocol.gates:
        if gate.params.get("validity_days") is None:
            continue
        verdict = judge(gate, facts, on, today)
        needed = tuple(dict.fromkeys([*_lacking(gate, facts, on, today), *verdict.draw]))
        if needed:
            yield _draw(protocol, gate, needed, on, max(today, verdict.draw_from or today))


def _lacking(gate: Gate, facts: PatientFacts, on: date, today: date) -> tuple[str, ...]:
    """Required analytes of a gate without a result valid on that date."""
    ask = Question(gate, facts, on, today)
    days = gate["validity_days"]

    def valid(analyte: str) -> bool:
        row = ask.newest(analyte)
        return row is not None and ask.valid(row, days)

    groups = [(a,) for a in required(gate)] + [tuple(g) for g in gate.params.get("any_of") or ()]
    return tuple(a for group in groups if not any(map(valid, group)) for a in group[:1])


def required(gate: Gate) -> tuple[str, ...]:
    """Analytes that must be there whatever the others say; a reflex test is drawn on a positive screen."""
    if gate.kind == "hepatitis-b":
        return (gate["hbsag"], gate["anti_hbc"])
    if gate.kind == "reflex":
        return (gate["screen"],)
    if gate.kind == "presence":
        return tuple(gate["all_of"])
    return analytes_of(gate)


def _draw(protocol: Protocol, gate: Gate, analytes: tuple[str, ...], on: date, since: date) -> Draw:
    """The window for `on`, which begins on `since` or later."""
    first = max(since, on - timedelta(days=gate["validity_days"]))
    order_to = gate.params.get("order_to_days")
    last = on - timedelta(days=order_to) if order_to else on
    turnaround = max(protocol.turnaround_days.get(a, 0) for a in analytes)
    safe = on - timedelta(days=turnaround)
    return Draw(
        gate=gate.code,
        analytes=analytes,
        from_on=first,
        to_on=max(first, last),
        last_safe=safe if safe >= first else None,
    )
