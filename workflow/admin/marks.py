"""The shape and colour beside each state's word. Shape and word say it; colour only repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from patients.rules import words
from workflow.rules import intake_words
from workflow.rules.desk import reason_words


@dataclass(frozen=True, slots=True)
class Mark:
    text: str
    shape: str
    tone: str


TASKS = {
    "upcoming": ("dashed-ring", "grey"),
    "open": ("half-disc", "warn"),
    "overdue": ("triangle", "bad"),
    "missed": ("square-x", "bad"),
    "done": ("disc-tick", "good"),
    "done_out_of_window": ("ring-tick", "good"),
    "waived": ("dash", "grey"),
    "cancelled": ("dash", "grey"),
}
GATES = {
    "pass": ("disc-tick", "good"),
    "fail": ("square-x", "bad"),
    "hold": ("square-pause", "hold"),
    "retest_due": ("half-disc", "warn"),
    "expired": ("triangle", "bad"),
    "missing": ("dashed-ring", "grey"),
    "indeterminate": ("ring-question", "hold"),
    "not_applicable": ("dash", "grey"),
    "waived": ("dash", "grey"),
}
ALERTS = {
    "open": ("diamond", "alert"),
    "acknowledged": ("disc-tick", "good"),
    "resolved": ("disc-tick", "good"),
    "withdrawn": ("dash", "grey"),
}
MILESTONES = {
    "pending": ("dashed-ring", "grey"),
    "due": ("half-disc", "warn"),
    "met": ("disc-tick", "good"),
    "not_met": ("square-x", "bad"),
    "not_evaluable": ("ring-question", "hold"),
}
CRITERIA = {**MILESTONES, "not_applicable": ("dash", "grey")}
PHASES = {
    "screening": ("half-disc", "warn"),
    "cleared": ("disc-tick", "good"),
    "scheduled": ("half-disc", "hold"),
    "monitoring": ("half-disc", "hold"),
    "follow_up": ("half-disc", "hold"),
    "long_term": ("half-disc", "hold"),
    "closed": ("dash", "grey"),
}


def task(row: Mapping[str, Any], today: date) -> Mark:
    """A task with days left or late; on hold and part entered are shown from their own columns."""
    state, closes = row["state"], row["closes_on"]
    held = row.get("snoozed_until")
    if held and held > today and state in ("upcoming", "open", "overdue"):
        return Mark(f"On hold to {held.day} {held:%b}", "square-pause", "hold")
    if state == "open" and row["progress"]["have"]:
        return Mark("Part entered", "half-disc-bar", "warn")
    days = {"open": (closes - today).days, "overdue": (today - closes).days}.get(state)
    text = words.task_words(state, days=days, reason=row.get("reason") or "")
    if state == "open" and today > row["due_on"]:
        text += ", past target"
    return Mark(text, *TASKS[state])


def gate(verdict: str, days_valid: int | None = None) -> Mark:
    """A gate's verdict; `days_valid` from the planned Day 0 (or today) to its last valid day."""
    text = words.gate_words(verdict, days_valid=days_valid)
    return Mark(text, *(GATES[verdict] if text == words.GATES[verdict] else ("half-disc", "warn")))


def alert(state: str) -> Mark:
    return Mark(words.ALERTS[state], *ALERTS[state])


def milestone(verdict: str) -> Mark:
    return Mark(words.MILESTONES[verdict], *MILESTONES[verdict])


def criterion(verdict: str) -> Mark:
    """A criterion of a milestone; it may not apply at a month."""
    return Mark(words.CRITERIA[verdict], *CRITERIA[verdict])


def phase(code: str) -> Mark:
    return Mark(words.PHASE_WORDS[code], *PHASES[code])


def waiting(reason: str) -> Mark:
    """Why an item waits on the quarantine desk."""
    contradicts = reason == "final-changed-without-correction"
    return Mark(reason_words(reason), *(("triangle", "bad") if contradicts else ("square-pause", "hold")))


def ended(state: str) -> Mark:
    """An item that has left the desk."""
    return Mark(state.capitalize(), *(("disc-tick", "good") if state == "resolved" else ("dash", "grey")))


INBOUND = {
    "waiting": Mark("Not read yet", "half-disc", "warn"),
    "queued": Mark("Read in the background", "half-disc", "warn"),
    "done": Mark("Read", "disc-tick", "good"),
    "rejected": Mark("Not readable", "square-x", "bad"),
}
DISPOSITION = {
    "result": ("disc-tick", "good"),
    "quarantine": ("square-pause", "hold"),
    "pending": ("dashed-ring", "grey"),
    "rejected": ("square-x", "bad"),
}


def inbound(state: str) -> Mark:
    """Whether an import has been read."""
    return INBOUND[state]


def disposition(code: str) -> Mark:
    """What became of one item."""
    return Mark(intake_words.ONE.get(code, code), *DISPOSITION.get(code, ("dash", "grey")))
