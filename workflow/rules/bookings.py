"""Booked dates of follow-ups beside their targets, and what a move of the infusion does to them.

A booking is an appointment: it changes no window and no state of its task. When the infusion moves, bookings
shift (each keeps its distance from its target, so the way there does not matter) or keep their dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from patients.rules.words import counted
from workflow.rules.effects import Task
from workflow.rules.facts import PatientFacts
from workflow.rules.protocol import Protocol

SHIFT, KEEP = "shift", "keep"


@dataclass(frozen=True, slots=True)
class Move:
    """One booking when the infusion moves: its task before (None: not laid out then) and after the move."""

    key: str
    booked_on: date
    before: Task | None
    after: Task

    def on(self, how: str) -> date:
        """The date after the move: shifted with its target, or kept."""
        if how == KEEP or self.before is None:
            return self.booked_on
        return self.after.due_on + (self.booked_on - self.before.due_on)


def booked(facts: PatientFacts) -> dict[str, date]:
    """Booked dates by task key: the newest word on each, of a booking or of a move of the infusion."""
    found: dict[str, date] = {}
    acts = (*facts.acts_by_kind.get("book", ()), *facts.acts_by_kind.get("plan", ()))
    for act in sorted(acts, key=lambda a: (a.recorded_at, a.id)):
        if act.kind == "plan":
            rows = {m["key"]: m["new"] for m in act.payload.get("bookings", ())}
            found |= {key: date.fromisoformat(on) for key, on in rows.items() if key in found}
        elif act.payload["on"]:
            found[act.key] = date.fromisoformat(act.payload["on"])
        else:
            found.pop(act.key, None)
    return found


def moves(bookings: Mapping[str, date], before: Iterable[Task], after: Iterable[Task]) -> Iterator[Move]:
    """Every booking that the calendar after the move holds, by target."""
    old = {t.key: t for t in before}
    for task in after:
        if task.key in bookings:
            yield Move(task.key, bookings[task.key], old.get(task.key), task)


def bookable(protocol: Protocol, task: Task) -> bool:
    """Visits can be booked: panels of the calendar and milestones of contracts, but no decisions or data."""
    return task.kind == "milestone" or task.kind in {item.kind for item in protocol.monitoring}


def last_planned(facts: PatientFacts) -> date | None:
    """The infusion date for which bookings were made: the booked one, else the last that was booked."""
    dates = [a.payload["infusion_on"] for a in facts.acts_by_kind.get("plan", ()) if a.payload["infusion_on"]]
    return date.fromisoformat(dates[-1]) if dates else None


def refusal(on: date, today: date, infusion_on: date) -> tuple[str, str] | None:
    """Code and sentence when no follow-up can be booked on that date; a date outside the window can."""
    if on < today:
        return "past", "Choose today or a later date."
    if on <= infusion_on:
        return "order", f"A follow-up comes after the infusion of {infusion_on.isoformat()}."
    return None


def words(on: date, *, due_on: date, opens_on: date, closes_on: date) -> str:
    """A booked date against target and window, as in “4 days after target, outside the window”."""
    days = (on - due_on).days
    text = f"{counted(abs(days), 'day')} {'after' if days > 0 else 'before'} target" if days else "on target"
    return text if opens_on <= on <= closes_on else f"{text}, outside the window"
