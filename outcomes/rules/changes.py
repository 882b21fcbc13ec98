"""What changed a milestone after it was signed, and which facts did it.

The facts recorded since are taken in one by one, in the order of recording; each instant at which the milestone
becomes another is a cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from outcomes.rules.contract import Contract
from outcomes.rules.figures import plain
from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.milestones import at_month
from outcomes.rules.signing import IGNORED, JUDGED, Signed, agrees
from workflow.rules.facts import Act, Fact, History, ResultFact, known

ACTS = ("enrolment", "void", "merge", "unmerge")
NAMES = {
    "bleeds": "bleed", "factor_uses": "factor_use", "regimens": "regimen", "events": "event", "infusions": "infusion",
    "acts": "act", "results": "result",
}  # fmt: skip
UNEXPLAINED = "No fact recorded since explains it: the rules or the calendar did."


@dataclass(frozen=True, slots=True)
class Cause:
    """A fact that changed a milestone, in words."""

    fact: str
    says: str
    recorded_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Change:
    """One number or verdict before and after; `field` as in criteria.fix-level.verdict."""

    field: str
    old: Any
    new: Any


def causes(
    history: History, contract: Contract, month: int, today: date, rules: MeasureRules, last: Signed
) -> tuple[Cause, ...]:
    """The facts that changed what was signed last, in the order of recording."""
    since = _since(history, rules, last.recorded_at)
    before: Mapping[str, Any] = last.milestone
    found: list[Cause] = []
    for moment in sorted({fact.recorded_at for _, fact in since}):
        state = at_month(known(history, as_of=today, as_known_at=moment), contract, month, today, rules)
        now = milestone_json(state) if state else {}
        if not agrees(before, now):
            found += [_cause(kind, f, history) for kind, f in since if f.recorded_at == moment]
        before = now
    return tuple(found)


def _since(history: History, rules: MeasureRules, moment: datetime) -> list[tuple[str, Fact]]:
    """Facts recorded after an instant that a milestone may rest on."""
    analytes = {*rules.assays.values(), rules.weight_analyte}
    return [
        (kind, fact)
        for kind in NAMES
        for fact in getattr(history, kind)
        if fact.recorded_at > moment
        and (not isinstance(fact, ResultFact) or fact.analyte in analytes)
        and (not isinstance(fact, Act) or fact.kind in ACTS)
    ]


def _cause(kind: str, fact: Fact, history: History) -> Cause:
    name = NAMES[kind]
    says = _result(fact, history) if isinstance(fact, ResultFact) else _fact(name, fact)
    return Cause(f"{name}:{fact.id}", says, fact.recorded_at, fact.by)


def _result(fact: ResultFact, history: History) -> str:
    about = f"{fact.analyte} of {fact.collected_on.isoformat()}"
    older = [r for r in history.results if r.lineage == fact.lineage and r.recorded_at < fact.recorded_at]
    if fact.status == "entered_in_error":
        return f"{about} was retracted"
    if not older:
        return f"{about}: {_value(fact)} arrived"
    return f"{about}: {_value(max(older, key=lambda r: r.recorded_at))} became {_value(fact)}"


def _value(fact: ResultFact) -> str:
    return f"{fact.comparator}{plain(fact.value)} {fact.unit}" if fact.value is not None else fact.value_text


def _fact(name: str, fact: Fact) -> str:
    if isinstance(fact, Act):
        return f"{fact.kind} of {fact.true_on.isoformat()}"
    days = ("onset_on", "given_on", "from_on", "day0")
    on = next(getattr(fact, d) for d in days if hasattr(fact, d))
    done = "retracted" if fact.retracted else "corrected" if fact.supersedes else "recorded"
    return f"{name.replace('_', ' ')} of {on.isoformat()} was {done}"


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """What is different from what was signed."""
    return tuple(c for name in JUDGED if name in then for c in _changes(name, then[name], now.get(name)))


def _changes(field: str, then: Any, now: Any) -> Iterator[Change]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for name, value in then.items():
            if name not in IGNORED:
                yield from _changes(f"{field}.{name}", value, now.get(name))
    elif isinstance(then, list) and isinstance(now, list):
        after = _by_code(now)
        for code, row in _by_code(then).items():
            yield from _changes(f"{field}.{code}", row, after.get(code))
    elif then != now:
        yield Change(field, then, now)


def _by_code(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {row["code"]: row for row in rows}


def told(found: Iterable[Cause]) -> str:
    """The causes in one sentence."""
    text = "; ".join(c.says for c in found)
    return f"{text[0].upper()}{text[1:]}." if text else UNEXPLAINED
