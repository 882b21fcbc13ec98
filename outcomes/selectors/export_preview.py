"""What an export would hold: how many rows, which of them say nothing yet and why, who is left out."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.utils import timezone

from outcomes.rules.dataset_tables import MILESTONES
from outcomes.selectors import dataset
from outcomes.selectors.dataset import Coded
from patients.models import Patient
from workflow.selectors.acts import patients_with

MOST = 500
"""Patients looked at for a preview."""
BLOCKED = ("due", "not_evaluable")


@dataclass(frozen=True, slots=True)
class Blocked:
    """A milestone without an answer: still open, or not to be evaluated."""

    patient: UUID
    code: str
    month: int
    verdict: str
    why: str


@dataclass(slots=True)
class Preview:
    """`untreated`: codes of enrolled patients without an infusion; `more`: patients not looked at."""

    patients: int = 0
    rows: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    blocked: list[Blocked] = field(default_factory=list)
    untreated: list[str] = field(default_factory=list)
    more: int = 0


def preview(contract: str, sites: Sequence[UUID], on: date) -> Preview:
    """Of the enrolled patients of some sites as of a date, by code."""
    enrolled = patients_with("enrolment", contract)
    people = Patient.objects.filter(pk__in=enrolled, site__in=sites).order_by("code", "pk")
    rows = list(people.values_list("pk", "site_id", "code", "site__code"))
    found = Preview(more=max(0, len(rows) - MOST))
    batch = [Coded(*row) for row in rows[:MOST]]
    for one, lines in zip(batch, dataset.lines(contract, batch, on, timezone.now()), strict=True):
        if lines is None:
            found.untreated.append(one.code)
        else:
            found.patients += 1
            _count(found, one, lines.texts[MILESTONES.name])
    return found


def _count(found: Preview, one: Coded, text: str) -> None:
    for cells in csv.reader(text.splitlines()):
        row = dict(zip(MILESTONES.names, cells, strict=True))
        found.rows += 1
        found.verdicts[row["verdict"]] += 1
        if row["verdict"] in BLOCKED:
            why = row["verdict_reason"]
            found.blocked.append(Blocked(one.patient, one.code, int(row["month"]), row["verdict"], why))
