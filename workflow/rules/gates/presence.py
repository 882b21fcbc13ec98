"""Results that must be there: the one way to say missing, expired, waiting or collected at an unknown hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from patients.rules.bounds import at_least, at_most
from patients.rules.words import analyte as named
from workflow.rules.effects import Evidence, GateVerdict
from workflow.rules.facts import ResultFact
from workflow.rules.gates.common import Question, last_valid, plain, seen, shown

ORDER = ("fail", "indeterminate", "missing", "expired", "retest_due", "hold", "pass")
"""Which verdict stands when analytes of one gate disagree: the first of these."""


def lacking(ask: Question, analyte: str, days: int) -> GateVerdict | None:
    """Why an analyte has no result that counts on that date; None when it has one."""
    row = ask.newest(analyte)
    valid = row is not None and ask.valid(row, days)
    if valid and row is not None and ask.before_start(row) is None:
        return ask.verdict(
            "indeterminate",
            f"{named(analyte)} was collected on the day of the infusion at an unknown time, so it may be too late.",
            evidence=[seen(row)],
            next_step=f"Record the time at which {named(analyte)} was collected.",
        )
    doubt = in_doubt(ask, analyte, row.collected_on if valid and row is not None else None)
    if doubt is not None:
        return doubt
    if valid:
        return None
    if row is None:
        return _missing(ask, analyte)
    return ask.verdict(
        "expired",
        f"{named(analyte)} of {plain(row.collected_on)} counts for {days} days, to {plain(last_valid(row, days))}.",
        evidence=[seen(row)],
        next_step=f"Draw {named(analyte)} again within {days} days before the infusion.",
        valid_until=last_valid(row, days),
    )


def in_doubt(ask: Question, analyte: str, since: date | None) -> GateVerdict | None:
    """What an item in quarantine makes of a result collected on `since`, or of none."""
    waiting = ask.waiting(analyte, since)
    if waiting is None:
        return None
    return ask.verdict(
        "indeterminate",
        f"1 item waits in quarantine: {waiting.reason}.",
        next_step=f"Resolve the {named(analyte)} item on the quarantine desk.",
    )


def _missing(ask: Question, analyte: str) -> GateVerdict:
    early = [r for r in ask.facts.of(analyte) if r.status == "preliminary" and r.collected_on <= ask.on]
    if early:
        return ask.verdict(
            "missing",
            f"{named(analyte)} has only a preliminary result, {shown(early[-1])} of {plain(early[-1].collected_on)}.",
            evidence=[seen(early[-1], "preliminary")],
            next_step=f"Wait for the final {named(analyte)} result.",
        )
    return ask.verdict(
        "missing",
        f"No {named(analyte)} result is recorded.",
        next_step=f"Order {named(analyte)} and record it.",
    )


def worst(verdicts: Sequence[GateVerdict]) -> GateVerdict | None:
    """The verdict that stands among several of one gate."""
    return min(verdicts, key=lambda v: ORDER.index(v.verdict), default=None)


def valid_rows(ask: Question, analytes: Sequence[str], days: int) -> list[ResultFact]:
    """The newest result per analyte, for those that count."""
    rows = [ask.newest(a) for a in analytes]
    return [r for r in rows if r is not None and ask.valid(r, days)]


def until(rows: Sequence[ResultFact], days: int) -> date | None:
    """The last Day 0 on which all these results count."""
    return min((last_valid(r, days) for r in rows), default=None)


def presence(ask: Question) -> GateVerdict:
    """Each analyte of `all_of`, and one of each group of `any_of`, recorded in time; policy limits hold.

    Blood counts: CBC (HGB, WBC, PLT) and PT or INR. Baseline factor activity: one-stage and chromogenic.
    """
    gate, days = ask.gate, ask.gate["validity_days"]
    groups = [(a,) for a in gate["all_of"]] + [tuple(g) for g in gate["any_of"] or ()]
    problems: list[GateVerdict] = []
    rows: list[ResultFact] = []
    lasting: list[ResultFact] = []
    for group in groups:
        found = valid_rows(ask, group, days)
        lasting += sorted(found, key=lambda r: r.collected_on)[-1:]
        judged = [v for a in group if (v := lacking(ask, a, days))]
        if len(judged) == len(group):
            problems.append(_gentlest(judged))
        rows.extend(found)
    problems += _outside(ask, rows)
    evidence = [seen(r) for r in rows]
    problem = worst(problems)
    if problem is not None:
        return problem if problem.evidence else _with(ask, problem, evidence)
    return ask.verdict(
        "pass",
        f"Recorded: {', '.join(shown_with_name(r) for r in rows)}.",
        evidence=evidence,
        valid_until=until(lasting, days),
    )


def _gentlest(judged: Sequence[GateVerdict]) -> GateVerdict:
    """Of alternatives none of which counts, the one nearest to counting is reported."""
    return max(judged, key=lambda v: ORDER.index(v.verdict))


def _with(ask: Question, verdict: GateVerdict, evidence: Sequence[Evidence]) -> GateVerdict:
    return ask.verdict(
        verdict.verdict,
        verdict.reason,
        evidence=evidence,
        next_step=verdict.next_step,
        valid_until=verdict.valid_until,
    )


def shown_with_name(row: ResultFact) -> str:
    return f"{named(row.analyte)} {shown(row)}"


def _outside(ask: Question, rows: Sequence[ResultFact]) -> list[GateVerdict]:
    """Policy limits, e.g. platelets at least 50."""
    found: list[GateVerdict] = []
    for limit in ask.gate["limits"] or ():
        for row in rows:
            if row.analyte != limit["analyte"] or row.value is None:
                continue
            kind, bound = next((k, limit[k]) for k in ("at_least", "at_most") if k in limit)
            compare = at_least if kind == "at_least" else at_most
            holds = compare(row.comparator, row.value, bound)
            if holds is not True:
                words = "at least" if kind == "at_least" else "at most"
                verdict = "fail" if holds is False else "indeterminate"
                reason = f"{shown_with_name(row)} must be {words} {bound}."
                found.append(
                    ask.verdict(verdict, reason, evidence=[seen(row)], next_step="Treat, then repeat.")
                )
    return found
