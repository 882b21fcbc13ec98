"""Stores items of patients under the door: new versions, the heads that move, and what has to wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from patients.data import catalog
from patients.models import Inbound, QuarantineItem, Result, ResultHead, Source
from patients.readers.interpret import Interpreted
from patients.rules import keys
from patients.rules.versions import NEAR, current, likeness, suspects
from workflow.services import waiting
from workflow.services.door import Entry
from workflow.services.facts import moment

ENDED = frozenset({"retract", "cancelled"})
REENTERED = frozenset({"corrected", "amended"})


@dataclass(slots=True)
class Outcome:
    """What became of one item: result, duplicate, pending, cancelled, retract, untracked or quarantine."""

    disposition: str
    item: Interpreted
    result: Result | None = None
    quarantine: QuarantineItem | None = None
    reasons: tuple[str, ...] = field(default=())


class Store:
    """One patient's batch under the door. `source` and `inbound` are None for what a person enters."""

    def __init__(self, entry: Entry, source: Source | None = None, inbound: Inbound | None = None) -> None:
        self.entry, self.source, self.inbound = entry, source, inbound
        self.rows: dict[UUID, dict[str, Result]] = {}
        self.fresh: list[Result] = []
        self.standing: dict[UUID, Result] = {}
        self.outcomes: dict[UUID, Outcome] = {}

    def again(self, result: UUID, *, status: str, reason: str, accepted: bool = False) -> Result:
        """The same content as a new version, by a person's decision: retracted, corrected, or accepted."""
        told = Result.objects.get(pk=result)
        _load([self], {told.lineage})
        row = self._copy(told)
        row.status, row.reason = status or told.status, reason
        row.accepted = accepted or told.accepted
        row.reported_at = max(self.entry.recorded_at, told.reported_at or self.entry.recorded_at)
        row.content_hash = content_hash(row)
        self._add(row)
        _commit([self])
        return row

    def judged(self, item: Interpreted) -> Outcome:
        """What becomes of an item; a version that it makes is held until the commit."""
        outcome = self._outcome(item)
        if outcome.result is not None:
            self.outcomes[outcome.result.pk] = outcome
        return outcome

    def lineages(self, items: Iterable[Interpreted]) -> set[UUID]:
        """Which results the items may be versions of."""
        return {lineage for i in items for lineage in self._lineages(i)}

    def _lineage(self, item: Interpreted) -> UUID | None:
        """The result an item is about: one that is known under any record of the person, else one of the record named."""
        found = self._lineages(item)
        return next((pk for pk in found if self.rows.get(pk)), found[0]) if found else None

    def _lineages(self, item: Interpreted) -> list[UUID]:
        """What the result would be: under the record named, and by the source's own id under each of the person's."""
        envelope = item.envelope
        if not envelope.source_id and (envelope.collected is None or not item.analyte):
            return []
        key = (
            self.source.code if self.source else envelope.source,
            envelope.source_id,
            item.analyte,
            item.assay,
            moment(envelope.collected, self.entry.timezone)[0] if envelope.collected else None,
        )
        records = self.entry.records if envelope.source_id else (self.entry.record,)
        return [keys.lineage(record, *key) for record in records]

    def _record(self, lineage: UUID) -> UUID:
        """Under which record of the person a result is kept."""
        known = next(iter(self.rows.get(lineage, {}).values()), None)
        return known.patient_id if known else self.entry.record

    def _outcome(self, item: Interpreted) -> Outcome:
        if item.disposition == "untracked":
            return Outcome("untracked", item, reasons=item.reasons)
        if item.disposition == "quarantine":
            held, made = waiting.put(self.entry, item, self.source, self.inbound, self._lineage(item))
            return Outcome("quarantine" if made else "duplicate", item, quarantine=held, reasons=item.reasons)
        row = self._row(item)
        disposition = item.disposition
        if disposition == "promote":
            disposition = "result" if row is not None and row.status == "final" else "pending"
        outcome = Outcome(disposition, item, row, reasons=item.reasons)
        return outcome if row is None else self._placed(outcome)

    def _row(self, item: Interpreted) -> Result | None:
        """The version that an item makes; None for what has no time, or ends what was never heard of."""
        lineage = self._lineage(item)
        known = list(self.rows.get(lineage, {}).values()) if lineage else []
        if item.envelope.collected is None and not known:
            return None
        if item.disposition == "promote":
            return self._promoted(item, known)
        if item.disposition in ENDED:
            return self._ended(item, known)
        return self._version(item)

    def _promoted(self, item: Interpreted, known: list[Result]) -> Result | None:
        """The preliminary value, now final; without one the report has no value yet."""
        standing = current(tuple(known)).current if known else None
        if standing is None and item.envelope.collected is None:
            return None
        row = self._version(item) if standing is None else self._copy(standing)
        row.status, row.promotes = ("pending", True) if standing is None else ("final", False)
        row.reported_at = item.envelope.reported_at
        row.content_hash = content_hash(row)
        return row

    def _promote(self, row: Result) -> None:
        """A preliminary value of which it was said already that it is final."""
        said = [v for v in self.rows[row.lineage].values() if v.promotes]
        if row.status != "preliminary" or not said:
            return
        final = self._copy(row)
        final.status, final.reported_at = "final", said[0].reported_at
        final.content_hash = content_hash(final)
        self._add(final)

    def _ended(self, item: Interpreted, known: list[Result]) -> Result | None:
        if known:
            row = self._copy(known[-1])
            row.status, row.reported_at = item.status, item.envelope.reported_at
            row.value_text, row.number_text, row.value, row.comparator, row.code = "", "", None, "", ""
            row.content_hash = content_hash(row)
            return row
        whole = item.analyte and item.envelope.collected is not None and not item.envelope.bad_time
        return self._version(item) if whole else None

    def _placed(self, outcome: Outcome) -> Outcome:
        """Adds a version to its lineage unless it is there; tells a repetition from news."""
        row = outcome.result
        assert row is not None
        versions = self.rows.setdefault(row.lineage, {})
        known = versions.get(row.content_hash)
        if known is not None:
            outcome.disposition, outcome.result = "duplicate", known
            return outcome
        before = current(tuple(versions.values()))
        if (
            self.source is None
            and row.reported_at is None
            and self._said_again(row, bool(versions), before.current)
        ):
            row.reported_at = self.entry.recorded_at
        self._add(row)
        self._promote(row)
        after = current(tuple(versions.values()))
        if after.conflict and not before.conflict:
            outcome.reasons = ("final-changed-without-correction",)
        elif (
            before.current is not None and after.current is not None and _same(before.current, after.current)
        ):
            outcome.disposition = "duplicate" if outcome.disposition == "result" else outcome.disposition
        return outcome

    def _said_again(self, row: Result, known: bool, standing: Result | None) -> bool:
        """A person corrects, or enters anew what was hidden: that is said now, after all that was said before."""
        return row.status in REENTERED or (known and standing is None)

    def _add(self, row: Result) -> None:
        self.rows.setdefault(row.lineage, {})[row.content_hash] = row
        self.entry.changed = True
        self.fresh.append(row)

    def was_there(self, lineage: UUID) -> bool:
        """Whether the result had versions before this batch."""
        return len(self.rows[lineage]) > sum(r.lineage == lineage for r in self.fresh)

    def head(self, lineage: UUID) -> ResultHead:
        """The result's head as its versions have it now."""
        versions = tuple(self.rows[lineage].values())
        resolution = current(versions)
        row = self.standing[lineage] = resolution.current or resolution.former[-1]
        return ResultHead(
            lineage=lineage,
            patient_id=row.patient_id,
            site_id=row.site_id,
            result=row.pk,
            analyte=row.analyte,
            collected_at=row.collected_at,
            first_recorded_at=min(v.recorded_at for v in versions),
            likeness=likeness(row, row.analyte)[:80],
            active=resolution.current is not None,
            accepted=any(v.accepted for v in versions),
            conflict=resolution.conflict,
        )

    def let_wait(self, heads: dict[UUID, ResultHead]) -> None:
        """What conflicts or repeats goes to the desk, and its outcome says so."""
        told = {r.lineage: self.outcomes[r.pk] for r in self.fresh if r.pk in self.outcomes}
        for lineage, outcome in told.items():
            reasons = outcome.reasons
            if heads[lineage].suspect and outcome.disposition in ("result", "duplicate"):
                reasons = ("duplicate-suspect",)
            if reasons and reasons[0] in waiting.OF_A_RESULT:
                row, made = waiting.put(
                    self.entry, outcome.item, self.source, self.inbound, lineage, reasons=reasons,
                    result=outcome.result,
                )  # fmt: skip
                outcome.quarantine, outcome.reasons = row, reasons
                outcome.disposition = "quarantine" if made else "duplicate"

    def _version(self, item: Interpreted) -> Result:
        envelope, value = item.envelope, item.value
        assert envelope.collected is not None
        collected_at, collected_on, precision = moment(envelope.collected, self.entry.timezone)
        lineage = self._lineage(item)
        assert lineage is not None
        row = Result(
            lineage=lineage,
            analyte=item.analyte,
            loinc=envelope.loinc,
            status=item.status,
            value_text=envelope.value,
            number_text=format(value.number, "f")[:64] if value and value.number is not None else "",
            unit_text=(envelope.unit or (value.unit if value else ""))[:64],
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
            reference_text=envelope.reference_text,
            uln_source=item.uln_source,
            flag=envelope.flag[:16],
            method=envelope.method[:200],
            note=envelope.note,
            assay=item.assay,
            lab=envelope.lab[:200],
            source=self.source.code if self.source else envelope.source,
            source_id=envelope.source_id[:128],
            **self._stamp(self._record(lineage)),
        )
        row.content_hash = content_hash(row)
        return row

    def _copy(self, row: Result) -> Result:
        """The same version again, to be told apart by what changes."""
        columns = {f.attname: getattr(row, f.attname) for f in Result._meta.concrete_fields if f.name != "id"}
        return Result(**{**columns, **self._stamp(row.patient_id)})

    def _stamp(self, record: UUID) -> dict[str, Any]:
        """The fact columns, without saying yet that anything changed."""
        before = self.entry.changed
        columns = self.entry.stamp(record)
        self.entry.changed = before
        return columns


