"""The pictures of the patient page: which facts go into which plot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from outcomes.admin.patient_view import iso, soon
from workflow.admin import told
from workflow.rules import charts, window_chart
from workflow.rules.activity_chart import activity
from workflow.rules.alt_chart import alt
from workflow.rules.facts import PatientFacts, ResultFact
from workflow.rules.protocol import Protocol
from workflow.rules.triggers import baseline

Status = Mapping[str, Any]
BEFORE = timedelta(weeks=4)


def window(status: Status) -> window_chart.WindowChart | None:
    """Bars of the gates that expire, until the infusion is given."""
    if status["infusion"] or not status["feasible"]:
        return None
    spans = [s for g in status["gates"] if (s := _span(g, status))]
    good = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in status["feasible"]["ranges"]]
    return window_chart.window(
        sorted(spans, key=lambda s: s.to_on),
        good=good,
        today=date.fromisoformat(status["as_of"]),
        booked=iso((status["plan"] or {}).get("infusion_on")),
        finding=window_finding(status, good, spans),
    )


def _span(gate: Status, status: Status) -> window_chart.Span | None:
    until, dates = iso(gate["valid_until"]), [e["on"] for e in gate["evidence"]]
    if until is None or not dates:
        return None
    return window_chart.Span(gate["title"], date.fromisoformat(max(dates)), until, soon(gate, status))


def window_finding(status: Status, good: list[tuple[date, date]], spans: list[window_chart.Span]) -> str:
    """The planner's answer in a sentence: which days, what ends first, or why no day works."""
    if not good:
        titles = [g["title"] for g in status["gates"] if g["code"] in status["blocked_by"]]
        return f"No day works yet. To repeat or add: {', '.join(titles)}." if titles else "No day works yet."
    first, last = good[0]
    days = f"Only {_long(first)}" if first == last else f"Any day from {_long(first)} to {_long(last)}"
    ends = [s.text for s in spans if s.to_on == last]
    return f"{days}." + (f" {ends[0]} expires first." if ends else "")


def _long(on: date) -> str:
    return f"{on.day} {on:%B}"


def alt_chart(status: Status, facts: PatientFacts, protocol: Protocol) -> charts.Chart | None:
    """ALT since four weeks before Day 0, by the pathway's first trigger that compares with the baseline."""
    if facts.day0 is None:
        return None
    trigger = next((t for t in protocol.triggers if any(a.against == "baseline" for a in t.arms)), None)
    if trigger is None:
        return None
    arm = next(a for a in trigger.arms if a.against == "baseline")
    own = [a for a in status["alerts"] if a["rule"] == trigger.rule and a["state"] != "withdrawn"]
    return alt(
        _points(r for r in facts.of(trigger.analyte) if r.collected_on >= facts.day0 - BEFORE),
        day0=facts.day0,
        baseline=baseline(trigger, facts).value,
        factor=arm.ratio,
        hits=[date.fromisoformat(h["on"]) for a in own for h in a["hits"]],
        triggers=[(date.fromisoformat(a["first_hit_on"]), f"Trigger: {told.alert_what(a)}") for a in own],
        steps=_steps(status),
    )


def _steps(status: Status) -> list[charts.Step]:
    """Prednisone by day; a step held open is drawn for a week, or up to today."""
    today = date.fromisoformat(status["as_of"])
    found = [
        (date.fromisoformat(s["from"]), iso(s["to"]), Decimal(s["mg_per_day"]))
        for course in status["steroid_courses"]
        for s in course["steps"]
    ]
    return [
        charts.Step(first, last or max(today, first + timedelta(days=6)), mg) for first, last, mg in found
    ]


def activity_chart(status: Status, facts: PatientFacts, protocol: Protocol) -> charts.Chart | None:
    """Factor activity since Day 0 by both assays, with the contract's windows and limits."""
    item = next((i for i in protocol.monitoring if i.kind.endswith("activity")), None)
    if facts.day0 is None or item is None:
        return None
    factor = item.analytes[0].partition("_")[0]
    return activity(
        _points(r for r in facts.of(f"{factor}_OS") if r.collected_on >= facts.day0),
        _points(r for r in facts.of(f"{factor}_CH") if r.collected_on >= facts.day0),
        day0=facts.day0,
        factor=factor,
        milestones=[
            charts.Month(
                m["month"],
                date.fromisoformat(m["opens_on"]),
                date.fromisoformat(m["closes_on"]),
                m["verdict"],
            )
            for m in status["milestones"]
        ],
        thresholds=_limits(status),
    )


def _limits(status: Status) -> list[tuple[str, Decimal]]:
    found = {
        (c["assay"].replace("_", "-"), Decimal(c["threshold"]))
        for m in status["milestones"]
        for c in m.get("criteria", ())
        if c["metric"] == "fix_activity" and c.get("threshold")
    }
    return sorted(found)


def _points(results: Iterable[ResultFact]) -> list[charts.Point]:
    return [
        charts.Point(r.collected_on, r.value, r.comparator, r.reference_high)
        for r in results
        if r.value is not None
    ]
