"""Factor prophylaxis after the infusion goes on until a clinician stops it; Daymark may suggest, never decide.

A value within the washout of exogenous factor says nothing of the patient's own, so only clean values count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from patients.rules.bounds import exceeds
from workflow.rules.effects import Evidence
from workflow.rules.factor import clean
from workflow.rules.facts import PatientFacts, RegimenFact, ResultFact
from workflow.rules.gates.common import seen
from workflow.rules.protocol import Bridging, Protocol
from workflow.rules.triggers import follow_up_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgingState:
    """state: bridging, suggested (stopping may be considered), indeterminate or stopped."""

    state: str
    reason: str
    regimens: tuple[RegimenFact, ...]
    evidence: tuple[Evidence, ...] = ()
    rule: Bridging | None = None
    decided_by: str = ""
    decided_on: date | None = None


def bridging(protocol: Protocol, facts: PatientFacts, today: date) -> BridgingState | None:
    """The state of prophylaxis after Day 0; None before it, and when there was none."""
    running = tuple(r for r in facts.regimens if r.covers(today) and r.to_on != today)
    stop = facts.last_act("stop-prophylaxis")
    if facts.day0 is None or (not running and stop is None):
        return None
    if not running and stop is not None:
        return BridgingState(
            state="stopped",
            reason=stop.reason,
            regimens=(),
            decided_by=stop.by,
            decided_on=stop.true_on,
        )
    if protocol.bridging is None:
        return BridgingState(state="bridging", reason="No rule suggests a stop.", regimens=running)
    return _judged(protocol.bridging, protocol, facts, running)


def _judged(
    rule: Bridging, protocol: Protocol, facts: PatientFacts, running: tuple[RegimenFact, ...]
) -> BridgingState:
    rows = [r for r in follow_up_rows(rule.analyte, facts) if r.final and r.value is not None]
    run, open_run = _last_run(rule, clean(rows, protocol, facts)), _last_run(rule, rows)
    if _sustained(rule, run):
        text = f"{len(run)} values above {rule.above} in a row, none within the washout of factor."
        state, shown = "suggested", run
    elif _sustained(rule, open_run):
        text = "Values above the limit lie within the washout of factor; one drawn after it would tell."
        state, shown = "indeterminate", open_run
    else:
        text = f"Not yet {rule.results} clean values above {rule.above}, {rule.apart_days} days apart."
        state, shown = "bridging", run
    evidence = tuple(seen(r) for r in shown)
    return BridgingState(state=state, reason=text, regimens=running, evidence=evidence, rule=rule)


def _last_run(rule: Bridging, rows: Sequence[ResultFact]) -> list[ResultFact]:
    """The newest values in a row that are above the limit for certain."""
    run: list[ResultFact] = []
    for row in reversed(rows):
        if not _above(rule, row):
            break
        run.insert(0, row)
    return run


def _above(rule: Bridging, row: ResultFact) -> bool:
    return row.value is not None and exceeds(row.comparator, row.value, rule.above) is True


def _sustained(rule: Bridging, run: Sequence[ResultFact]) -> bool:
    if len(run) < rule.results:
        return False
    return (run[-1].collected_on - run[0].collected_on).days >= rule.apart_days
