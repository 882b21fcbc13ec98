"""Imports: bytes are kept first, then every item gets exactly one disposition, each patient decided once a run.

A run commits some patients at a time and can be cut off at any moment: the bytes are there, the next run finds
what is done by the items' numbers and goes on. The same bytes again change nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from patients import access
from patients.data import catalog
from patients.errors import Invalid
from patients.ids import new_id
from patients.models import Inbound, InboundItem, InboundMessage, Source
from patients.readers import files, wire
from patients.readers.envelope import Parcel, ResultEnvelope, Unreadable
from patients.readers.fhir import People
from patients.readers.interpret import interpret
from patients.readers.rows import Mapped
from patients.rules.codemaps import SourceRules
from patients.selectors import sources
from patients.selectors.matching import Match, matches
from patients.services import blobs
from workflow.selectors.inbound import DISPOSITIONS
from workflow.selectors.items import item_json, rejected_json
from workflow.services import intake, ledger, waiting
from workflow.services.apply import TOGETHER
from workflow.services.pile import Pile, Piled
from workflow.services.results import Outcome

log = logging.getLogger("daymark.imports")
LOOSE = frozenset({"pending", "retract", "cancelled", "untracked"})
CHUNK, AGAIN, AT_ONCE = 500, "again", 5000
ABANDONED = timedelta(minutes=10)
Kept = tuple[int, dict[str, Any], dict[str, Any]]


@dataclass(slots=True)
class Report:
    """What became of one file: counts by disposition and reason, the answers to its messages, its items."""

    id: UUID | None = None
    source: str | None = None
    format: str = ""
    file: str = ""
    sha256: str = ""
    size: int = 0
    dry_run: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    keep_items: int = 0
    rejected: str = ""

    def count(self, body: Mapping[str, Any]) -> None:
        self.counts[str(body["disposition"])] += 1
        if body["reason"]:
            self.reasons[str(body["reason"])] += 1
        if len(self.items) < self.keep_items:
            self.items.append(dict(body))

    def refused(self, reason: str) -> Report:
        """The report of a file that is not even read."""
        self.count(rejected_json(reason, {}))
        return self

    @property
    def received(self) -> int:
        return sum(self.counts.values())

    def shown(self) -> dict[str, Any]:
        """The public shape, without items."""
        return {
            "id": str(self.id) if self.id else None,
            "source": self.source,
            "format": self.format,
            "file": self.file,
            "sha256": self.sha256,
            "bytes": self.size,
            "dry_run": self.dry_run,
            "received": self.received,
            **{name: self.counts[name] for name in DISPOSITIONS},
            "reasons": dict(sorted(self.reasons.items())),
            "warnings": self.warnings,
            "messages": self.messages,
        }


def keep(
    *,
    name: str,
    stream: BinaryIO,
    site: UUID,
    source: Source | None,
    by: str,
    form: str = "auto",
    mapping: str = "",
    at: datetime | None = None,
    queued: bool = False,
    key: UUID | None = None,
) -> Inbound:
    """Stores the bytes and the import's row, in one transaction; nothing is read yet.

    `queued` leaves the reading to the background; else the caller runs it. `key` is the import's id where the
    caller must know it beforehand.
    """
    moment = at or timezone.now()
    with access.site_context([site], by=by):
        blob = blobs.keep(stream=stream, site=site, media_type="application/octet-stream", at=moment)
        return Inbound.objects.create(
            id=key or new_id(), site_id=site, source=source, file=name[:255], format=form, mapping=mapping,
            sha256=blob.sha256, size=blob.size, blob=blob, at=moment, by=by, state="queued" if queued else "waiting",
        )  # fmt: skip


def many(stream: BinaryIO, source: Source | None, form: str, mapping: str) -> bool:
    """Whether a file holds more items than one request carries out."""
    start, found = stream.tell(), 0
    try:
        kind = files.sniffed(stream) if form == "auto" else form
        columns = (sources.mapped(source, mapping) if source else None) or Mapped()
        for parcel in files.parcels(stream, kind, files.Delivery(SourceRules(), columns)):
            found += len(parcel.items)
            if found > AT_ONCE:
                return True
    except Unreadable:
        return False
    finally:
        stream.seek(start)
    return False


def run_queued(*, at: datetime | None = None) -> int:
    """Runs what was left to the background, and what an interrupted command left behind. Returns how many."""
    moment = at or timezone.now()
    left = Q(state="queued") | Q(state="waiting", at__lt=moment - ABANDONED)
    with access.everywhere(by="worker"):
        rows = list(Inbound.objects.filter(left).select_related("source", "blob", "site").order_by("at")[:20])
    for row in rows:
        try:
            run(inbound=row)
        except Running:
            continue
        except Exception:
            log.exception("an import died; it is tried again")
            with access.everywhere(by="worker"):
                ledger.intake_failed(row, at=moment)
    return len(rows)


def run(
    *, inbound: Inbound, at: datetime | None = None, people: People | None = None, keep_items: int = 0
) -> Report:
    """Gives every item of a kept import its disposition. Raises Running when another run holds it.

    A file that cannot be read is `rejected` as a whole; the report says why, and its bytes stay.
    """
    assert inbound.blob is not None
    report = Report(
        id=inbound.pk, source=inbound.source.code if inbound.source else None, format=inbound.format,
        file=inbound.file, sha256=inbound.sha256, size=inbound.size, keep_items=keep_items,
    )  # fmt: skip
    with _alone(inbound.pk):
        stream = blobs.opened(inbound.blob)
        _Run(inbound, report, inbound.by, at or timezone.now(), people).whole(stream)
    return report


def preview(
    *,
    name: str,
    stream: BinaryIO,
    site: UUID,
    source: Source | None,
    by: str,
    form: str = "auto",
    mapping: str = "",
    at: datetime | None = None,
    people: People | None = None,
    keep_items: int = 0,
) -> Report:
    """What a run would say, with nothing stored."""
    start = stream.tell()
    digest, size = hashlib.sha256(), 0
    while data := stream.read(1 << 20):
        digest.update(data)
        size += len(data)
    stream.seek(start)
    inbound = Inbound(
        site_id=site,
        source=source,
        file=name,
        format=form,
        mapping=mapping,
        sha256=digest.hexdigest(),
        size=size,
    )
    report = Report(
        source=source.code if source else None, format=form, file=name, sha256=inbound.sha256, size=size,
        dry_run=True, keep_items=keep_items,
    )  # fmt: skip
    _Run(inbound, report, by, at or timezone.now(), people).whole(stream)
    return report


class Running(RuntimeError):
    """Another process gives this import's items their dispositions at this moment."""


