"""What needs somebody now: safety alerts, tasks by state and gates that expire, as plain values.

Row-level security limits every list to the reader's sites. Groups rest on the stored instants of a task's
window, so a task changes its group at its site's midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    CharField,
    Count,
    DateField,
    DateTimeField,
    F,
    Func,
    Min,
    Q,
    QuerySet,
    Value,
    Window,
)
from django.db.models.functions import Cast

from patients.rules.words import SOON_DAYS
from workflow.models import Alert, GateDecision, TaskDue
from workflow.selectors.lists import state_now

SHOWN = 25
COLUMNS = (
    "id",
    "patient_id",
    "site_id",
    "key",
    "kind",
    "title",
    "opens_on",
    "due_on",
    "closes_on",
    "missed_on",
    "booked_on",
    "due_at",
    "ended_as",
    "assignee",
    "snoozed_until",
    "payload",
)
WHO = {"code": F("patient__code"), "site_code": F("site__code"), "site_name": F("site__name")}


@dataclass(frozen=True, slots=True)
class Group:
    """One heading of Today: how many there are, and the first of them."""

    code: str
    count: int
    rows: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows: of some sites (None: all in view), of one site (by code), of one person (by username)."""

    site: str = ""
    assignee: str = ""
    sites: tuple[UUID, ...] | None = None

    def on(self, rows: QuerySet[Any], *, owned: bool = True) -> QuerySet[Any]:
        if self.sites is not None:
            rows = rows.filter(site_id__in=self.sites)
        if self.site:
            rows = rows.filter(site__code=self.site)
        if self.assignee and owned:
            rows = rows.filter(assignee=self.assignee)
        return rows


def local_today(now: datetime) -> Cast:
    """The date at the row's own site."""
    local = Func(F("site__timezone"), Value(now), function="timezone", output_field=DateTimeField())
    return Cast(local, DateField())


def today_groups(*, now: datetime, only: Filter = Filter(), shown: int = SHOWN) -> list[Group]:
    """Alerts, overdue, expiring gates, due, closing; then what comes within a week, what is on hold, and
    what was missed without a word: it stays until somebody says why, or does it late.

    Three queries whatever the size of the cohort. Each count equals the rows behind it.
    """
    tasks = _task_groups(now, only, shown)
    return [
        _alerts(only, shown),
        tasks["overdue"],
        _expiring(now, only, shown),
        tasks["due"],
        tasks["closing"],
        tasks["next"],
        tasks["hold"],
        tasks["missed"],
    ]


def _task_groups(now: datetime, only: Filter, shown: int) -> dict[str, Group]:
    """The six groups of tasks in one query: the first rows of each, and how many there are."""
    week = now + timedelta(days=SOON_DAYS)
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=F("here"))
    wanted = {
        "overdue": awake & Q(closes_at__lte=now, missed_at__gt=now),
        "due": awake & Q(due_at__lte=now, closes_at__gt=now),
        "closing": awake & Q(opens_at__lte=now, due_at__gt=now, closes_at__gt=now, closes_at__lte=week),
        "next": awake & Q(opens_at__gt=now, opens_at__lte=week),
        "hold": Q(snoozed_until__gt=F("here"), missed_at__gt=now),
        "missed": Q(missed_at__lte=now),
    }
    rows = _waiting(now, only)
    parts = [_some(rows, code, condition, shown) for code, condition in wanted.items()]
    found: dict[str, list[Mapping[str, Any]]] = {code: [] for code in wanted}
    for row in parts[0].union(*parts[1:], all=True):
        found[row["group"]].append(row)
    return {code: _group(code, rows) for code, rows in found.items()}


def _waiting(now: datetime, only: Filter) -> QuerySet[TaskDue]:
    """Tasks that have not ended, with what their row shows; made once, as the query costs more than its rows."""
    rows = only.on(TaskDue.objects.filter(ended_as__isnull=True))
    return rows.annotate(here=local_today(now), state=state_now(), total=Window(Count("*")), **WHO)


def _some(
    waiting: QuerySet[TaskDue], code: str, condition: Q, shown: int
) -> QuerySet[TaskDue, dict[str, Any]]:
    rows = waiting.filter(condition).annotate(group=Value(code, output_field=CharField()))
    return rows.order_by("due_at", "id").values(*COLUMNS, *WHO, "here", "state", "group", "total")[:shown]


def _alerts(only: Filter, shown: int) -> Group:
    rows = only.on(Alert.objects.filter(state="open"), owned=False).annotate(total=Window(Count("*")), **WHO)
    rows = rows.order_by("raised_on", "id")
    return _group(
        "alerts",
        rows.values("id", "patient_id", "site_id", "rule", "raised_on", "payload", *WHO, "total")[:shown],
    )


def _expiring(now: datetime, only: Filter, shown: int) -> Group:
    """Patients with gates that will not hold on the booked Day 0; without a booking, that end within a week.

    One row a patient: the titles of those gates, first to end first, and when the first one ends.
    """
    booked = Q(verdict="expired", patient__pathway__planned_on__isnull=False)
    week = F("here") + timedelta(days=SOON_DAYS)
    free = Q(patient__pathway__planned_on__isnull=True)
    soon = free & Q(verdict="pass", valid_until__gte=F("here"), valid_until__lte=week)
    before_day0 = GateDecision.objects.filter(blocking=True, patient__pathway__day0__isnull=True)
    rows = only.on(before_day0.annotate(here=local_today(now)).filter(booked | soon), owned=False)
    planned = {"planned_on": F("patient__pathway__planned_on"), "here": local_today(now)}
    rows = rows.values("patient_id", "site_id", **WHO, **planned).annotate(
        titles=ArrayAgg("payload__title", order_by=("valid_until", "key")),
        valid_until=Min("valid_until"),
        total=Window(Count("*")),
    )
    return _group("expiring", rows.order_by("valid_until", "patient_id")[:shown])


def _group(code: str, rows: Iterable[Mapping[str, Any]]) -> Group:
    kept = tuple(rows)
    return Group(code, kept[0]["total"] if kept else 0, kept)
