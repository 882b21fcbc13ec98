"""Infusions of a patient, voided ones included, and the overrides that need a second look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, OuterRef, QuerySet, Subquery, Value, When

from patients.errors import Invalid
from patients.selectors.records import records
from workflow.models import Act, Infusion
from workflow.selectors import shown
from workflow.selectors.facts import INFUSION_SHOWN, shown_value

STATES = ("unconfirmed", "confirmed", "voided")
Rows = QuerySet[Act, dict[str, Any]]


def overrides(filters: Mapping[str, str]) -> Rows:
    """Overrides of the visible sites, newest first; `state` is unconfirmed, confirmed or voided."""
    rows = Act.objects.filter(kind="override").annotate(
        confirmed_at=_when("confirm-override"), voided_at=_when("void"), state=_state()
    )
    if "state" in filters:
        if filters["state"] not in STATES:
            raise Invalid.at("/state", "unknown", f"Known states are {', '.join(STATES)}.")
        rows = rows.filter(state=filters["state"])
    if "site" in filters:
        rows = rows.filter(site__code=filters["site"])
    columns = ("patient_id", "site__code", "key", "true_on", "by", "reason", "recorded_at", "payload",
               "confirmed_at", "state")  # fmt: skip
    return rows.order_by("-recorded_at", "-id").values(*columns, "site_id")


def _when(kind: str) -> Subquery:
    """When the act of that kind on the same infusion was recorded."""
    return Subquery(Act.objects.filter(kind=kind, key=OuterRef("key")).values("recorded_at")[:1])


def _state() -> Case:
    return Case(
        When(voided_at__isnull=False, then=Value("voided")),
        When(confirmed_at__isnull=False, then=Value("confirmed")),
        default=Value("unconfirmed"),
        output_field=CharField(),
    )


def override_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """One override in the public shape."""
    return {
        "patient": str(row["patient_id"]),
        "site": row["site__code"],
        "infusion": row["key"],
        "day0": shown.day(row["true_on"]),
        "gates": [g["code"] for g in row["payload"]["gates"]],
        "by": row["by"],
        "second_person": row["payload"]["second_person"],
        "reason": row["reason"],
        "recorded_at": shown.instant(row["recorded_at"]),
        "confirmed_at": shown.instant(row["confirmed_at"]),
        "state": row["state"],
    }


def recorded(patient: UUID) -> list[dict[str, Any]]:
    """Every infusion ever recorded for the patient, oldest first; `void` says who asked, who confirmed and why."""
    rows = Infusion.objects.filter(patient__in=records(patient)).order_by("recorded_at", "id")
    acts = Act.objects.filter(patient__in=records(patient), kind__in=("void-request", "void"))
    said = {(a.kind, a.key): a for a in acts.order_by("recorded_at", "id")}
    return [{**_infusion(row), "void": _void(said, str(row.pk))} for row in rows]


def _infusion(row: Infusion) -> dict[str, Any]:
    body = {name: shown_value(getattr(row, name)) for name in INFUSION_SHOWN}
    return {**body, "id": str(row.pk), "day0": shown.day(row.day0), "by": row.by}


def _void(said: Mapping[tuple[str, str], Act], key: str) -> dict[str, Any] | None:
    asked, confirmed = said.get(("void-request", key)), said.get(("void", key))
    if asked is None:
        return None
    return {
        "state": "voided" if confirmed else "requested",
        "reason": asked.reason,
        "requested_by": asked.by,
        "requested_at": shown.instant(asked.recorded_at),
        "second_person": asked.payload.get("second_person"),
        "confirmed_by": confirmed.by if confirmed else None,
        "confirmed_at": shown.instant(confirmed.recorded_at) if confirmed else None,
    }
