"""One kind of fact of one patient with its history: what counts, what it was before, what was retracted and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from patients.models.base import FactRow
from patients.selectors.records import records
from workflow.models import Act

SHOWN = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest version of a fact, and its earlier ones, newest first; `reason` says why it was retracted."""

    row: Any
    former: Sequence[Any] = field(default_factory=list)
    reason: str = ""


def entries(model: type[FactRow], patient: UUID, *, by: str) -> list[Entry]:
    """Facts by the date column `by`, newest first; two queries."""
    rows = list(model._default_manager.filter(patient__in=records(patient)).order_by("recorded_at", "id"))
    known = {row.pk: row for row in rows}
    passed = {row.supersedes for row in rows if row.supersedes}
    heads = sorted(
        (r for r in rows if r.pk not in passed), key=lambda r: (getattr(r, by), r.recorded_at), reverse=True
    )
    why = dict(Act.objects.filter(patient__in=records(patient), kind="retract").values_list("key", "reason"))
    return [Entry(row, _former(row, known), why.get(str(row.pk), "")) for row in heads[:SHOWN]]


def _former(row: Any, known: dict[UUID, Any]) -> list[Any]:
    found: list[Any] = []
    while (row := known.get(row.supersedes)) is not None and row not in found:
        found.append(row)
    return found
