"""Existing patients of a centre are taken over: rows of tables through the same door, by the same shapes.

One transaction for each patient; a row that is refused keeps no other row out, and a row that was taken before
changes nothing, so a table can be mended and sent again as often as needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers

from outcomes.services import patients
from outcomes.services.shapes import PatientIn
from patients import access
from patients.errors import DomainError, Fault, Invalid
from patients.models import Patient, Site
from patients.readers.moments import with_offset
from patients.readers.records import Record
from patients.services.shapes import Day, Instant, Strict, checked
from workflow.services import facts, infusions
from workflow.services.shapes import InfusionIn

KINDS = {
    "patients": "", "bleeds": "bleeds", "factor_uses": "factor-uses", "regimens": "regimens", "infusions": "",
}  # fmt: skip
WHO = ("mrn", "family_name", "birth_date")
RECORDED, DUPLICATE, REFUSED = "recorded", "duplicate", "refused"


class WhoIn(Strict):
    """Whom a row is about: the number, and what must agree with it where it is told."""

    mrn = serializers.CharField(max_length=64)
    family_name = serializers.CharField(required=False, max_length=100)
    birth_date = Day(required=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one row: recorded, duplicate or refused with every fault."""

    record: Record
    disposition: str
    faults: tuple[Fault, ...] = ()


def columns(kind: str) -> frozenset[str]:
    """The columns that a table of this kind may have."""
    own = {*_shape(kind)().fields} - {"override"}
    return frozenset(own if kind == "patients" else {*own, *WHO})


def take(
    *,
    site: Site,
    kind: str,
    records: Iterable[Record],
    by: str,
    at: datetime | None = None,
    dry: bool = False,
) -> Iterator[Taken]:
    """Takes rows over, patient by patient in the order in which each first appears. With `dry` nothing stays."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.cells.get("mrn", ""), []).append(record)
    taker = _Taker(site, kind, by, at)
    for group in groups.values():
        with access.site_context([site.pk], by=by), transaction.atomic():
            taken = taker.group(group)
            if dry:
                transaction.set_rollback(True)
        yield from taken


class _Taker:
    """The rows of one patient, in one transaction that is open."""

    def __init__(self, site: Site, kind: str, by: str, at: datetime | None) -> None:
        self.site, self.kind, self.by, self.at = site, kind, by, at
        self.shape = _shape(kind)

    def group(self, group: Sequence[Record]) -> list[Taken]:
        if not KINDS[self.kind]:
            one = self._person if self.kind == "patients" else self._infusion
            return [self._alone(record, one) for record in group]
        read = [self._read(record) for record in group]
        good = [i for i, row in enumerate(read) if not isinstance(row, Taken)]
        stored = self._facts([read[i] for i in good])
        told = dict(zip(good, stored, strict=True))
        return [
            row if isinstance(row, Taken) else _told(record, told[i])
            for i, (record, row) in enumerate(zip(group, read, strict=True))
        ]

    def _facts(self, read: Sequence[Any]) -> Sequence[facts.Stored | DomainError]:
        if not read:
            return []
        items = [data for _, data in read]
        kind = KINDS[self.kind]
        return facts.record_all(patient=read[0][0], kind=kind, items=items, by=self.by, at=self.at)

    def _read(self, record: Record) -> tuple[UUID, dict[str, Any]] | Taken:
        """Patient and data of a row, or all that is wrong with it."""
        faults: list[Fault] = []
        patient = _attempt(faults, lambda: self._patient(record))
        data = _attempt(faults, lambda: self._data(record))
        if data is not None:
            _attempt(faults, lambda: checked(self.shape, data))
        if faults or patient is None or data is None:
            return Taken(record, REFUSED, tuple(faults))
        return patient, data

    def _patient(self, record: Record) -> UUID:
        who = checked(WhoIn, {n: record.cells[n] for n in WHO if n in record.cells})
        row = Patient.objects.filter(site=self.site, mrn=who["mrn"]).first()
        if row is None:
            raise Invalid.at("/mrn", "patient-unmatched", "No patient of this site has this MRN.")
        if row.merged_into is not None:
            raise Invalid.at(
                "/mrn", "patient-merged", "This patient was merged into another one; use its MRN."
            )
        wrong = [n for n in WHO if n in who and _folded(who[n]) != _folded(getattr(row, n))]
        if wrong:
            text = "This is not what is recorded for the MRN; it may be another person."
            raise Invalid.of(*(Fault(f"/{n}", "patient-mismatch", text) for n in wrong))
        return row.pk

    def _data(self, record: Record) -> dict[str, Any]:
        """The row as an object in the public shape: lists read, local times given the site's offset."""
        if record.stray:
            text = (
                "There is text beyond the last column; a separator may stand inside a value without quotes."
            )
            raise Invalid.at("/", "too-many-cells", text)
        known = self.shape().fields
        return {n: self._value(known[n], text) for n, text in record.cells.items() if n in known}

    def _value(self, field: Any, text: str) -> Any:
        if isinstance(field, serializers.ListField):
            return _listed(text)
        return with_offset(text, self.site.timezone) if isinstance(field, Instant) else text

    def _alone(self, record: Record, one: Callable[[Record], Taken]) -> Taken:
        """A row with a savepoint of its own."""
        try:
            with transaction.atomic():
                return one(record)
        except DomainError as error:
            return _refused(record, error)

    def _person(self, record: Record) -> Taken:
        data = {"site": self.site.code, **self._data(record)}
        fields = checked(PatientIn, data)
        if fields.pop("site") != self.site.code:
            raise Invalid.at(
                "/site", "other-site", f"These rows are taken over for the site {self.site.code}."
            )
        row = Patient.objects.select_related("pathway").filter(site=self.site, mrn=fields["mrn"]).first()
        if row is None:
            patients.create(site=self.site, fields=fields, by=self.by, at=self.at)
            return Taken(record, RECORDED)
        _same_person(row, fields)
        return Taken(record, DUPLICATE)

    def _infusion(self, record: Record) -> Taken:
        read = self._read(record)
        if isinstance(read, Taken):
            return read
        patient, data = read
        fields = checked(InfusionIn, data)
        if infusions.recorded(patient=patient, fields=fields):
            return Taken(record, DUPLICATE)
        infusions.record(patient=patient, fields=fields, by=self.by, at=self.at)
        return Taken(record, RECORDED)


