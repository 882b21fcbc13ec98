"""The plans a payer wants to read: weekly liver panels after the infusion, and what is done when ALT rises."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from workflow.rules.protocol import Arm, MonitoringItem, Protocol, SteroidTemplate

AGAINST = {"baseline": "baseline", "uln": "the upper limit of normal"}
PANEL = "liver-panel"
Lines = tuple[tuple[str, str], ...]


def weekly_panels(protocol: Protocol, on: date) -> Lines:
    """What is drawn, in which weeks, and the target dates for an infusion on `on`."""
    item = next((m for m in protocol.monitoring if m.kind == PANEL), None)
    weeks = [s.number for s in item.slots if s.unit == "w"] if item else []
    if item is None or not weeks:
        return ()
    dates = [(on + timedelta(weeks=w)).isoformat() for w in weeks]
    return (
        ("Panel", ", ".join(item.analytes)),
        ("Schedule", f"weekly, weeks {weeks[0]} to {weeks[-1]} ({len(weeks)} panels)"),
        (f"Target dates for an infusion on {on.isoformat()}", ", ".join(dates)),
        ("Rule", _sourced(item)),
    )


def _sourced(item: MonitoringItem) -> str:
    return f"{item.source.text} ({item.source.certainty})"


def steroids(protocol: Protocol) -> Lines:
    """When a course is considered, and the template a clinician starts from."""
    lines = [
        ("Considered when", f"{t.analyte} is {' or '.join(_arm(a) for a in t.arms)}")
        for t in protocol.triggers
        if t.decision_task
    ]
    if protocol.steroids is not None:
        lines += _template(protocol.steroids)
    return tuple(lines)


def _arm(arm: Arm) -> str:
    word = "above" if arm.strict else "at least"
    times = f"{_text(arm.ratio)} times " if arm.ratio != 1 else ""
    return f"{word} {times}{AGAINST[arm.against]}"


def _template(plan: SteroidTemplate) -> Lines:
    steps = ", ".join(f"{_text(mg)} mg for {days} days" for days, mg in plan.steps)
    taper = ", ".join(f"{_text(mg)} mg for {days} days" for days, mg in plan.taper)
    first, last = plan.usual_weeks
    return (
        (
            "Prednisone a day",
            f"{steps}, then {_text(plan.hold_mg)} mg until ALT is back at baseline, then {taper}",
        ),
        ("Usual length", f"{first} to {last} weeks"),
        ("Rule", f"{plan.source.text} ({plan.source.certainty})"),
    )


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")
