"""Sentences that Today and the patient page share: what it is about, why, and what to press."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from workflow.data import decision_rules
from workflow.rules import bookings, contacts
from workflow.selectors.derived import task_id

ANALYTE = "ALT"
WORD_FOR_SELF = "Mark done"
PANEL_KIND, DECISION = "liver-panel", "steroid-decision"
ANYBODY = UUID(int=0)


def address(name: str, pk: object, *more: str) -> str:
    """`reverse` of a page about one id; a page has hundreds of such links, so each pattern is resolved once."""
    return _pattern(name, *more).replace(str(ANYBODY), str(pk))


@cache
def _pattern(name: str, *more: str) -> str:
    return reverse(name, args=[ANYBODY, *more])


def alert_what(alert: Mapping[str, Any]) -> str:
    """ALT 52 U/L, from the hit that raised the alert."""
    return f"{ANALYTE} {alert['comparator']}{alert['value']} {alert['unit']}"


def alert_why(alert: Mapping[str, Any]) -> str:
    """Which limits were passed, with their numbers, and what is odd about the evidence."""
    told = [_arm(arm, alert) for arm in alert["arms"]]
    text = " and ".join(told)
    peak = alert.get("peak")
    if peak and peak != alert["value"]:
        text += f"; highest {peak}"
    if alert.get("unconfirmed"):
        text += "; preliminary, not confirmed"
    if alert.get("superseded_evidence"):
        text += f"; {_superseded(alert)}"
    if alert.get("baseline_flag"):
        text += f"; note on the baseline: {alert['baseline_flag']}"
    return text


def _superseded(alert: Mapping[str, Any]) -> str:
    if alert.get("review_asked_on") and not alert.get("review_done_on"):
        return "decided on a superseded value, please review"
    return "a value was corrected"


def _arm(arm: str, alert: Mapping[str, Any]) -> str:
    words = re.sub(r"(\d)_(\d)", r"\1.\2", arm).replace("_", " ").replace("uln", "ULN")
    reference = alert["uln"] if arm.endswith("uln") else alert["baseline"]
    ratio = alert["ratio_uln"] if arm.endswith("uln") else alert["ratio_baseline"]
    return (
        f"{words} (baseline {reference}, {ratio} times)"
        if arm.endswith("baseline")
        else f"{words} {reference}"
    )


def alert_action(patient: UUID, alert: Mapping[str, Any], *, clinician: bool) -> tuple[str, str]:
    """The one button of an open alert: only a clinician starts steroids, a coordinator asks one."""
    if alert["rule"] not in decision_rules():
        return "Answer", form_url(patient, "acknowledge", alert=alert["id"])
    return _decision(patient, alert["id"], clinician)


def _decision(patient: UUID, alert: str, clinician: bool) -> tuple[str, str]:
    if clinician:
        return "Record taper", taper_url(patient, alert=alert)
    return "Ask clinician", f"{task_url(patient, f'{DECISION}:{alert}')}#assign"


def task_action(
    patient: UUID, key: str, kind: str, analytes: list[str], *, clinician: bool = False
) -> tuple[str, str]:
    """The one button of a task: its words and its address."""
    if kind == DECISION:
        return _decision(patient, key.partition(":")[2], clinician)
    if kind == "plan-passed":
        return "Book a date", address("admin:planner", patient)
    if kind in ("override-confirm", "escalation"):
        return "Confirm", form_url(patient, "override-confirm")
    if kind == PANEL_KIND:
        return (
            "Enter result",
            f"{address('admin:lab-entry-patient', patient)}?{urlencode({'task': key})}",
        )
    if analytes:
        return "Enter result", results_url(patient, analytes)
    return WORD_FOR_SELF, f"{task_url(patient, key)}#complete"


def task_url(patient: UUID, key: str) -> str:
    """The page of a task, with all acts on it."""
    return address("admin:task", task_id(patient, key))


def taper_url(patient: UUID, **values: str) -> str:
    """The page of a steroid course: `alert` to start one, `course` to change it."""
    return f"{address('admin:taper', patient)}?{urlencode(values)}"


def form_url(patient: Any, form: str, **values: str) -> str:
    query = f"?{urlencode(values)}" if values else ""
    return address("admin:act", patient, form) + query


def against(task: Mapping[str, Any]) -> str:
    """A booked date against target and window; "" without one."""
    if not task["booked_on"]:
        return ""
    window = {name: task[name] for name in ("due_on", "opens_on", "closes_on")}
    return bookings.words(task["booked_on"], **window)


def book_url(patient: Any, key: str, task: Mapping[str, Any]) -> str:
    """The booking form, filled in with the booked date or the target."""
    return form_url(patient, "book", key=key, on=(task["booked_on"] or task["due_on"]).isoformat())


def results_url(patient: Any, analytes: list[str]) -> str:
    return address("admin:results", patient) + (f"?analytes={','.join(analytes)}" if analytes else "")


def last_contact(task: Mapping[str, Any]) -> str:
    """Contacted 2 times, last 3 Mar: Patient by phone: no answer. Empty when nobody was contacted."""
    told = task.get("contacts")
    if not told or told["last"] is None:
        return ""
    last, count = told["last"], told["count"]
    on = date.fromisoformat(last["at"][:10])
    times = "Contacted once" if count == 1 else f"Contacted {count} times, last"
    return f"{times} {on.day} {on:%b}. {contacts.said(last)}"


def long_day(on: date) -> str:
    """3 Dec 2027."""
    return f"{on.day} {on:%b} {on.year}"


def left(closes_on: date, today: date) -> str:
    """How many days a window is open, or how late it is."""
    days = (closes_on - today).days
    if days < 0:
        return f"{-days} day{'s' if days != -1 else ''} late"
    return "closes today" if days == 0 else f"{days} day{'s' if days != 1 else ''} left"