def store(batches: Sequence[tuple[Store, Sequence[Interpreted]]]) -> list[list[Outcome]]:
    """Stores the items of several patients in as many statements as one takes; outcomes in the order of the items."""
    stores = [one for one, _ in batches]
    _load(stores, {lineage for one, items in batches for lineage in one.lineages(items)})
    outcomes = [[one.judged(item) for item in items] for one, items in batches]
    _commit([one for one in stores if one.fresh])
    return outcomes


def _load(stores: Sequence[Store], lineages: set[UUID]) -> None:
    owners = _owners(stores)
    for row in Result.objects.filter(lineage__in=lineages) if lineages else ():
        owners[row.patient_id].rows.setdefault(row.lineage, {})[row.content_hash] = row


def _owners(stores: Iterable[Store]) -> dict[UUID, Store]:
    """Whose batch each record is in, the person's other records too."""
    return {record: one for one in stores for record in one.entry.records}


def _commit(stores: Sequence[Store]) -> None:
    """Writes the new versions, moves the heads, and lets wait what conflicts or repeats."""
    if not stores:
        return
    Result.objects.bulk_create([row for one in stores for row in one.fresh])
    heads = {
        one: {lineage: one.head(lineage) for lineage in {r.lineage for r in one.fresh}} for one in stores
    }
    moved: list[ResultHead] = []
    for one, others in _others(heads).items():
        before = {lineage: head.suspect for lineage, head in others.items()}
        heads[one] |= others
        _mark(heads[one].values())
        moved += [h for h in heads[one].values() if before.get(h.lineage) != h.suspect]
    _save(moved)
    waiting.settle({one.entry: (heads[one], one.standing) for one in stores})
    for one in stores:
        one.let_wait(heads[one])


