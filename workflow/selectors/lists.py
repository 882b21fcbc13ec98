"""Lists over all patients: tasks and alerts as stored, with states told from their instants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.utils import timezone

from patients.errors import Invalid
from patients.rules.words import TASK_STATES
from workflow.models import Alert, TaskDue
from workflow.selectors import shown


def state_now() -> Case:
    """A task's state in SQL: the one permitted copy of `workflow.rules.windows.state`, tested against it."""
    now = timezone.now()
    return Case(
        When(ended_as__isnull=False, then=F("ended_as")),
        When(opens_at__gt=now, then=Value("upcoming")),
        When(closes_at__gt=now, then=Value("open")),
        When(missed_at__gt=now, then=Value("overdue")),
        default=Value("missed"),
        output_field=CharField(),
    )


def tasks(filters: Mapping[str, str]) -> QuerySet[TaskDue]:
    """Tasks of the visible sites by site code, state, kind, due date, assignee and patient, soonest first."""
    rows = TaskDue.objects.annotate(state=state_now()).select_related("patient", "site")
    if "state" in filters:
        if filters["state"] not in TASK_STATES:
            raise Invalid.at("/state", "unknown", f"Known states are {', '.join(TASK_STATES)}.")
        rows = rows.filter(state=filters["state"])
    if "due_before" in filters:
        rows = rows.filter(due_on__lt=_day(filters["due_before"]))
    columns = {"site": "site__code", "kind": "kind", "assignee": "assignee"}
    rows = _of_patient(rows.filter(**_wanted(filters, columns)), filters)
    newest_first = filters.get("ordering") == "-due_on"
    return rows.order_by("-due_at" if newest_first else "due_at", "id")


def one_task(pk: UUID) -> TaskDue | None:
    """A task with its state, patient and site."""
    rows = TaskDue.objects.annotate(state=state_now()).select_related("patient", "site")
    return rows.filter(pk=pk).first()


def alerts(filters: Mapping[str, str]) -> QuerySet[Alert]:
    """Alerts of the visible sites, newest first unless asked otherwise."""
    rows = Alert.objects.select_related("patient", "site")
    columns = {"site": "site__code", "state": "state", "rule": "rule"}
    rows = _of_patient(rows.filter(**_wanted(filters, columns)), filters)
    oldest_first = filters.get("ordering") == "raised_on"
    return rows.order_by("raised_on" if oldest_first else "-raised_on", "id")


def _wanted(filters: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    return {column: filters[name] for name, column in columns.items() if name in filters}


def _of_patient(rows: QuerySet[Any], filters: Mapping[str, str]) -> QuerySet[Any]:
    if "patient" not in filters:
        return rows
    try:
        return rows.filter(patient_id=UUID(filters["patient"]))
    except ValueError as error:
        raise Invalid.at("/patient", "invalid", "Give the patient's id.") from error


def task_rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Tasks in the public shape with id, patient, site and assignee."""
    return [_task_row(r) for r in rows]


def _task_row(row: Any) -> dict[str, Any]:
    state = getattr(row, "state", None) or _state_of(row)
    return {
        "id": str(row.pk),
        "patient": str(row.patient_id),
        "site": row.site.code,
        "key": row.key,
        "kind": row.kind,
        "title": row.title,
        "opens_on": shown.day(row.opens_on),
        "due_on": shown.day(row.due_on),
        "closes_on": shown.day(row.closes_on),
        "booked_on": shown.day(row.booked_on),
        "booked_delta_days": (row.booked_on - row.due_on).days if row.booked_on else None,
        "state": state,
        "assignee": row.assignee or None,
        "snoozed_until": shown.day(row.snoozed_until),
        **{k: v for k, v in row.payload.items() if k != "analytes"},
    }


def _state_of(row: TaskDue) -> str:
    return str(TaskDue.objects.annotate(state=state_now()).values_list("state", flat=True).get(pk=row.pk))


def alert_rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Alerts in the public shape with patient and site."""
    return [{**r.payload, "patient": str(r.patient_id), "site": r.site.code} for r in rows]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid.at("/due_before", "date", "Give a date, YYYY-MM-DD.") from error


def open_alerts(patient: UUID) -> list[UUID]:
    """Ids of a patient's open alerts, first hit first."""
    rows = Alert.objects.filter(patient_id=patient, state="open").order_by("first_hit_on", "id")
    return list(rows.values_list("pk", flat=True))
