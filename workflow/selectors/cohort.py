"""Patients by steps: who has problems, and the state of each gate group, Day 0, week and month.

Six queries whatever the size of the cohort: patients, their open tasks, alerts and gates in counts; then tasks and
gates of the rows of one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.db.models.fields.json import KT

from workflow.models import Alert, GateDecision, Pathway, TaskDue
from workflow.selectors.decisions import local_date
from workflow.selectors.lists import state_now
from workflow.selectors.worklist import local_today

GATES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Base": ("Age, diagnosis, indication, site", ("age", "diagnosis", "indication", "prior-gene-therapy", "site-of-care")),
    "NAb": ("Antibodies against the vector", ("titer-information", "titer-threshold", "titer-negative")),
    "Inh": ("Factor inhibitor", ("inhibitor",)),
    "Sero": ("Hepatitis B and C, HIV", ("hepatitis-b", "reflex")),
    "Liver": ("Liver enzymes and imaging", ("panel-uln", "imaging")),
    "Labs": ("Blood counts, factor activity, weight", ("presence", "weight")),
    "Plans": ("Consultations and plans", ("attestations",)),
    "PA": ("Prior authorization", ("authorization",)),
}  # fmt: skip
"""Columns of gates: their kinds of rule, so that one column serves every pathway."""
WEEKS, MONTHS = range(1, 14), (3, 6, 9, 12, 18, 24, 36, 48, 60)
DAY0 = "Day 0"
TASKS = {f"W{n}": f":w{n:02d}" for n in WEEKS} | {f"M{n}": f":m{n:02d}" for n in MONTHS}
"""Columns of tasks: how the key of each task of that week or month ends."""
STEPS = (*GATES, DAY0, *TASKS)
WORST = (
    "fail",
    "expired",
    "indeterminate",
    "retest_due",
    "hold",
    "missing",
    "pass",
    "waived",
    "not_applicable",
)
URGENT = ("overdue", "missed", "open", "upcoming", "done_out_of_window", "done", "waived", "cancelled")
COLUMN_OF = {suffix: name for name, suffix in TASKS.items()}
ENDS = f"({'|'.join(COLUMN_OF)})$"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which patients: of these sites, of one of them (by code), in one phase, with problems, or with an empty step."""

    sites: tuple[UUID, ...]
    site: str = ""
    phase: str = ""
    problems: bool = False
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One patient: the pathway row, and what is wrong, in counts."""

    patient: UUID
    code: str
    site: str
    zone: str
    phase: str
    day0: date | None
    planned_on: date | None
    alerts: int = 0
    overdue: int = 0
    missed: int = 0
    gates: int = 0
    due: int = 0

    @property
    def problems(self) -> int:
        return self.alerts + self.overdue + self.missed + self.gates

    @property
    def order(self) -> tuple[Any, ...]:
        """Worst first: an alert, then what is overdue, missed or fails, then what is due."""
        return (-bool(self.alerts), -self.overdue, -self.missed, -self.gates, -self.due, self.code)


@dataclass(frozen=True, slots=True)
class Steps:
    """The states of one patient: gate verdicts by column, and the most urgent task of each week and month."""

    gates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def lines(wanted: Wanted, *, now: datetime) -> list[Line]:
    """The patients asked for, worst first, in four queries."""
    rows = list(_pathways(wanted))
    counts = _counts([r["patient_id"] for r in rows], now)
    found = [
        Line(
            patient=r["patient_id"],
            code=r["code"],
            site=r["site_name"],
            zone=r["zone"],
            phase=r["phase"],
            day0=r["day0"],
            planned_on=r["planned_on"],
            **counts.get(r["patient_id"], {}),
        )
        for r in rows
    ]
    return sorted((x for x in found if x.problems or not wanted.problems), key=lambda x: x.order)


def _pathways(wanted: Wanted) -> QuerySet[Pathway, Any]:
    rows = Pathway.objects.filter(patient__merged_into__isnull=True, site__in=wanted.sites)
    if wanted.site:
        rows = rows.filter(site__code=wanted.site)
    if wanted.phase:
        rows = rows.filter(phase=wanted.phase)
    if wanted.empty:
        rows = _lacking(rows, wanted.empty)
    names = {"code": F("patient__code"), "site_name": F("site__name"), "zone": F("site__timezone")}
    return rows.values("patient_id", "phase", "day0", "planned_on", **names)


def _lacking(rows: QuerySet[Pathway], step: str) -> QuerySet[Pathway]:
    """Of whom nothing is recorded for a step: no result of the gates, no infusion, no value of the task."""
    if step in GATES:
        kinds = GATES[step][1]
        empty = GateDecision.objects.filter(verdict="missing", payload__rule__id__in=kinds)
        return rows.filter(patient__in=empty.values("patient"))
    if step in TASKS:
        open_tasks = TaskDue.objects.filter(key__endswith=TASKS[step], ended_as__isnull=True)
        return rows.filter(patient__in=open_tasks.filter(payload__progress__have=0).values("patient"))
    return rows.filter(day0__isnull=True) if step == DAY0 else rows.none()


def _counts(patients: Sequence[UUID], now: datetime) -> dict[UUID, dict[str, int]]:
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=F("here"))
    tasks = TaskDue.objects.annotate(here=local_today(now), state=state_now())
    tasks = tasks.filter(patient__in=patients, ended_as__isnull=True)
    found: dict[UUID, dict[str, int]] = {}
    _add(
        found,
        tasks.values("patient_id").annotate(
            overdue=Count("pk", filter=awake & Q(state="overdue")),
            missed=Count("pk", filter=Q(state="missed")),
            due=Count("pk", filter=awake & Q(state="open")),
        ),
    )
    alerts = Alert.objects.filter(patient__in=patients, state="open")
    _add(found, alerts.values("patient_id").annotate(alerts=Count("pk")))
    wrong = Q(blocking=True, verdict__in=WORST[:5], patient__pathway__day0__isnull=True)
    gates = GateDecision.objects.filter(wrong, patient__in=patients)
    _add(found, gates.values("patient_id").annotate(gates=Count("pk")))
    return found


def _add(found: dict[UUID, dict[str, int]], rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        counts = {name: n for name, n in row.items() if name != "patient_id"}
        found.setdefault(row["patient_id"], {}).update(counts)


def steps(rows: Sequence[Line], *, now: datetime) -> dict[UUID, Steps]:
    """The states of the patients of one page, in two queries."""
    patients = {line.patient: line for line in rows}
    today = {zone: local_date(now, zone) for zone in {line.zone for line in rows}}
    gates: dict[UUID, dict[str, Mapping[str, Any]]] = {p: {} for p in patients}
    for gate in _gates(patients):
        _worst(gates[gate["patient_id"]], _column(gate["kind"]), gate, WORST, "verdict")
    tasks: dict[UUID, dict[str, Mapping[str, Any]]] = {p: {} for p in patients}
    for task in _tasks(patients):
        here = today[patients[task["patient_id"]].zone]
        told = {**task, "here": here, "progress": {"have": task.pop("have") or 0}}
        _worst(tasks[task["patient_id"]], COLUMN_OF[task["key"][-4:]], told, URGENT, "state")
    return {p: Steps(gates[p], tasks[p]) for p in patients}


def _gates(patients: Iterable[UUID]) -> QuerySet[GateDecision, Any]:
    rows = GateDecision.objects.filter(patient__in=list(patients)).annotate(kind=KT("payload__rule__id"))
    return rows.values("patient_id", "kind", "verdict", "valid_until")


def _column(kind: str) -> str:
    return next((name for name, (_, kinds) in GATES.items() if kind in kinds), "Base")


def _tasks(patients: Iterable[UUID]) -> QuerySet[TaskDue, dict[str, Any]]:
    """Tasks of the columns only; the number of values each has is read from its JSON."""
    rows = TaskDue.objects.filter(key__regex=ENDS, patient__in=list(patients)).exclude(ended_as="cancelled")
    rows = rows.annotate(state=state_now(), have=F("payload__progress__have"), reason=KT("payload__reason"))
    columns = ("id", "patient_id", "key", "title", "due_on", "closes_on", "snoozed_until")
    return rows.values(*columns, "state", "have", "reason")


def _worst(
    found: dict[str, Mapping[str, Any]], name: str, row: Mapping[str, Any], order: Sequence[str], by: str
) -> None:
    """Keeps the row whose state stands first in the order."""
    held = found.get(name)
    if held is None or order.index(row[by]) < order.index(held[by]):
        found[name] = row
