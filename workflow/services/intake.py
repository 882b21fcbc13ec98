"""The one door for results: interpret, store, and decide the patient again in the same transaction.

What cannot be judged waits on the quarantine desk with its reason; nothing is dropped, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from patients.data import catalog
from patients.errors import Conflict
from patients.models import QuarantineItem, Result, ResultHead, Source
from patients.readers.envelope import Interpreted, ResultEnvelope, interpret
from patients.rules import keys
from patients.rules.versions import Resolution, current
from patients.services.shapes import checked, checked_list
from workflow.services import shapes
from workflow.services.door import Entry, the_door
from workflow.services.facts import moment

LIMIT = 5000
TWIN = timedelta(minutes=1)


@dataclass(slots=True)
class Outcome:
    """What became of one item: result, duplicate, pending, cancelled, retract, untracked or quarantine."""

    disposition: str
    item: Interpreted
    result: Result | None = None
    quarantine: QuarantineItem | None = None
    reasons: tuple[str, ...] = field(default=())


def record_results(
    *, patient: UUID, items: Sequence[Any], by: str, at: datetime | None = None, listed: bool = False
) -> list[Outcome]:
    """Records results in the public shape; the outcomes stand in the order of the items.

    Every field fault of every item is reported at once (pointers start with the item's number when
    `listed`), and then nothing is stored.
    """
    if listed:
        fields = checked_list(shapes.ResultIn, list(items), limit=LIMIT)
    else:
        fields = [checked(shapes.ResultIn, items[0])]
    return receive(patient=patient, envelopes=[_envelope(f) for f in fields], by=by, at=at)


def receive(
    *,
    patient: UUID,
    envelopes: Sequence[ResultEnvelope],
    by: str,
    at: datetime | None = None,
    source: Source | None = None,
) -> list[Outcome]:
    """Records envelopes of one patient in one transaction and decides the patient once."""
    with the_door(patient=patient, by=by, at=at) as entry:
        born = entry.pathway.patient.birth_date
        read = [interpret(e, catalog(), now=entry.recorded_at, born=born) for e in envelopes]
        return _Batch(entry, source).store(read)


def retract_result(*, result: Result, reason: str, by: str, at: datetime | None = None) -> Result:
    """Hides a result that was entered in error; its value stays in the record. Raises Conflict if it is hidden."""
    with the_door(patient=result.patient_id, by=by, at=at) as entry:
        head = ResultHead.objects.get(lineage=result.lineage)
        if not head.active:
            raise Conflict("This result does not count any more.")
        counting = Result.objects.get(pk=head.result)
        row = _copy(counting, entry)
        row.status, row.reason = "entered_in_error", reason
        row.reported_at = max(entry.recorded_at, counting.reported_at or entry.recorded_at)
        row.content_hash = _content_hash(row)
        row.save()
        _point([_resolved(result.lineage)], entry)
        return row


class _Batch:
    """The items of one call: new versions, quarantine rows and the heads that move."""

    def __init__(self, entry: Entry, source: Source | None) -> None:
        self.entry = entry
        self.source = source
        self.rows: dict[UUID, dict[str, Result]] = {}
        self.fresh: list[Result] = []

    def store(self, items: Sequence[Interpreted]) -> list[Outcome]:
        outcomes = [self._sorted(item) for item in items]
        stored = [o for o in outcomes if o.result is not None]
        self._known({o.result.lineage for o in stored if o.result})
        for outcome in stored:
            self._placed(outcome)
        self._mark_suspects()
        Result.objects.bulk_create(self.fresh)
        touched = {r.lineage for r in self.fresh}
        _point([(k, current(tuple(v.values()))) for k, v in self.rows.items() if k in touched], self.entry)
        return outcomes

    def _sorted(self, item: Interpreted) -> Outcome:
        if item.disposition == "quarantine":
            return self._quarantined(item)
        if item.disposition == "untracked":
            return Outcome("untracked", item)
        return Outcome(item.disposition, item, result=self._version(item), reasons=item.reasons)

    def _known(self, lineages: set[UUID]) -> None:
        for row in Result.objects.filter(lineage__in=lineages) if lineages else ():
            self.rows.setdefault(row.lineage, {})[row.content_hash] = row

    def _placed(self, outcome: Outcome) -> None:
        """Adds a version to its lineage unless it is there; tells a repetition from news."""
        row = outcome.result
        assert row is not None
        versions = self.rows.setdefault(row.lineage, {})
        known = versions.get(row.content_hash)
        if known is not None:
            outcome.disposition, outcome.result = "duplicate", known
            return
        before = current(tuple(versions.values()))
        versions[row.content_hash] = row
        self.entry.changed = True
        self.fresh.append(row)
        after = current(tuple(versions.values()))
        if after.conflict and not before.conflict:
            self._review(outcome, row)
        elif (
            before.current is not None and after.current is not None and _same(before.current, after.current)
        ):
            outcome.disposition = "duplicate" if outcome.disposition == "result" else outcome.disposition

    def _mark_suspects(self) -> None:
        """Another result of the same analyte, time and value under another key: one of the two counts."""
        fresh = [r for r in self.fresh if r.value is not None or r.code]
        if not fresh:
            return
        heads = ResultHead.objects.filter(
            patient_id=self.entry.pathway.patient_id, analyte__in={r.analyte for r in fresh}, active=True
        )
        known = {h.result for h in heads if not h.suspect}
        others = list(Result.objects.filter(pk__in=known)) if known else []
        for row in fresh:
            row.suspect = any(_twins(row, other) for other in others)
            if not row.suspect:
                others.append(row)

    def _version(self, item: Interpreted) -> Result:
        envelope, value = item.envelope, item.value
        assert envelope.collected is not None
        collected_at, collected_on, precision = moment(envelope.collected, self.entry.timezone)
        row = Result(
            lineage=keys.lineage(
                self.entry.pathway.patient_id,
                envelope.source,
                envelope.source_id,
                item.analyte,
                envelope.assay,
                collected_at,
            ),
            analyte=item.analyte,
            loinc=envelope.loinc,
            status=item.status,
            value_text=envelope.value,
            unit_text=envelope.unit,
            comparator=value.comparator if value else "",
            value=item.number,
            code=(value.code if value else "") or "",
            unit=item.unit,
            factor=item.factor,
            catalog_version=catalog().version,
            collected_at=collected_at,
            collected_on=collected_on,
            precision=precision,
            reported_at=envelope.reported_at,
            reference_low=item.low,
            reference_high=item.high,
            uln_source="result" if item.high is not None else "",
            assay=envelope.assay,
            lab=envelope.lab,
            source=envelope.source,
            source_id=envelope.source_id,
            **_stamp(self.entry),
        )
        row.content_hash = _content_hash(row)
        return row

    def _quarantined(self, item: Interpreted) -> Outcome:
        row, made = self._desk(item, item.reasons)
        return Outcome("quarantine" if made else "duplicate", item, quarantine=row, reasons=item.reasons)

    def _review(self, outcome: Outcome, row: Result) -> None:
        """A final value changed without a correction flag: the earlier report counts until somebody decides."""
        outcome.reasons = ("final-changed-without-correction",)
        outcome.quarantine, _ = self._desk(outcome.item, outcome.reasons)
        outcome.disposition = "quarantine"

    def _desk(self, item: Interpreted, reasons: tuple[str, ...]) -> tuple[QuarantineItem, bool]:
        entry, envelope = self.entry, item.envelope
        key = keys.content_hash((entry.pathway.patient_id, *_told(envelope), reasons))
        entry.changed = True
        collected = envelope.collected
        on = moment(collected, entry.timezone)[1] if collected else None
        return QuarantineItem.objects.get_or_create(
            site_id=entry.pathway.site_id,
            content_key=key,
            defaults={
                "patient_id": entry.pathway.patient_id,
                "source": self.source,
                "where": dict(envelope.where),
                "analyte": item.analyte,
                "collected_on": on,
                "reason": reasons[0],
                "reasons": list(reasons),
                "raw": envelope.raw,
                "item": {name: str(value) for name, value in zip(TOLD, _told(envelope), strict=True)},
                "received_at": entry.recorded_at,
            },
        )


TOLD = (
    "analyte", "loinc", "value", "unit", "collected", "reported_at", "reference_low", "reference_high", "assay",
    "lab", "status", "source", "source_id",
)  # fmt: skip


def _told(envelope: ResultEnvelope) -> tuple[object, ...]:
    return tuple(getattr(envelope, name) or "" for name in TOLD)


def _stamp(entry: Entry) -> dict[str, Any]:
    """The fact columns, without saying that anything changed yet."""
    before = entry.changed
    columns = entry.stamp()
    entry.changed = before
    return columns


def _envelope(fields: Mapping[str, Any]) -> ResultEnvelope:
    texts = (
        "analyte", "loinc", "value", "unit", "reference_low", "reference_high", "assay", "lab", "status", "source",
        "source_id",
    )  # fmt: skip
    told: dict[str, Any] = {name: fields.get(name) or "" for name in texts}
    return ResultEnvelope(
        **told,
        collected=fields["collected_at"],
        reported_at=fields.get("reported_at"),
    )


def _content_hash(row: Result) -> str:
    return keys.content_hash(
        (
            row.status,
            row.comparator,
            _number(row.value) if row.value is not None else row.value_text,
            row.code,
            row.unit,
            _number(row.reference_low),
            _number(row.reference_high),
            row.assay,
            row.collected_at.astimezone(UTC),
            row.reported_at.astimezone(UTC) if row.reported_at else "",
        )
    )


def _number(value: Decimal | None) -> Decimal | str:
    return "" if value is None else value


def _same(first: Result, second: Result) -> bool:
    names = ("status", "comparator", "value", "code", "reference_low", "reference_high", "collected_at")
    return all(getattr(first, n) == getattr(second, n) for n in names)


def _twins(row: Result, other: Result) -> bool:
    same = (row.analyte, row.value, row.comparator, row.code) == (
        other.analyte, other.value, other.comparator, other.code,
    )  # fmt: skip
    return same and row.lineage != other.lineage and abs(row.collected_at - other.collected_at) <= TWIN


def _copy(row: Result, entry: Entry) -> Result:
    """The same version again, to be told apart by what changes."""
    columns = {f.attname: getattr(row, f.attname) for f in Result._meta.concrete_fields if f.name != "id"}
    return Result(**{**columns, **entry.stamp()})


def _resolved(lineage: UUID) -> tuple[UUID, Resolution[Result]]:
    return lineage, current(tuple(Result.objects.filter(lineage=lineage)))


def _point(resolved: Sequence[tuple[UUID, Resolution[Result]]], entry: Entry) -> None:
    """Moves the heads to the versions that count now."""
    heads = []
    for lineage, resolution in resolved:
        row = resolution.current or resolution.former[-1]
        heads.append(
            ResultHead(
                lineage=lineage,
                patient_id=entry.pathway.patient_id,
                site_id=entry.pathway.site_id,
                result=row.pk,
                analyte=row.analyte,
                collected_at=row.collected_at,
                active=resolution.current is not None,
                suspect=row.suspect,
                conflict=resolution.conflict,
            )
        )
    ResultHead.objects.bulk_create(
        heads,
        update_conflicts=True,
        unique_fields=["lineage"],
        update_fields=["result", "analyte", "collected_at", "active", "suspect", "conflict"],
    )