class _alone:
    """Holds the import's advisory lock on this connection: two runs of one import never overlap."""

    def __init__(self, key: UUID) -> None:
        self.key = str(key)

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(hashtextextended(%s, 1))", [self.key])
            if not cursor.fetchone()[0]:
                raise Running("This import is running already.")

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 1))", [self.key])


class _Run:
    """One pass over the bytes: read, tell repetitions, match patients, pile up, hand over by patient."""

    def __init__(
        self, inbound: Inbound, report: Report, by: str, at: datetime, people: People | None
    ) -> None:
        self.inbound, self.report, self.by, self.at, self.people = inbound, report, by, at, people
        self.dry = report.dry_run
        self.number = 0
        self.seen: set[str] = set()
        self.desk: set[str] = set()
        self.known: dict[UUID, tuple[Source, SourceRules]] = {}
        self.pile = Pile()
        self.unread: list[Kept] = []
        self.acks: dict[int, dict[str, Any]] = {}
        self.digests: dict[int, str] = {}

    def whole(self, stream: BinaryIO) -> None:
        try:
            for chunk in _chunks(self._parcels(stream)):
                self._sort(chunk)
            self._keep_unread()
            for runs in _together(self.pile.runs()):
                self._hand_over(runs)
        except Unreadable as error:
            self._reject(error)
            return
        finally:
            self.pile.close()
        self._finish("done")

    def _parcels(self, stream: BinaryIO) -> Iterator[Parcel]:
        with self._context():
            again = self._came_before()
            source, mapping = self.inbound.source, None
            rules = self._rules(source)[1] if source else SourceRules()
            if source is not None:
                mapping = sources.mapped(source, self.inbound.mapping)
                if mapping is None:
                    raise Invalid.at(
                        "/mapping", "unknown", f"{source.code} has no table mapping “{self.inbound.mapping}”."
                    )
        form = self.report.format if self.report.format != "auto" else files.sniffed(stream)
        self.report.format = form
        by_sender = None if source else self._rules_of_sender
        delivery = files.Delivery(rules, mapping or Mapped(), self.people, by_sender)
        for parcel in files.parcels(stream, form, delivery):
            yield replace(parcel, digest=AGAIN) if again and not parcel.rejected else parcel

    def _rules_of_sender(self, application: str, facility: str) -> SourceRules:
        """How the sender of a message writes times and numbers, where the import names no source."""
        with self._context():
            source = sources.sender_of([self.inbound.site_id], application, facility)
            return self._rules(source)[1] if source else SourceRules()

    def _came_before(self) -> bool:
        """Whether the same bytes of this source were dispositioned before."""
        same = Inbound.objects.filter(
            source=self.inbound.source, site=self.inbound.site_id, sha256=self.inbound.sha256,
            mapping=self.inbound.mapping, state="done",
        )  # fmt: skip
        return same.exclude(pk=self.inbound.pk).exists()

    def _rules(self, source: Source) -> tuple[Source, SourceRules]:
        if source.pk not in self.known:
            self.known[source.pk] = source, sources.rules_of(source)
        return self.known[source.pk]

    def _context(self) -> Any:
        return access.site_context([self.inbound.site_id], by=self.by)

    def _sort(self, chunk: Sequence[Parcel]) -> None:
        """Repeated messages are told at once; the items of the others go to the pile under their patient."""
        with self._context():
            before = self._repeated(chunk)
            for source, parcels in self._by_source(chunk):
                people = {i.named for p in parcels for i in p.items}
                found = self._matched(source, people)
                for parcel in parcels:
                    self._one(parcel, source, found, repeated=parcel.digest in before)

    def _repeated(self, chunk: Sequence[Parcel]) -> set[str]:
        """Digests of messages that came before: in another import, or earlier in this file."""
        told = [p.digest for p in chunk if p.digest and p.digest != AGAIN]
        rows = InboundMessage.objects.filter(site=self.inbound.site_id, digest__in=told) if told else None
        found = {AGAIN} | (
            {r.digest for r in rows if r.inbound_id != self.inbound.pk} if rows is not None else set()
        )
        for digest in told:
            if digest in self.seen:
                found.add(digest)
        return found

    def _by_source(self, chunk: Sequence[Parcel]) -> Iterable[tuple[Source | None, list[Parcel]]]:
        if self.inbound.source is not None:
            return [(self.inbound.source, list(chunk))]
        groups: dict[Source | None, list[Parcel]] = {}
        for parcel in chunk:
            found = sources.sender_of([self.inbound.site_id], *parcel.sender)
            groups.setdefault(found, []).append(parcel)
        return list(groups.items())

    def _matched(self, source: Source | None, people: set[Any]) -> Mapping[Any, Match]:
        if source is None:
            return dict.fromkeys(people, Match(reason="source-unknown"))
        return matches(people, site=self.inbound.site_id, authorities=self._rules(source)[1].mrn_authorities)

    def _one(
        self, parcel: Parcel, source: Source | None, found: Mapping[Any, Match], *, repeated: bool
    ) -> None:
        if parcel.rejected:
            where = {"message": parcel.index} if parcel.index else {}
            self.unread.append((self._next(), rejected_json(parcel.reason, where), {}))
            self.report.warnings += parcel.warnings
        elif parcel.index and not parcel.items:
            self.report.reasons[parcel.reason or "not-a-result"] += 1
        twice = repeated or parcel.digest in self.seen
        for envelope in parcel.items:
            self._pile(envelope, source, found[envelope.named], twice)
        self._answer(parcel, source, found, repeated=twice)
        if parcel.digest:
            self.seen.add(parcel.digest)

    def _pile(self, envelope: ResultEnvelope, source: Source | None, match: Match, twice: bool) -> None:
        number = self._next()
        named = replace(envelope, source=source.code if source else "")
        if twice:
            self.pile.add(Piled(number, None, AGAIN, named))
        elif source is None:
            self.pile.add(
                Piled(number, None, "", replace(named, barred=(*envelope.barred, "source-unknown")))
            )
        else:
            self.pile.add(Piled(number, match.patient, match.reason, named))

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _answer(
        self, parcel: Parcel, source: Source | None, found: Mapping[Any, Match], *, repeated: bool
    ) -> None:
        """The acknowledgement of an HL7 message."""
        if not parcel.index:
            return
        ack, reason = parcel.ack or "AA", parcel.reason
        strangers = [m.reason for i in parcel.items if (m := found[i.named]).reason]
        if parcel.items and strangers and not repeated and ack == "AA":
            ack, reason = "AE", strangers[0]
        self.acks[parcel.index] = {
            "index": parcel.index, "control_id": parcel.control_id, "ack": ack, "reason": reason or None,
        }  # fmt: skip
        self.digests[parcel.index] = "" if parcel.rejected or repeated else parcel.digest

    def _keep_unread(self) -> None:
        """What could not be read, once it is clear that the file as a whole can be."""
        with self._context():
            self._store(self.unread)

    def _hand_over(self, runs: Sequence[list[Piled]]) -> None:
        """Runs of several patients (or one of nobody's): facts, desk and outcomes in one transaction."""
        with self._context():
            done = self._done([item for run in runs for item in run])
            left = [kept for run in runs if (kept := [i for i in run if i.number not in done])]
            if not left:
                return
            with transaction.atomic():
                of_nobody = left[0][0].patient is None
                outcomes = [self._strangers(run) for run in left] if of_nobody else self._patients(left)
                self._store(
                    [
                        _row(item, outcome, self._source_of(item)[0])
                        for run, found in zip(left, outcomes, strict=True)
                        for item, outcome in zip(run, found, strict=True)
                    ]
                )
                if self.dry:
                    transaction.set_rollback(True)

    def _done(self, items: Sequence[Piled]) -> set[int]:
        """Items that an earlier, interrupted run of this import has dispositioned."""
        if self.dry:
            return set()
        numbers = [i.number for i in items]
        rows = InboundItem.objects.filter(inbound=self.inbound, number__in=numbers)
        for row in rows:
            self.report.count(row.body)
        return {row.number for row in rows}

    def _patients(self, runs: Sequence[list[Piled]]) -> list[list[Outcome]]:
        return intake.receive_all(
            deliveries=[self._delivery(run) for run in runs],
            by=self.by,
            at=self.at,
            inbound=None if self.dry else self.inbound,
        )

    def _delivery(self, items: Sequence[Piled]) -> intake.Delivery:
        assert items[0].patient is not None
        return intake.Delivery(items[0].patient, [i.envelope for i in items], *self._source_of(items[0]))

    def _strangers(self, items: Sequence[Piled]) -> list[Outcome]:
        return [self._stranger(item) for item in items]

    def _stranger(self, piled: Piled) -> Outcome:
        source, rules = self._source_of(piled)
        again = piled.stranger == AGAIN
        item = interpret(
            piled.envelope, catalog(), now=self.at, rules=rules, stranger="" if again else piled.stranger
        )
        if again:
            return Outcome("duplicate", item)
        if item.disposition != "quarantine":
            disposition = "pending" if item.disposition == "promote" else item.disposition
            return Outcome(disposition, item, reasons=item.reasons)
        key = waiting.content_key(item.envelope, source, "")
        inbound = None if self.dry else self.inbound
        row, made = waiting.put_stranger(item, source, inbound, self.inbound.site_id, self.at)
        made = made and key not in self.desk
        self.desk.add(key)
        return Outcome("quarantine" if made else "duplicate", item, quarantine=row, reasons=item.reasons)

    def _source_of(self, piled: Piled) -> tuple[Source | None, SourceRules | None]:
        code = piled.envelope.source
        return next(((s, r) for s, r in self.known.values() if s.code == code), (None, None))

    def _store(self, rows: Sequence[Kept]) -> None:
        for _, body, _ in rows:
            self.report.count(body)
        if self.dry:
            return
        InboundItem.objects.bulk_create(
            [
                InboundItem(
                    inbound=self.inbound, site_id=self.inbound.site_id, number=number,
                    disposition=body["disposition"], reason=body["reason"] or "", system=body["code"]["system"][:128],
                    code=body["code"]["code"][:128], body=body, **more,
                )
                for number, body, more in rows
            ],
            ignore_conflicts=True,
        )  # fmt: skip

    def _reject(self, error: Unreadable) -> None:
        """The file as a whole: nothing of it was stored, and the one item says why."""
        with self._context():
            self.report.rejected, self.acks, self.report.warnings = str(error), {}, [str(error)]
            self.report.reasons.clear()
            self._store([(1, rejected_json(error.reason, {}), {})])
        self._finish("rejected")

    def _finish(self, state: str) -> None:
        self.report.messages = [self.acks[i] for i in sorted(self.acks)]
        if self.dry:
            return
        with self._context():
            InboundMessage.objects.bulk_create(
                [
                    InboundMessage(
                        inbound=self.inbound, site_id=self.inbound.site_id, index=m["index"],
                        control_id=m["control_id"][:255], digest=self.digests[m["index"]], ack=m["ack"],
                        reason=m["reason"] or "",
                    )
                    for m in self.report.messages
                ],
                ignore_conflicts=True,
            )  # fmt: skip
            shown = self.report.shown()
            shown.pop("messages")
            self.inbound.counts, self.inbound.state, self.inbound.format = shown, state, self.report.format
            self.inbound.save(update_fields=["counts", "state", "format"])
            if state == "rejected":
                ledger.intake_failed(self.inbound, at=self.at)


