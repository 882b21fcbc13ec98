"""The same act on several tasks at once: each is done or refused on its own, and every refusal says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from patients.errors import DomainError, Invalid
from workflow.models import TaskDue
from workflow.services import worklist

MOST = 200
GONE = "There is no such task any more."


@dataclass(frozen=True, slots=True)
class Refused:
    """A task that stayed as it was. `patient` is the patient's code."""

    patient: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    done: int
    refused: tuple[Refused, ...]


def assign(
    *, tasks: Mapping[UUID, str], sites: Iterable[UUID], assignee: str, reason: str, by: str,
    at: datetime | None = None,
) -> Outcome:  # fmt: skip
    """Gives tasks to one person; each comes with whose it was when the caller looked."""

    def one(task: TaskDue) -> object:
        return worklist.assign(
            patient=task.patient_id, key=task.key, assignee=assignee, reason=reason, seen=tasks[task.pk],
            by=by, at=at,
        )  # fmt: skip

    return _each(tasks, sites, one)


def snooze(
    *, tasks: Iterable[UUID], sites: Iterable[UUID], until: date | None, reason: str, by: str,
    at: datetime | None = None,
) -> Outcome:  # fmt: skip
    """Puts tasks on hold until one date, or takes them off hold."""

    def one(task: TaskDue) -> object:
        return worklist.snooze(
            patient=task.patient_id, key=task.key, until=until, reason=reason, by=by, at=at
        )

    return _each(tasks, sites, one)


def _each(tasks: Iterable[UUID], sites: Iterable[UUID], act: Callable[[TaskDue], object]) -> Outcome:
    """Patients are taken in the order of their ids, so two runs at once never wait for each other."""
    wanted = set(tasks)
    if len(wanted) > MOST:
        raise Invalid.at("/task", "too-many", f"Select at most {MOST} tasks at a time.")
    rows = TaskDue.objects.filter(pk__in=wanted, site_id__in=tuple(sites)).select_related("patient")
    found = list(rows.order_by("patient_id", "key"))
    refused = [Refused("", "One task", GONE)] * (len(wanted) - len(found))
    for task in found:
        try:
            act(task)
        except DomainError as error:
            refused.append(Refused(task.patient.code, task.title, error.detail))
    return Outcome(len(wanted) - len(refused), tuple(refused))
