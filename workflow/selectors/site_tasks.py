"""Tasks of a site that are about none of its patients, in the public shape of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from workflow.models import SiteTask
from workflow.selectors import shown
from workflow.selectors.decisions import local_date

STATES: dict[str, dict[str, Any]] = {
    "open": {"ended_at": None},
    "done": {"ended_as": "done"},
    "waived": {"ended_as": "waived"},
}


class Together(Sequence[Any]):
    """Two lists as one for paging: each is counted, and read only where the page lies."""

    def __init__(self, first: QuerySet[Any], second: QuerySet[Any]) -> None:
        self.first, self.second, self.border = first, second, first.count()

    def __len__(self) -> int:
        return self.border + self.second.count()

    def __getitem__(self, part: Any) -> Any:
        start, stop = part.start or 0, part.stop
        head = list(self.first[start:stop]) if start < self.border else []
        tail = self.second[max(start - self.border, 0) : max(stop - self.border, 0)]
        return [*head, *tail]


def site_tasks(filters: Mapping[str, str]) -> QuerySet[SiteTask]:
    """Those that the filters of the work list let through, oldest first: they are nobody's and no patient's."""
    rows = SiteTask.objects.select_related("site", "person").order_by("opened_at", "id")
    state = filters.get("state", "")
    if any(name in filters for name in ("patient", "assignee", "due_before")) or state not in ("", *STATES):
        return rows.none()
    wanted = {
        column: filters[name]
        for name, column in (("site", "site__code"), ("kind", "kind"))
        if name in filters
    }
    return rows.filter(**wanted, **STATES.get(state, {}))


def site_task_row(task: SiteTask) -> dict[str, Any]:
    """The shape of a task; its window is the day on which it came up."""
    on = shown.day(local_date(task.opened_at, task.site.timezone))
    return {
        "id": str(task.pk),
        "patient": None,
        "site": task.site.code,
        "key": task.key,
        "kind": task.kind,
        "title": f"Mail to {task.person.username} could not be delivered",
        "opens_on": on,
        "due_on": on,
        "closes_on": on,
        "booked_on": None,
        "booked_delta_days": None,
        "state": task.ended_as or "open",
        "assignee": None,
        "snoozed_until": None,
        "obligations": ["site"],
        "fulfilled_by": [],
        "why": f"{task.why}; tell the person another way and have the address corrected",
        "mandatory": False,
        "reason": task.reason,
        "progress": {"have": 0, "need": 0},
    }
