"""Keeps the stored lines of the data set in step with the facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from uuid import UUID

from outcomes.models import DatasetRows
from outcomes.selectors import dataset
from outcomes.selectors.dataset import Built, Coded
from patients import access
from workflow.rules.version import RULES_VERSION
from workflow.selectors import stale
from workflow.selectors.facts import histories

UPDATED = ("site", "seq", "assessed_for", "steady_until", "derived_by", "counts", *dataset.TEXTS)
PART = 100


def freshen(
    contract: str, on: date, *, sites: Sequence[UUID], by: str, told: Callable[[int], None] | None = None
) -> int:
    """Decides again the lines that do not hold on a date, in batches of their own. Returns how many.

    `told` hears after each batch how many patients were looked at.
    """
    made = seen = 0
    after = ""
    while True:
        with access.site_context(sites, by=by):
            batch = dataset.coded(contract, after)
            stale_ones = dataset.unsteady(contract, batch, on)
        for start in range(0, len(stale_ones), PART):
            with access.site_context(sites, by=by):
                store(contract, stale_ones[start : start + PART], on)
        made, seen = made + len(stale_ones), seen + len(batch)
        if told is not None:
            told(seen)
        if len(batch) < dataset.BATCH:
            return made
        after = batch[-1].code


def store(contract: str, batch: Sequence[Coded], on: date) -> None:
    """Decides and stores the lines of some patients. The marks are read before the facts: a fact that comes
    between only makes the lines older than they are."""
    marks = stale.marks(c.patient for c in batch)
    found = histories([c.patient for c in batch])
    rows, gone = [], []
    for one in sorted(batch, key=lambda c: c.patient):
        lines = dataset.built(contract, one.code, found[one.patient], on)
        if lines is None:
            gone.append(one.patient)
        else:
            rows.append(_row(contract, one, marks[one.patient].seq, lines, on))
    DatasetRows.objects.filter(contract=contract, patient__in=gone).delete()
    DatasetRows.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["contract", "patient"], update_fields=UPDATED
    )


def _row(contract: str, one: Coded, seq: int, lines: Built, on: date) -> DatasetRows:
    return DatasetRows(
        contract=contract,
        patient_id=one.patient,
        site_id=one.site,
        seq=seq,
        assessed_for=on,
        steady_until=lines.steady_until,
        derived_by=RULES_VERSION,
        counts=lines.counts,
        **lines.texts,
    )