def _others(heads: Mapping[Store, Mapping[UUID, ResultHead]]) -> dict[Store, dict[UUID, ResultHead]]:
    """Heads of other results that look, or looked before, like one of these, and lie near enough in time.

    Whether a result repeats another depends on those within a minute, on theirs, and so on: a day is enough.
    """
    lineages = [lineage for own in heads.values() for lineage in own]
    looked = _looked(heads)
    alike = {one: {h.likeness for h in own.values()} | looked[one] for one, own in heads.items()}
    spans = {one: _span(one, own) for one, own in heads.items()}
    owners = _owners(heads)
    near = ResultHead.objects.filter(
        patient_id__in=list(owners),
        active=True,
        collected_at__range=(
            min(first for first, _ in spans.values()),
            max(last for _, last in spans.values()),
        ),
        likeness__in=set().union(*alike.values()),
    ).exclude(lineage__in=lineages)
    found: dict[Store, dict[UUID, ResultHead]] = {one: {} for one in heads}
    for head in near:
        one = owners[head.patient_id]
        if head.likeness in alike[one] and spans[one][0] <= head.collected_at <= spans[one][1]:
            found[one][head.lineage] = head
    return found


def _looked(heads: Mapping[Store, Mapping[UUID, ResultHead]]) -> dict[Store, set[str]]:
    """How results that were there before looked until now."""
    again = {lineage: one for one, own in heads.items() for lineage in own if one.was_there(lineage)}
    found: dict[Store, set[str]] = {one: set() for one in heads}
    rows = ResultHead.objects.filter(lineage__in=list(again)) if again else ResultHead.objects.none()
    for lineage, likeness_before in rows.values_list("lineage", "likeness"):
        found[again[lineage]].add(likeness_before)
    return found


