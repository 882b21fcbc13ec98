"""Liver panels to be entered: one row per panel, what it is compared with, and the limits of each laboratory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from patients.data import catalog
from patients.models import Patient, Result, Site
from patients.rules.units import in_unit
from workflow.models import TaskDue
from workflow.rules.charts import plain
from workflow.rules.entry import Known
from workflow.rules.facts import PatientFacts, ResultFact, known
from workflow.rules.triggers import Baseline, baseline
from workflow.selectors.decisions import local_date, pinned
from workflow.selectors.facts import histories
from workflow.selectors.lists import state_now

KIND, PANEL = "liver-panel", ("ALT", "AST", "ALP", "TBIL")
MOST, NEIGHBOURS = 200, 40
DONE = ("done", "done_out_of_window")
COLUMNS = (
    "id", "patient_id", "site_id", "key", "title", "opens_on", "due_on", "closes_on", "ended_as", "snoozed_until",
    "payload", "state",
)  # fmt: skip
WHO = {
    "code": F("patient__code"), "sex": F("patient__sex"), "site_name": F("site__name"), "zone": F("site__timezone"),
}  # fmt: skip
NOBODY = Baseline(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One row: whose, which panel (`task` is None for any other draw), and what is known before it is typed.

    `there` is what is recorded for the panel already, all of one day, `on`; `drawn` the day of a draw whose result
    is awaited.
    """

    patient: UUID
    code: str
    sex: str
    site: UUID
    site_name: str
    zone: str
    task: Mapping[str, Any] | None
    there: Mapping[str, ResultFact] = field(default_factory=dict)
    on: date | None = None
    drawn: date | None = None
    baseline: Decimal | None = None
    last: Decimal | None = None
    lab: str = ""

    @property
    def key(self) -> str:
        return self.task["key"] if self.task else ""

    @property
    def full(self) -> bool:
        return all(a in self.there for a in PANEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The newest upper limits (as text, in the laboratory's own units) of one laboratory for one sex, by analyte."""

    site: UUID
    lab: str
    sex: str
    high: Mapping[str, str]
    unit: Mapping[str, str]


def week_of(day: date) -> tuple[date, date]:
    """Monday and Sunday of the week."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def due(now: datetime, sites: Sequence[Site], week: date | None = None) -> list[Panel]:
    """Panels due in a week (this one, if none is named) at each site, and what is still open from before.

    Those of the week that are done stay in their place. Sorted by site, week and patient.
    """
    zones = {site.timezone for site in sites}
    if not zones:
        return []
    rows = _tasks(reduce(or_, (_wanted(zone, now, week) for zone in zones)))
    rows = rows.filter(site__in=sites).order_by("site__name", "key", "patient__code", "id")
    return _panels(list(rows.values(*COLUMNS, *WHO)[:MOST]), now)


def _wanted(zone: str, now: datetime, week: date | None) -> Q:
    monday, sunday = week_of(week or local_date(now, zone))
    open_still = Q(ended_as__isnull=True, missed_at__gt=now, due_on__lt=monday)
    of_week = Q(due_on__range=(monday, sunday)) & (Q(ended_as__isnull=True) | Q(ended_as__in=DONE))
    return Q(site__timezone=zone) & (of_week if week else of_week | open_still)


def of_patient(patient: Patient, now: datetime) -> list[Panel]:
    """Every panel of one patient that is open, late or missed, the newest first, and a row for any other draw."""
    today = local_date(now, patient.site.timezone)
    soon = Q(ended_as__isnull=True, opens_on__lte=today + timedelta(days=6))
    rows = _tasks(Q(patient=patient) & soon).order_by("-due_on", "id")
    found = _panels(list(rows.values(*COLUMNS, *WHO)[:MOST]), now)
    return [*found, _other(patient, now, found)]


def _other(patient: Patient, now: datetime, found: Sequence[Panel]) -> Panel:
    if found:
        return replace(found[0], task=None, there={}, on=None, drawn=None)
    who = {"patient_id": patient.pk, "code": patient.code, "sex": patient.sex, "site_id": patient.site_id}
    blank = {**who, "site_name": patient.site.name, "zone": patient.site.timezone, "key": ""}
    return replace(_panels([blank], now)[0], task=None)


def _tasks(wanted: Q) -> QuerySet[TaskDue, TaskDue]:
    return TaskDue.objects.filter(wanted, kind=KIND).annotate(state=state_now(), **WHO)


def _panels(rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Panel]:
    facts = facts_of({r["patient_id"]: r["zone"] for r in rows}, now)
    return [_panel(row, facts[row["patient_id"]]) for row in rows]


def facts_of(zones: Mapping[UUID, str], now: datetime) -> dict[UUID, PatientFacts]:
    """What counts today of each patient, of results the panel's only; three queries for all of them."""
    found = histories(list(zones), analytes=PANEL) if zones else {}
    return {pk: known(h, as_of=local_date(now, zones[pk]) + timedelta(days=1)) for pk, h in found.items()}


def _panel(row: Mapping[str, Any], facts: PatientFacts) -> Panel:
    there = _there(row, facts) if row["key"] else {}
    on = max((r.collected_on for r in there.values()), default=None)
    newest = facts.of("ALT")
    earlier = [r for r in newest if r.final and r.value is not None and (on is None or r.collected_on < on)]
    return Panel(
        patient=row["patient_id"],
        code=row["code"],
        sex=row["sex"],
        site=row["site_id"],
        site_name=row["site_name"],
        zone=row["zone"],
        task=row,
        there={a: r for a, r in there.items() if r.collected_on == on},
        on=on,
        drawn=_drawn(row, facts) if row["key"] else None,
        baseline=base_of(facts).value,
        last=earlier[-1].value if earlier else None,
        lab=next((r.lab for r in reversed(newest) if r.lab), ""),
    )


def _there(row: Mapping[str, Any], facts: PatientFacts) -> dict[str, ResultFact]:
    """The results that fulfil the panel, or those collected in its window, newest day."""
    ids = {text.partition(":")[2] for text in row["payload"]["fulfilled_by"]}
    rows = [r for a in PANEL for r in facts.of(a) if r.value is not None]
    if ids:
        found = [r for r in rows if str(r.id) in ids]
    else:
        found = [r for r in rows if row["opens_on"] <= r.collected_on <= row["closes_on"]]
    return {r.analyte: r for r in sorted(found, key=lambda r: r.collected_at)}


def _drawn(row: Mapping[str, Any], facts: PatientFacts) -> date | None:
    days = [
        d.drawn_on
        for d in facts.draws
        if d.panel in (KIND, *PANEL) and row["opens_on"] <= d.drawn_on <= row["closes_on"]
    ]
    return days[-1] if days else None


def base_of(facts: PatientFacts) -> Baseline:
    """The baseline of the safety rule that asks for a decision; nothing before the infusion."""
    trigger = next((t for t in pinned(facts).triggers if t.decision_task), None)
    return baseline(trigger, facts) if trigger is not None and facts.infusion else NOBODY


def known_for(
    facts: PatientFacts, on: date, *, today: date, seen: Iterable[str], window: tuple[date, date] | None
) -> Known:
    """What a panel collected on a day is compared with."""
    rows = {a: facts.of(a) for a in PANEL}
    return Known(
        triggers=tuple(t for t in pinned(facts).triggers if t.decision_task),
        baseline=base_of(facts),
        followed=facts.infusion is not None and on > facts.infusion.day0,
        last={a: found[-1] for a in PANEL if (found := [r for r in rows[a] if _before(r, on)])},
        there={a: found[-1] for a in PANEL if (found := [r for r in rows[a] if r.collected_on == on])},
        seen=frozenset(seen),
        window=window,
        today=today,
        jump=catalog().jump,
    )


def _before(row: ResultFact, on: date) -> bool:
    return row.final and row.value is not None and row.collected_on < on


def window_of(patient: UUID, key: str) -> tuple[date, date] | None:
    """The first and last day of a task's window; None when there is no such task."""
    return (
        TaskDue.objects.filter(patient_id=patient, key=key, kind=KIND)
        .values_list("opens_on", "closes_on")
        .first()
    )


def limits(panels: Sequence[Panel]) -> list[Limit]:
    """The limits of each laboratory as printed last, from the results of these patients and of others who are due.

    One query. What is remembered is shown in the form; nothing is filled in behind it.
    """
    patients, sites = {p.patient for p in panels}, {p.site for p in panels}
    others = TaskDue.objects.filter(site__in=sites, kind=KIND, ended_as__isnull=True).order_by("due_at")
    rows = (
        Result.objects.filter(
            Q(patient__in=patients)
            | Q(patient__in=list(others.values_list("patient_id", flat=True)[:NEIGHBOURS])),
            analyte__in=PANEL,
            lab__gt="",
            reference_high__isnull=False,
            uln_source="result",
        )
        .order_by("site_id", "lab", "patient__sex", "analyte", "-collected_at")
        .distinct("site_id", "lab", "patient__sex", "analyte")
        .values_list("site_id", "lab", "patient__sex", "analyte", "reference_high", "unit_text")
    )
    found: dict[tuple[Any, ...], dict[str, tuple[str, str]]] = {}
    for site, lab, sex, analyte, high, unit in rows:
        assert high is not None
        found.setdefault((site, lab, sex), {})[analyte] = _as_received(analyte, high, unit)
    return [
        Limit(
            site=site,
            lab=lab,
            sex=sex,
            high={a: pair[0] for a, pair in pairs.items()},
            unit={a: pair[1] for a, pair in pairs.items()},
        )
        for (site, lab, sex), pairs in found.items()
    ]


def _as_received(analyte: str, high: Decimal, unit: str) -> tuple[str, str]:
    """The limit in the unit in which the laboratory reports, else in our own."""
    known_as = catalog().analytes[analyte]
    own = in_unit(known_as, high, unit) if unit else None
    return (plain(own), unit) if own is not None else (plain(high), known_as.unit)
