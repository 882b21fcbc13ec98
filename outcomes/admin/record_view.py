"""What was observed, as the patient page sums it up: bleeds, concentrate, results, and all of it on one line of time.

No queries, no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from outcomes.admin.patient_view import iso
from patients.rules import words
from patients.rules.bleeds import distinct
from patients.rules.bounds import exceeds
from patients.rules.words import counted
from workflow.admin import marks, told
from workflow.rules.charts import plain
from workflow.rules.facts import BleedFact, History, PatientFacts, ResultFact
from workflow.rules.gates.common import shown

BLEEDS_SHOWN, USES_SHOWN, MOMENTS_SHOWN = 5, 5, 30
Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the timeline: a day, its shape and word, what happened, and the day since Day 0."""

    on: date
    mark: marks.Mark
    what: str
    detail: str = ""
    study_day: int | None = None


def bleeding(facts: PatientFacts) -> dict[str, Any]:
    """Bleeds (records of one place within 72 hours are one), concentrate and prophylaxis, newest first."""
    bleeds = [_bleed(group) for group in reversed(distinct(facts.bleeds))]
    since = [b for b in bleeds if facts.day0 and b["on"] >= facts.day0]
    uses = sorted(facts.factor_uses, key=lambda u: u.given_on, reverse=True)
    return {
        "bleeds": bleeds[:BLEEDS_SHOWN],
        "bleed_count": len(bleeds),
        "since": _since(since) if facts.day0 else "",
        "uses": uses[:USES_SHOWN],
        "use_count": len(uses),
        "given": _given([u.iu for u in uses if facts.day0 and u.given_on >= facts.day0]),
        "regimens": sorted(facts.regimens, key=lambda r: r.from_on, reverse=True),
    }


def _bleed(group: Sequence[BleedFact]) -> dict[str, Any]:
    first = group[0]
    return {
        "on": first.onset_on,
        "site": first.site,
        "joint": any(b.joint for b in group),
        "cause": first.cause,
        "treated": any(b.treated for b in group),
        "grave": any(b.life_threatening for b in group),
        "records": len(group),
    }


def _since(bleeds: Sequence[Mapping[str, Any]]) -> str:
    """2 bleeds since Day 0: 1 treated, 1 in a joint."""
    text = f"{counted(len(bleeds), 'bleed')} since Day 0"
    if not bleeds:
        return text
    counts = Counter(name for b in bleeds for name in ("treated", "joint") if b[name])
    return f"{text}: {counts['treated']} treated, {counts['joint']} in a joint"


def _given(amounts: Sequence[Decimal]) -> str:
    return f"{sum(amounts):,f} IU in {counted(len(amounts), 'dose')} since Day 0" if amounts else ""


def results(facts: PatientFacts, known: History) -> list[dict[str, Any]]:
    """One line an analyte in the order of the catalogue: the newest value that counts, and how many there are."""
    versions = Counter(r.lineage for r in known.results)
    return [
        _analyte(code, rows, sum(versions[r.lineage] > 1 for r in rows))
        for code in words.ANALYTES
        if (rows := facts.of(code))
    ]


def _analyte(code: str, rows: Sequence[ResultFact], corrected: int) -> dict[str, Any]:
    newest = rows[-1]
    high = newest.reference_high
    over = (
        high is not None
        and newest.value is not None
        and exceeds(newest.comparator, newest.value, high) is True
    )
    return {
        "code": code,
        "name": words.analyte(code),
        "value": shown(newest),
        "on": newest.collected_on,
        "status": "" if newest.final else newest.status,
        "limit": f"{'above' if over else ''} ULN {plain(high)}".strip() if high is not None else "",
        "over": over,
        "count": len(rows),
        "corrected": corrected,
    }


def timeline(facts: PatientFacts, status: Status, today: date) -> list[Moment]:
    """What happened and what is agreed to come, the farthest day first; laboratory values have their plots."""
    found = [*_before(facts), *_treatment(facts, status), *_bleeds(facts), *_payer(facts, status)]
    found.append(Moment(today, marks.Mark("Today", "triangle", "grey"), "Today"))
    day0 = facts.day0
    dated = [m if day0 is None else _counted(m, day0) for m in found]
    return sorted(dated, key=lambda m: (m.on, m.what != "Today", m.what), reverse=True)


def _counted(moment: Moment, day0: date) -> Moment:
    return Moment(moment.on, moment.mark, moment.what, moment.detail, (moment.on - day0).days)


DONE = marks.Mark("Done", "disc-tick", "good")
AHEAD = marks.Mark("Upcoming", "dashed-ring", "grey")
NOTED = marks.Mark("Recorded", "dash", "grey")
BLED = marks.Mark("Bleed", "square-x", "bad")


def _before(facts: PatientFacts) -> Iterator[Moment]:
    for kit in facts.kits:
        yield Moment(kit.ordered_on, DONE, "Kit ordered", f"{kit.vials} vials for {plain(kit.weight_kg)} kg")
        if kit.received_on:
            yield Moment(kit.received_on, DONE, "Kit received", kit.lot and f"lot {kit.lot}")
    for event in facts.events:
        ends = f"to {told.long_day(event.to_on)}" if event.to_on else ""
        yield Moment(event.from_on, NOTED, _plain(event.kind), ends)
    for regimen in facts.regimens:
        dose = f"{regimen.product} {plain(regimen.iu_per_kg)} IU/kg every {plain(regimen.interval_days)} days"
        yield Moment(regimen.from_on, NOTED, "Prophylaxis begins", dose)
        if regimen.to_on:
            yield Moment(regimen.to_on, NOTED, "Prophylaxis ends", regimen.product)


def _treatment(facts: PatientFacts, status: Status) -> Iterator[Moment]:
    given = facts.infusion
    if given is not None:
        yield Moment(given.day0, DONE, "Infusion", f"{plain(given.volume_ml)} mL, {given.outcome}")
    elif facts.planned_on:
        yield Moment(facts.planned_on, AHEAD, "Infusion booked")
    for alert in status["alerts"]:
        if alert["state"] != "withdrawn":
            on = date.fromisoformat(alert["first_hit_on"])
            yield Moment(on, marks.alert(alert["state"]), told.alert_what(alert), told.alert_why(alert))
    for course in status["steroid_courses"]:
        first = course["steps"][0]["mg_per_day"] if course["steps"] else ""
        on = date.fromisoformat(course["started_on"])
        yield Moment(on, NOTED, "Prednisone begins", first and f"{first} mg a day")
        if ended := iso(course["ended_on"]):
            yield Moment(ended, NOTED, "Prednisone ends")


def _bleeds(facts: PatientFacts) -> Iterator[Moment]:
    for group in distinct(facts.bleeds):
        found = _bleed(group)
        detail = f"{found['cause']}, {'treated' if found['treated'] else 'not treated'}"
        yield Moment(found["on"], BLED, f"Bleed: {found['site']}", detail)


def _payer(facts: PatientFacts, status: Status) -> Iterable[Moment]:
    for coverage in facts.coverages:
        yield Moment(coverage.from_on, NOTED, "Coverage begins", coverage.payer)
    for paper in facts.authorizations:
        on = paper.decided_on or paper.submitted_on
        if on:
            yield Moment(on, NOTED, f"Prior authorization {paper.status}", paper.payer)
    for milestone in status["milestones"]:
        mark = marks.milestone(milestone["verdict"])
        on = date.fromisoformat(milestone["target_on"])
        yield Moment(on, mark, f"Milestone, month {milestone['month']}", milestone["contract"])


def _plain(code: str) -> str:
    return code.replace("_", " ").replace("-", " ").capitalize()
