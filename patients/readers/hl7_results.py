"""Observation messages of HL7 version 2 (ORU, OUL): one envelope for each OBX that reports something."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from typing import BinaryIO

from patients.readers import hl7
from patients.readers.envelope import Coding, Named, Parcel, PatientNumber, ResultEnvelope, Unreadable
from patients.readers.hl7 import Message, Segment
from patients.readers.hl7_fields import codings_of, identity_of, plain_of, status_of, unit_of
from patients.readers.hl7_values import ATTACHMENTS, TEXTS, value_of
from patients.readers.moments import BadTime, hl7_moment, stated_offset, zone_of
from patients.readers.ranges import limits
from patients.rules.codemaps import SourceRules

SPECIMEN_FIRST = frozenset({"R22", "R23"})
RESULT_MESSAGES = frozenset({"ORU", "OUL", "OPU"})
BySender = Callable[[str, str], SourceRules]


def read(stream: BinaryIO, rules: SourceRules, by_sender: BySender | None = None) -> Iterator[Parcel]:
    """A parcel for each message, in order. Raises Unreadable when the file is no HL7 at all.

    Where the sender decides, `by_sender` gives the rules for an application and facility instead of `rules`.
    """
    for index, data in enumerate(hl7.messages(stream), start=1):
        try:
            message = hl7.parse(data)
            own = by_sender(*sender(message)) if by_sender else rules
            yield _parcel(index, data, message, own)
        except Unreadable as error:
            yield Parcel(index=index, ack="AR", reason=error.reason, rejected=True, warnings=(str(error),))


def sender(message: Message) -> tuple[str, str]:
    """Sending application and facility, the names by which a source is found."""
    return message.header.component(3, 1), message.header.component(4, 1)


def _parcel(index: int, data: bytes, message: Message, rules: SourceRules) -> Parcel:
    header = message.header
    parcel = Parcel(
        index=index,
        control_id=hl7.unescape(header.field(10), header.marks),
        digest=hashlib.sha256(f"{header.field(10)}\r".encode() + _normal(message)).hexdigest(),
        sender=sender(message),
        ack="AA",
    )
    if header.component(9, 1).upper() not in RESULT_MESSAGES:
        return replace(parcel, reason="not-a-result")
    barred = () if message.charset_known else ("charset-unknown",)
    items = tuple(_Reader(message, index, rules, barred).items())
    return replace(parcel, items=items, ack="AE" if barred else "AA", reason="".join(barred))


def _normal(message: Message) -> bytes:
    """The body whose repetition is a repetition of the message: everything but the header's own time."""
    header = message.header
    kept = [f for n, f in enumerate(header.fields) if n not in (7, 10)]
    return "\r".join(["|".join(kept), *(s.raw for s in message.segments[1:])]).encode()


@dataclass(slots=True)
class _Order:
    """One OBR with what stands around it: its specimens and its observations with their notes."""

    number: int
    obr: Segment | None
    named: Named
    specimens: list[Segment] = field(default_factory=list)
    observations: list[tuple[Segment, list[Segment]]] = field(default_factory=list)


