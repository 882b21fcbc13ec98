"""Steroid courses: started, changed and ended by a clinician only; Daymark proposes, never orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from patients.errors import Invalid, NotFound
from patients.ids import new_id
from workflow.models import Act
from workflow.services import acts, alerts
from workflow.services.door import Entry, the_door


def start(*, patient: UUID, fields: Mapping[str, Any], by: str, at: datetime | None = None) -> str:
    """Starts a course by the pathway's template or by own steps; answers its alert. Returns the course id."""
    course = str(new_id())
    with the_door(patient=patient, by=by, at=at) as entry:
        if fields.get("alert"):
            alerts.answer(entry, alert=fields["alert"], decision="start_steroids", note="")
        acts.write(entry, kind="steroid", key=course, payload=_payload(fields), true_on=fields["started_on"])
    return course


def change(
    *,
    patient: UUID,
    course: str,
    fields: Mapping[str, Any],
    expected: int,
    by: str,
    at: datetime | None = None,
) -> None:
    """Changes steps or ends the course. `expected` is the number of acts the caller has seen on it.

    An end before today is true from that day. Raises NotFound, or Stale when somebody changed the course
    meanwhile.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        known = _course(entry, course)
        acts.must_be(known, expected, submitted=_payload(fields))
        payload = {**known[-1].payload, **_payload(fields)}
        started = date.fromisoformat(payload["started_on"])
        if fields.get("ended_on") and fields["ended_on"] < started:
            raise Invalid.at("/ended_on", "order", "The course must not end before it starts.")
        if fields.get("steps") and fields["steps"][0]["from"] < started:
            raise Invalid.at("/steps", "order", "The first step must not begin before the course.")
        acts.write(entry, kind="steroid", key=course, payload=payload, true_on=_true_on(entry, fields))


def dose(*, patient: UUID, course: str, on: date, mg: Decimal, by: str, at: datetime | None = None) -> None:
    """Records what was really taken on a day, in mg of prednisone. Raises Invalid for a day that cannot be."""
    with the_door(patient=patient, by=by, at=at) as entry:
        started = date.fromisoformat(_course(entry, course)[-1].payload["started_on"])
        if on > entry.today:
            raise Invalid.at("/on", "future", "Record a dose when it has been taken.")
        if on < started:
            raise Invalid.at("/on", "order", "The course had not started on that day.")
        payload = {"on": on.isoformat(), "mg": _plain(mg)}
        acts.write(entry, kind="steroid-dose", key=course, payload=payload, true_on=on)


def _true_on(entry: Entry, fields: Mapping[str, Any]) -> date:
    """A course that ended before today ended then; any other change counts from today."""
    return min(fields.get("ended_on") or entry.today, entry.today)


def _course(entry: Entry, course: str) -> Sequence[Act]:
    known = acts.on_key(entry.pathway.patient_id, "steroid", course)
    if not known:
        raise NotFound("There is no such steroid course.")
    return known


def _payload(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON form of the given fields; `steps` as from/to/mg_per_day texts."""
    payload: dict[str, Any] = {}
    for name in ("started_on", "ended_on"):
        if fields.get(name):
            payload[name] = fields[name].isoformat()
    for name in ("template", "alternative_cause"):
        if fields.get(name):
            payload[name] = fields[name]
    if fields.get("alert"):
        payload["alert"] = str(fields["alert"])
    if fields.get("steps"):
        payload["template"] = ""
        payload["steps"] = [_step(step) for step in fields["steps"]]
    return payload


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    last = step.get("to")
    return {
        "from": step["from"].isoformat(),
        "to": last.isoformat() if last else None,
        "mg_per_day": _plain(step["mg_per_day"]),
    }


def _plain(amount: Decimal) -> str:
    """A decimal as text without exponent or trailing zeros."""
    return format(amount.normalize(), "f")
