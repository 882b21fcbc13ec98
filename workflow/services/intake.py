"""The one door for results: interpret, store, and decide the patient again in the same transaction.

What cannot be judged waits on the quarantine desk with its reason; nothing is dropped, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from patients.data import catalog
from patients.errors import Conflict
from patients.models import Inbound, Patient, Result, ResultHead, Source
from patients.readers.envelope import Coding, ResultEnvelope
from patients.readers.interpret import Interpreted, interpret
from patients.rules.codemaps import LOINC, SourceRules, normal_system
from patients.rules.versions import FINAL
from patients.services.shapes import checked, checked_list
from workflow.services import shapes
from workflow.services.door import Entry, the_door, the_doors
from workflow.services.results import Outcome, Store, store

LIMIT = 5000
__all__ = ["Outcome", "confirm_result", "receive", "record_results", "retract_result", "weighed"]


def record_results(
    *, patient: UUID, items: Sequence[Any], by: str, at: datetime | None = None, listed: bool = False
) -> list[Outcome]:
    """Records results in the public shape; the outcomes stand in the order of the items.

    Every field fault of every item is reported at once (pointers start with the item's number when
    `listed`), and then nothing is stored.
    """
    fields = _fields(items) if listed else [checked(shapes.ResultIn, items[0])]
    return receive(patient=patient, envelopes=[_envelope(f) for f in fields], by=by, at=at)


def weighed(*, patient: Patient, items: Sequence[Any], at: datetime | None = None) -> list[Interpreted]:
    """What results in the public shape would mean, by the very checks that `record_results` makes; stores nothing."""
    now, born = at or timezone.now(), patient.birth_date
    return [interpret(_envelope(f), catalog(), now=now, born=born) for f in _fields(items)]


def _fields(items: Sequence[Any]) -> list[dict[str, Any]]:
    return checked_list(shapes.ResultIn, list(items), limit=LIMIT)


def receive(
    *,
    patient: UUID,
    envelopes: Sequence[ResultEnvelope],
    by: str,
    at: datetime | None = None,
    source: Source | None = None,
    rules: SourceRules | None = None,
    inbound: Inbound | None = None,
    waived: frozenset[str] = frozenset(),
    decide: bool = False,
) -> list[Outcome]:
    """Records envelopes of one patient in one transaction and decides the patient once.

    `waived` are reasons a person has overruled for these items; `decide` asks for a decision even when nothing
    is stored, because something that waited about the patient does not wait any more.
    """
    delivery = Delivery(patient, envelopes, source, rules)
    return receive_all(deliveries=[delivery], by=by, at=at, inbound=inbound, waived=waived, decide=decide)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """What one source sent about one record, and how that source writes."""

    patient: UUID
    envelopes: Sequence[ResultEnvelope]
    source: Source | None = None
    rules: SourceRules | None = None


def receive_all(
    *,
    deliveries: Sequence[Delivery],
    by: str,
    at: datetime | None = None,
    inbound: Inbound | None = None,
    waived: frozenset[str] = frozenset(),
    decide: bool = False,
) -> list[list[Outcome]]:
    """The same for several records, each of which occurs once, in one transaction; outcomes by delivery."""
    found: dict[UUID, list[Outcome]] = {}
    with the_doors(records=[d.patient for d in deliveries], by=by, at=at, any_record=True) as entries:
        for entry in entries.values():
            entry.changed = decide
        for wave in _waves(deliveries, entries):
            batches = [_read(told, entries[told.patient], inbound, waived) for told in wave]
            found |= zip([told.patient for told in wave], store(batches), strict=True)
    return [found[told.patient] for told in deliveries]


def _waves(deliveries: Sequence[Delivery], entries: Mapping[UUID, Entry]) -> Iterator[list[Delivery]]:
    """Deliveries of different people together; what is about another record of the same person comes after."""
    left = list(deliveries)
    while left:
        first = {entries[told.patient].pathway.pk: told for told in reversed(left)}
        yield list(first.values())
        left = [told for told in left if told not in first.values()]


def _read(
    told: Delivery, entry: Entry, inbound: Inbound | None, waived: frozenset[str]
) -> tuple[Store, list[Interpreted]]:
    born, now = entry.pathway.patient.birth_date, entry.recorded_at
    read = [
        interpret(e, catalog(), now=now, born=born, rules=told.rules, waived=waived) for e in told.envelopes
    ]
    return Store(entry, told.source, inbound), read


def retract_result(*, result: Result, reason: str, by: str, at: datetime | None = None) -> Result:
    """Hides a result that was entered in error; its value stays in the record. Raises Conflict if it is hidden."""
    with the_door(patient=result.patient_id, by=by, at=at, any_record=True) as entry:
        head = ResultHead.objects.get(lineage=result.lineage)
        if not head.active:
            raise Conflict("This result does not count any more.")
        return Store(entry).again(head.result, status="entered_in_error", reason=reason)


def confirm_result(
    *, result: UUID, reason: str, by: str, patient: UUID, accepted: bool = False, at: datetime | None = None
) -> Result:
    """Says that this version is the true one: it counts from now on, as a correction by a person.

    With `accepted` it is also said to be no repetition of another result.
    """
    with the_door(patient=patient, by=by, at=at, any_record=True) as entry:
        status = "" if accepted else "corrected"
        return Store(entry).again(result, status=status, reason=reason, accepted=accepted)


def settled(
    *,
    patient: UUID,
    lineage: UUID | None,
    reason: str,
    by: str,
    discarded: UUID | None = None,
    at: datetime | None = None,
) -> None:
    """Something that waited about the patient was put away: decides again.

    With `lineage`, of two contradicting final reports the one that is not `discarded` is confirmed by a person,
    whichever of them counted until now.
    """
    with the_door(patient=patient, by=by, at=at, any_record=True) as entry:
        entry.changed = True
        head = ResultHead.objects.filter(lineage=lineage, conflict=True).first() if lineage else None
        if head is not None:
            Store(entry).again(_kept(head, discarded), status="corrected", reason=reason)


def _kept(head: ResultHead, discarded: UUID | None) -> UUID:
    """The version that stays: the one that counts, or when that one is put away, the last other final one."""
    if head.result != discarded:
        return head.result
    others = Result.objects.filter(lineage=head.lineage, status__in=FINAL).exclude(pk=discarded)
    return others.order_by("-recorded_at", "-pk").values_list("pk", flat=True)[0]


def _envelope(fields: Mapping[str, Any]) -> ResultEnvelope:
    texts = (
        "analyte", "value", "unit", "reference_low", "reference_high", "assay", "lab", "status", "source",
        "source_id",
    )  # fmt: skip
    told: dict[str, Any] = {name: fields.get(name) or "" for name in texts}
    loinc = (fields.get("loinc") or "").strip()
    return ResultEnvelope(
        **told,
        codings=(Coding(normal_system(LOINC, loinc) if loinc else "", loinc),) if loinc else (),
        collected=fields["collected_at"],
        reported_at=fields.get("reported_at"),
    )