def _row(piled: Piled, outcome: Outcome, source: Source | None) -> Kept:
    """An item's outcome; what is neither a fact nor on the desk keeps its envelope for a later mapping."""
    body = item_json(
        outcome.item,
        outcome.disposition,
        () if outcome.disposition == "duplicate" else outcome.reasons,
        result=outcome.result.pk if outcome.result else None,
        quarantine=outcome.quarantine.pk if outcome.quarantine else None,
    )
    more: dict[str, Any] = {"patient_id": piled.patient}
    if outcome.disposition in LOOSE and outcome.result is None:
        more["envelope"] = wire.to_json(piled.envelope)
        more["person"] = waiting.person_key(source, piled.envelope.named)
    return piled.number, body, more


def _together(runs: Iterable[list[Piled]]) -> Iterator[list[list[Piled]]]:
    """Runs of different patients, decided in one transaction; nobody's runs go alone."""
    together: list[list[Piled]] = []
    for run in runs:
        known = {r[0].patient for r in together}
        size = sum(map(len, together))
        if together and (None in known or run[0].patient in known or len(known) >= TOGETHER or size >= CHUNK):
            yield together
            together = []
        together.append(run)
    if together:
        yield together


def _chunks(parcels: Iterator[Parcel]) -> Iterator[list[Parcel]]:
    """Parcels together until they hold a good number of items."""
    chunk: list[Parcel] = []
    size = 0
    for parcel in parcels:
        chunk.append(parcel)
        size += max(1, len(parcel.items))
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
