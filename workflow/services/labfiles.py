"""Files of a laboratory: bytes in, one disposition per item out, each patient decided once per file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from patients.data import catalog
from patients.models import Inbound, Patient, QuarantineItem, Source
from patients.readers import table
from patients.readers.envelope import Interpreted, ResultEnvelope, interpret
from patients.rules import keys
from workflow.services import intake

DISPOSITIONS = (
    "result", "duplicate", "pending", "quarantine", "retract", "cancelled", "untracked", "rejected",
)  # fmt: skip


@dataclass(slots=True)
class Report:
    """What became of one file: how many items were received, and how many of each disposition and reason."""

    file: str
    format: str = "csv"
    received: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rejected: str = ""

    def shown(self) -> dict[str, Any]:
        """The public shape."""
        numbers = {name: self.counts[name] for name in DISPOSITIONS}
        return {
            "file": self.file,
            "format": self.format,
            "received": self.received,
            **numbers,
            "reasons": dict(sorted(self.reasons.items())),
        }

    def count(self, disposition: str, reasons: Sequence[str]) -> None:
        self.received += 1
        self.counts[disposition] += 1
        if reasons:
            self.reasons[reasons[0]] += 1


def import_file(
    *, name: str, data: bytes, source: Source, by: str, at: datetime | None = None, dry_run: bool = False
) -> Report:
    """Reads a CSV file of a source. A file that cannot be read is rejected whole, and the report says why.

    With `dry_run` nothing is stored and the counts are those a real run would give.
    """
    moment, report = at or timezone.now(), Report(file=name)
    try:
        mapping = table.Mapped(timezone=source.timezone)
        envelopes = [_of_source(e, source) for e in table.read(data, mapping)]
    except table.Unreadable as error:
        report.count("rejected", [error.reason])
        report.rejected = str(error)
        envelopes = []
    with transaction.atomic():
        _receive(envelopes, source, report, by, moment)
        if dry_run:
            transaction.set_rollback(True)
        else:
            _remember(source, name, data, report, by, moment)
    return report


def _of_source(envelope: ResultEnvelope, source: Source) -> ResultEnvelope:
    """The envelope under the source's name; a row without its own id is known by its content."""
    key = (
        envelope.source_id
        or hashlib.sha256(
            "|".join(
                map(str, (envelope.mrn, envelope.loinc, envelope.analyte, envelope.collected, envelope.assay))
            ).encode()
        ).hexdigest()
    )
    return replace(envelope, source=source.code, source_id=key)


def _receive(
    envelopes: Sequence[ResultEnvelope], source: Source, report: Report, by: str, moment: datetime
) -> None:
    """Hands each patient's items to the one door, and the rest to the quarantine desk."""
    patients = _matched(envelopes, source)
    mine: dict[UUID, list[ResultEnvelope]] = {}
    for index, envelope in enumerate(envelopes):
        patient = patients.get(index)
        if patient is not None:
            mine.setdefault(patient, []).append(envelope)
        else:
            _unmatched(envelope, source, report, moment)
    for patient in sorted(mine):
        outcomes = intake.receive(patient=patient, envelopes=mine[patient], by=by, at=moment, source=source)
        for outcome in outcomes:
            reasons = () if outcome.disposition == "duplicate" else outcome.reasons or outcome.item.reasons
            report.count(outcome.disposition, reasons)


def _matched(envelopes: Sequence[ResultEnvelope], source: Source) -> Mapping[int, UUID]:
    """Patients by number, and by family name or birth date as well: a number alone never matches."""
    numbers = {e.mrn for e in envelopes if e.mrn}
    people = {p.mrn: p for p in Patient.objects.filter(site_id=source.site_id, mrn__in=numbers)}
    return {
        index: people[e.mrn].pk
        for index, e in enumerate(envelopes)
        if e.mrn in people and _same(people[e.mrn], e)
    }


def _same(person: Patient, envelope: ResultEnvelope) -> bool:
    named = envelope.family_name.strip().casefold() == person.family_name.strip().casefold()
    return named or envelope.birth_date == person.birth_date


def _unmatched(envelope: ResultEnvelope, source: Source, report: Report, moment: datetime) -> None:
    """An item of nobody we know: untracked codes are not kept waiting, the rest is."""
    item = interpret(envelope, catalog(), now=moment)
    if item.disposition == "untracked":
        report.count("untracked", ())
        return
    reasons = _reasons(item)
    _, made = QuarantineItem.objects.get_or_create(
        site_id=source.site_id,
        content_key=keys.content_hash((source.code, envelope.mrn, envelope.source_id, envelope.raw)),
        defaults={
            "source": source,
            "where": dict(envelope.where),
            "analyte": item.analyte,
            "reason": reasons[0],
            "reasons": list(reasons),
            "raw": envelope.raw,
            "received_at": moment,
        },
    )
    report.count("quarantine" if made else "duplicate", reasons if made else ())


def _reasons(item: Interpreted) -> tuple[str, ...]:
    """An unknown code comes first, then the unknown patient, then faults of the value."""
    first = [r for r in item.reasons if r == "unmapped-code"]
    rest = [r for r in item.reasons if r != "unmapped-code"]
    return (*first, "patient-unmatched", *rest)


def _remember(source: Source, name: str, data: bytes, report: Report, by: str, moment: datetime) -> None:
    Inbound.objects.create(
        site_id=source.site_id,
        source=source,
        file=name[:255],
        format=report.format,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        counts=report.shown(),
        at=moment,
        by=by,
    )