def _shape(kind: str) -> type[Strict]:
    if kind == "patients":
        return PatientIn
    return InfusionIn if kind == "infusions" else facts.KINDS[KINDS[kind]][1]


def _attempt(faults: list[Fault], what: Callable[[], Any]) -> Any:
    """What it returns; None when it is refused, its faults then stand with the others."""
    try:
        return what()
    except DomainError as error:
        faults.extend(_faults(error))
        return None


def _faults(error: DomainError) -> tuple[Fault, ...]:
    return error.faults or (Fault("/", error.code, error.detail),)


def _refused(record: Record, error: DomainError) -> Taken:
    return Taken(record, REFUSED, _faults(error))


def _told(record: Record, stored: facts.Stored | DomainError) -> Taken:
    if isinstance(stored, DomainError):
        return _refused(record, stored)
    return Taken(record, DUPLICATE if stored.duplicate else RECORDED)


def _listed(text: str) -> Any:
    """A cell of a list: JSON (left as it is when it cannot be read), or plain words with ; between them."""
    if not text.startswith("["):
        return [part.strip() for part in text.split(";") if part.strip()]
    try:
        return json.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        return text


def _same_person(row: Patient, fields: Mapping[str, Any]) -> None:
    """Raises Invalid naming every field that is recorded otherwise: a table changes nobody."""
    now = {
        **{n: getattr(row, n) for n in ("family_name", "given_name", "birth_date", "sex")},
        "pathway": row.pathway.pathway,
        "policy": row.pathway.policy,
        "contract": patients.contract_of(row.pk),
    }
    wrong = [n for n, value in now.items() if fields.get(n) and fields[n] != value]
    if wrong:
        text = "The patient with this MRN is recorded with another value; change it there."
        raise Invalid.of(*(Fault(f"/{n}", "changed", text) for n in wrong))


def _folded(value: Any) -> Any:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value
