"""Milestones of a contract over all patients: stored rows where they are up to date, decided live where not.

A page reads the rows it shows; filters and totals need the few columns of `Line` only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, overload
from uuid import UUID

from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from outcomes.models import Assessment
from outcomes.selectors.drift import outdated
from outcomes.selectors.versions import milestones
from patients.models import Patient
from workflow.selectors import stale
from workflow.selectors.acts import patients_with
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import histories

BATCH = 200
MONEY = ("refund_pct_at_risk", "refund_pct_triggered")


@dataclass(frozen=True, slots=True)
class Line:
    """One milestone in short. `row`: all of it where it was decided live, else it is read by `stored`."""

    patient: UUID
    contract: str
    contract_version: str
    month: int
    verdict: str
    payer: str
    closes_on: date
    at_risk: str
    triggered: str
    stored: UUID | None = None
    row: dict[str, Any] | None = None


class Page(Sequence[dict[str, Any]]):
    """Milestones in order, each read when it is asked for; a slice in one query."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, int):
            return self._read([self.lines[index]])[0]
        return self._read(self.lines[index])

    def _read(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        wanted = [line.stored for line in lines if line.stored]
        found: dict[UUID | None, dict[str, Any]] = {}
        if wanted:
            found |= Assessment.objects.filter(pk__in=wanted).values_list("pk", "payload")
        return [row for line in lines if (row := line.row or found.get(line.stored))]


def lines(contract: str, *, sites: Iterable[UUID], as_of: date | None = None) -> list[Line]:
    """Every milestone of every enrolled and infused patient of some sites, by patient and month."""
    now = timezone.now()
    patients = _enrolled(contract, sites)
    live = patients if as_of else _outdated(patients, now)
    found = [] if as_of else list(_stored(contract, patients - live))
    found += _live(contract, sorted(live), now, as_of)
    return sorted(found, key=lambda line: (line.patient, line.month))


def _enrolled(contract: str, sites: Iterable[UUID]) -> set[UUID]:
    rows = Patient.objects.filter(
        pk__in=patients_with("enrolment", contract), site__in=list(sites), merged_into=None
    )
    return set(rows.values_list("pk", flat=True))


def _outdated(patients: set[UUID], now: datetime) -> set[UUID]:
    """Patients whose stored milestones wait for a refresh."""
    return patients & {*stale.waiting(patients), *outdated(now)}


def _stored(contract: str, patients: set[UUID]) -> Iterator[Line]:
    """The newest version of each stored milestone."""
    names = ("pk", "patient_id", "contract_version", "month", "verdict", "closes_on")
    rows = (
        Assessment.objects.filter(contract=contract, patient_id__in=patients)
        .order_by("patient_id", "month", "-version")
        .distinct("patient_id", "month")
        .annotate(
            payer=KeyTextTransform("payer", "payload"), **{n: KeyTextTransform(n, "payload") for n in MONEY}
        )
    )
    for pk, patient, version, month, verdict, closes, payer, risk, triggered in rows.values_list(
        *names, "payer", *MONEY
    ):
        yield Line(
            patient, contract, version, month, verdict, payer or "", closes, risk, triggered, stored=pk
        )


def _live(contract: str, patients: Sequence[UUID], now: datetime, as_of: date | None) -> Iterator[Line]:
    for start in range(0, len(patients), BATCH):
        for patient, history in histories(patients[start : start + BATCH]).items():
            for row in milestones(history, as_of or local_date(now, history.timezone), contract):
                yield line(patient, row)


def line(patient: UUID, row: dict[str, Any]) -> Line:
    """A milestone that was decided live, in short."""
    return Line(
        patient=patient,
        contract=row["contract"],
        contract_version=row["contract_version"],
        month=row["month"],
        verdict=row["verdict"],
        payer=row["payer"] or "",
        closes_on=date.fromisoformat(row["closes_on"]),
        at_risk=row["refund_pct_at_risk"],
        triggered=row["refund_pct_triggered"],
        row=row,
    )