def _span(one: Store, heads: Iterable[UUID]) -> tuple[datetime, datetime]:
    times = [v.collected_at for lineage in heads for v in one.rows[lineage].values()]
    return min(times) - NEAR, max(times) + NEAR


def sort_repetitions(entry: Entry, records: Sequence[UUID]) -> None:
    """Tells anew which results of some records repeat each other, when they have become or ceased to be one person's."""
    heads = list(ResultHead.objects.filter(patient_id__in=records))
    before = {h.lineage: h.suspect for h in heads}
    _mark(heads)
    changed = {h.lineage: h for h in heads if h.suspect != before[h.lineage]}
    _save(changed.values())
    waiting.settle({entry: (changed, {})})


def _mark(heads: Iterable[ResultHead]) -> None:
    """Of results that are alike within a minute, all but one do not count."""
    alike: dict[str, list[ResultHead]] = {}
    for head in heads:
        head.suspect = False
        if head.active and not head.likeness.endswith("|||"):
            alike.setdefault(head.likeness, []).append(head)
    for rows in alike.values():
        found = suspects((h.lineage, h.collected_at, h.first_recorded_at, h.accepted) for h in rows)
        for head in rows:
            head.suspect = head.lineage in found


def _save(heads: Iterable[ResultHead]) -> None:
    columns = [
        f.name for f in ResultHead._meta.concrete_fields if f.name not in ("lineage", "patient", "site")
    ]
    ResultHead.objects.bulk_create(
        list(heads), update_conflicts=True, unique_fields=["lineage"], update_fields=columns
    )


def content_hash(row: Result) -> str:
    """The version's content: equal content of one result is one version."""
    return keys.content_hash(
        (
            row.status,
            row.comparator,
            row.value if row.value is not None else row.value_text,
            row.code,
            row.unit,
            "" if row.reference_low is None else row.reference_low,
            "" if row.reference_high is None else row.reference_high,
            row.assay,
            row.collected_at.astimezone(UTC),
            row.reported_at.astimezone(UTC) if row.reported_at else "",
            *(("accepted",) if row.accepted else ()),
        )
    )


def _same(first: Result, second: Result) -> bool:
    names = ("status", "comparator", "value", "code", "reference_low", "reference_high", "collected_at")
    return all(getattr(first, n) == getattr(second, n) for n in names)
