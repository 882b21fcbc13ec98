"""Which facts changed a row of the data set between two instants: the patient is decided again at each instant
at which something was recorded, and the steps at which the row changed name their facts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from outcomes.models import SubjectCode
from outcomes.rules.dataset_diff import Change, Row, keyed
from outcomes.rules.dataset_tables import LIMITED, MILESTONES, Table, tables
from outcomes.selectors import dataset
from workflow.rules.facts import Fact, History
from workflow.selectors.facts import history

NAMES = {
    "results": "result", "bleeds": "bleed", "factor_uses": "factor_use", "regimens": "regimen",
    "attestations": "attestation", "events": "event", "coverages": "coverage", "infusions": "infusion",
    "acts": "act",
}  # fmt: skip
Rows = Mapping[str, Mapping[tuple[str, ...], Row]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one of the two exports was asked: contract, profile, date and instant."""

    contract: str
    profile: str
    as_of: date
    as_known_at: datetime


def patient_of(contract: str, code: str) -> UUID | None:
    """Whom a code stands for, if the person is in view."""
    return (
        SubjectCode.objects.filter(contract=contract, code=code).values_list("patient_id", flat=True).first()
    )


class Causes:
    """The steps of one subject from the older instant to the newer one."""

    def __init__(self, code: str, patient: UUID, old: Asked, new: Asked) -> None:
        self._code, self._new, self._history = code, new, history(patient)
        later = sorted({f.recorded_at for _, f in _facts(self._history)})
        instants = [at for at in later if old.as_known_at < at <= new.as_known_at]
        self._steps = [(at, self._rows(self._history, at)) for at in (old.as_known_at, *instants)]

    def of(self, change: Change) -> list[str]:
        """The facts that changed a row, the newest last; none when only the date asked about changed it."""
        found: list[str] = []
        for (_, before), (at, after) in zip(self._steps, self._steps[1:], strict=False):
            if _seen(before, change) != _seen(after, change):
                found += self._facts_at(at, change, _seen(after, change))
        return found

    def _facts_at(self, at: datetime, change: Change, value: Any) -> list[str]:
        """Of facts recorded at one instant those without which the row would be another; else all of them."""
        there = [(name, f) for name, f in _facts(self._history) if f.recorded_at == at]
        if len(there) == 1:
            return [f"{name}:{f.id}" for name, f in there]
        mattered = [
            f"{name}:{f.id}"
            for name, f in there
            if _seen(self._rows(_without(self._history, f.id), at), change) != value
        ]
        return mattered or [f"{name}:{f.id}" for name, f in there]

    def _rows(self, known: History, at: datetime) -> Rows:
        asked = self._new
        built = dataset.built(asked.contract, self._code, known, asked.as_of, at)
        if built is None:
            return {}
        return {
            t.name: keyed(t, _read(t, _text(built.texts, t, asked.profile))) for t in tables(asked.profile)
        }


def _text(texts: Mapping[str, str], table: Table, profile: str) -> str:
    return texts["milestones_dated" if table.name == MILESTONES.name and profile == LIMITED else table.name]


def _read(table: Table, text: str) -> Iterator[Row]:
    for cells in csv.reader(text.splitlines()):
        yield dict(zip(table.names, cells, strict=True))


def _seen(rows: Rows, change: Change) -> Any:
    """The cell, or the whole row where it is in one export only."""
    row = rows.get(change.file, {}).get(change.row_key)
    return row if row is None or change.column is None else row.get(change.column)


def _facts(known: History) -> Iterator[tuple[str, Fact]]:
    for field in fields(known):
        if field.name in NAMES:
            for fact in getattr(known, field.name):
                yield NAMES[field.name], fact


def _without(known: History, fact: UUID) -> History:
    kept: dict[str, Any] = {name: tuple(f for f in getattr(known, name) if f.id != fact) for name in NAMES}
    return replace(known, **kept)


def subject_of(change: Change) -> str | None:
    """The code of whom a change is about; groups are about nobody."""
    return change.key.get("subject_id")