class _Reader:
    """Reads one message: the patient, then each order, then each observation of it."""

    def __init__(self, message: Message, index: int, rules: SourceRules, barred: tuple[str, ...]) -> None:
        self.message, self.index, self.rules, self.barred = message, index, rules, barred
        self.zone: tzinfo = stated_offset(message.header.component(7, 1)) or zone_of(rules.timezone)
        self.sent = self._time(message.header.component(7, 1))
        self.specimen_first = message.header.component(9, 2).upper() in SPECIMEN_FIRST

    def items(self) -> Iterator[ResultEnvelope]:
        for order in self._orders():
            ordinals: dict[tuple[str, str], int] = {}
            for group in _joined(order.observations):
                yield self._item(order, group, ordinals)

    def _orders(self) -> list[_Order]:
        """The orders as they stand; a note belongs to an observation only where it follows one."""
        orders: list[_Order] = []
        before: list[Segment] = []
        notes: list[Segment] | None = None
        named, number = Named(), 0
        for segment in self.message.segments:
            if segment.name == "NTE":
                if notes is not None:
                    notes.append(segment)
                continue
            notes = None
            if segment.name == "PID":
                named, before = self._named(segment), []
            elif segment.name == "SPM":
                if orders and orders[-1].named is named and not self.specimen_first:
                    orders[-1].specimens.append(segment)
                before = [segment]
            elif segment.name == "OBR":
                number += 1
                orders.append(_Order(number, segment, named, list(before) if self.specimen_first else []))
            elif segment.name == "OBX":
                if not orders or orders[-1].named is not named:
                    orders.append(_Order(0, None, named, list(before)))
                notes = []
                orders[-1].observations.append((segment, notes))
        return orders

    def _named(self, pid: Segment) -> Named:
        numbers = [self._number(pid, text) for text in pid.repetitions(3)]
        birth = pid.component(7, 1)
        return Named(
            numbers=tuple(n for n in numbers if n.value),
            family_name=(pid.parts(_raw_component(pid, 5, 1)) or [""])[0],
            birth_date=_birth_date(birth),
        )

    def _number(self, pid: Segment, text: str) -> PatientNumber:
        """CX: the number, the assigning authority's parts, and the type of the number."""
        raw = text.split(pid.marks.component)
        value = hl7.unescape(raw[0], pid.marks).strip()
        authority = pid.parts(raw[3]) if len(raw) > 3 else []
        kind = hl7.unescape(raw[4], pid.marks).strip() if len(raw) > 4 else ""
        return PatientNumber(value, tuple(a for a in (*authority[:2], kind) if a))

    def _item(
        self, order: _Order, group: list[tuple[Segment, list[Segment]]], ordinals: dict[tuple[str, str], int]
    ) -> ResultEnvelope:
        obx = group[0][0]
        codings, text = codings_of(obx)
        code = codings[0] if codings else Coding("", "")
        key = f"{code.system}|{code.code}", plain_of(obx, 4)
        value = value_of([o for o, _ in group])
        if not value.joined:
            ordinals[key] = ordinals.get(key, 0) + 1
        collected, bad = self._collected(obx, order)
        low, high, words = limits(hl7.unescape(obx.field(7), obx.marks), self.rules.decimal)
        return ResultEnvelope(
            codings=codings,
            code_text=text,
            value=value.text,
            spoken=value.spoken,
            coded=value.coded,
            span=value.span,
            unit=unit_of(obx),
            collected=collected,
            bad_time=bad,
            reported_at=self._reported(obx, order),
            reference_low=low,
            reference_high=high,
            reference_text=words,
            flag=obx.component(8, 1),
            method=obx.component(17, 2) or obx.component(17, 1),
            lab=obx.component(23, 1) or obx.component(15, 2) or obx.component(15, 1),
            note=_notes(group),
            status=status_of(obx, order.obr, value.text),
            source_id=identity_of(order.obr, key, 0 if value.joined else ordinals[key], collected),
            named=order.named,
            attachment=obx.field(2).upper() in ATTACHMENTS,
            barred=self.barred,
            faults=value.faults,
            where={
                "message": self.index, "obr": order.number, "obx": obx.field(1), "segment": obx.number,
                "code": code.code,
            },
            raw="\r".join(o.raw for o, _ in group),
        )  # fmt: skip

    def _collected(self, obx: Segment, order: _Order) -> tuple[datetime | date | None, bool]:
        """When the specimen was taken: of the observation, else of the specimen, else of the order."""
        told = [obx.component(14, 1)]
        told += [_raw_component(s, 17, 1).split(s.marks.sub or "\x00")[0] for s in order.specimens]
        told += [order.obr.component(7, 1)] if order.obr is not None else []
        text = next((t for t in told if t), "")
        try:
            moment = hl7_moment(text, self.zone, iso=self.rules.iso_times)
        except BadTime:
            return None, True
        return moment, moment is None

    def _reported(self, obx: Segment, order: _Order) -> datetime | None:
        told = [obx.component(19, 1), order.obr.component(22, 1) if order.obr is not None else ""]
        return next((m for m in map(self._time, told) if m is not None), self.sent)

    def _time(self, text: str) -> datetime | None:
        try:
            moment = hl7_moment(text, self.zone, iso=self.rules.iso_times)
        except BadTime:
            return None
        return moment if isinstance(moment, datetime) else None


def _joined(
    observations: Sequence[tuple[Segment, list[Segment]]],
) -> list[list[tuple[Segment, list[Segment]]]]:
    """Text segments of the same code and sub-id are lines of one text; every other segment is an item."""
    groups: list[list[tuple[Segment, list[Segment]]]] = []
    texts: dict[tuple[str, str], int] = {}
    for pair in observations:
        obx = pair[0]
        key = obx.field(3), obx.field(4)
        if obx.field(2).upper() in TEXTS and key in texts:
            groups[texts[key]].append(pair)
            continue
        if obx.field(2).upper() in TEXTS:
            texts[key] = len(groups)
        groups.append([pair])
    return groups


def _notes(group: Sequence[tuple[Segment, list[Segment]]]) -> str:
    return "\n".join(
        hl7.unescape(text, n.marks) for _, notes in group for n in notes for text in n.repetitions(3)
    )


def _birth_date(text: str) -> date | None:
    """The full date, or None for a year or month alone."""
    found = re.match(r"(\d{4})(\d\d)(\d\d)", text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _raw_component(segment: Segment, n: int, c: int) -> str:
    found = segment.repetitions(n)
    parts = found[0].split(segment.marks.component) if found else []
    return parts[c - 1] if c <= len(parts) else ""
