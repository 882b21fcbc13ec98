"""Facts other than results: bleeds, factor use, regimens, attestations, events, coverage, draws, kits…"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from patients.errors import Conflict, DomainError, Fault, Invalid, NotFound
from patients.models import Attestation, Bleed, Coverage, Draw, Event, FactorUse, Regimen
from patients.models.base import FactRow
from patients.services.shapes import Strict, checked
from workflow import data as files
from workflow.models import Authorization, Kit
from workflow.rules import kits, ndc
from workflow.rules.facts import known
from workflow.rules.ndc import NO_NDC
from workflow.selectors.decisions import local_date, pinned
from workflow.selectors.facts import history
from workflow.services import acts, shapes
from workflow.services.door import Entry, the_door

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a posted fact: its row, and whether it was there before, word for word."""

    row: FactRow
    duplicate: bool


def record(
    *, patient: UUID, kind: str, data: Any, by: str, at: datetime | None = None, newest: bool = False
) -> Stored:
    """Records one fact and decides the patient again.

    `kind` is a key of KINDS, `data` the posted object in the public shape. The exact repetition of a fact
    changes nothing. `newest`: what is corrected must be the version that counts. Raises Invalid or Malformed with
    every fault, Conflict when somebody corrected the same version meanwhile, NotFound for an unknown patient.
    """
    fields = checked(KINDS[kind][1], data)
    with the_door(patient=patient, by=by, at=at, any_record=True) as entry:
        if newest and fields.get("supersedes"):
            _newest(KINDS[kind][0], fields["supersedes"])
        return _record(entry, kind, fields)


def retract(
    *, patient: UUID, kind: str, fact: UUID, reason: str, by: str, at: datetime | None = None
) -> FactRow:
    """Says that a fact was entered in error, and why; its content stays in the record.

    Raises NotFound for a fact of another kind or patient, Conflict when it was corrected or retracted meanwhile.
    """
    model = KINDS[kind][0]
    with the_door(patient=patient, by=by, at=at, any_record=True) as entry:
        told = model._default_manager.filter(pk=fact, patient_id__in=entry.records).first()
        if told is None:
            raise NotFound("There is no such fact of this patient.")
        _newest(model, fact)
        columns = {f.attname: getattr(told, f.attname) for f in model._meta.concrete_fields if f.name != "id"}
        row = model._default_manager.create(
            **{**columns, **entry.stamp(told.patient_id), "supersedes": fact, "retracted": True}
        )
        acts.write(entry, kind="retract", key=str(row.pk), payload={"kind": kind}, reason=reason,
                   record=row.patient_id)  # fmt: skip
        return row


def _newest(model: type[FactRow], fact: UUID) -> None:
    """Refuses to correct or retract what somebody corrected or retracted before."""
    after = model._default_manager.filter(supersedes=fact).order_by("-recorded_at").first()
    told = after or model._default_manager.filter(pk=fact, retracted=True).first()
    if told is not None:
        what = "retracted" if told.retracted else "corrected"
        raise Conflict(f"{told.by or 'Somebody'} {what} this entry meanwhile; look at it as it stands now.")


def record_all(
    *, patient: UUID, kind: str, items: Sequence[Any], by: str, at: datetime | None = None
) -> list[Stored | DomainError]:
    """Records facts taken over from elsewhere, in order, in one transaction, and decides the patient once.

    What is wrong with an item stands in its place and keeps no other item out. An item whose `source_id` is
    recorded with other content, or for another patient of the site, is refused unless it names what it corrects.
    """
    told: list[Stored | DomainError] = []
    with the_door(patient=patient, by=by, at=at, any_record=True) as entry:
        for data in items:
            try:
                fields = checked(KINDS[kind][1], data)
                with transaction.atomic():
                    stored = _record(entry, kind, fields)
                    if not stored.duplicate and not fields.get("supersedes"):
                        _once_a_source(stored.row, entry.records)
                told.append(stored)
            except DomainError as error:
                told.append(error)
    return told


def _record(entry: Entry, kind: str, fields: Mapping[str, Any]) -> Stored:
    model, _, columns = KINDS[kind]
    values = columns(fields, entry)
    record = _corrected(model, entry, values)
    twin = model._default_manager.filter(patient_id__in=entry.records, **_exactly(values)).first()
    if twin is not None:
        return Stored(twin, duplicate=True)
    return Stored(model._default_manager.create(**values, **entry.stamp(record)), duplicate=False)


def _once_a_source(row: FactRow, records: Sequence[UUID]) -> None:
    """One id of a source is one fact of one patient, whose records are given."""
    if not row.source_id:
        return
    same = type(row)._default_manager.filter(
        site_id=row.site_id, source=row.source, source_id=row.source_id
    ).exclude(pk=row.pk)  # fmt: skip
    if same.exclude(patient_id__in=records).exists():
        raise Invalid.at("/source_id", "other-patient", "This source_id is recorded for another patient.")
    if same.exists():
        text = (
            "This source_id is recorded with other content; name the fact that this corrects in supersedes."
        )
        raise Invalid.at("/source_id", "changed", text)


def _exactly(values: Mapping[str, Any]) -> Columns:
    return {(f"{k}__isnull" if v is None else k): (True if v is None else v) for k, v in values.items()}


def _corrected(model: type[FactRow], entry: Entry, values: Mapping[str, Any]) -> UUID:
    """Under which record the fact is kept. A correction must name a fact of the same kind and patient, and stays with it."""
    target = values.get("supersedes")
    if target is None:
        if values.get("retracted"):
            raise Invalid.at("/supersedes", "required", "Name the fact that is retracted in supersedes.")
        return entry.record
    told = model._default_manager.filter(pk=target, patient_id__in=entry.records).first()
    if told is None:
        raise Invalid.at("/supersedes", "unknown", "There is no such fact of this patient to correct.")
    return told.patient_id


def _common(fields: Mapping[str, Any]) -> Columns:
    return {
        "source": fields.get("source") or "",
        "source_id": fields.get("source_id") or "",
        "supersedes": fields.get("supersedes"),
        "retracted": fields.get("retracted", False),
    }


def _plain(*names: str) -> Callable[[Mapping[str, Any], Entry], Columns]:
    """Columns with the names of the fields; a missing text is empty, anything else missing is null."""

    def columns(fields: Mapping[str, Any], entry: Entry) -> Columns:
        return {**_common(fields), **{name: fields.get(name, _blank(name)) for name in names}}

    return columns


def _blank(name: str) -> Any:
    if name in ("note", "lot", "ndc", "number"):
        return ""
    return [] if name == "vial_lots" else None


def moment(value: datetime | date, timezone: str) -> tuple[datetime, date, str]:
    """An instant, its site-local date and its precision; a date alone stands for its first moment."""
    if isinstance(value, datetime):
        return value, local_date(value, timezone), "second"
    return datetime.combine(value, time.min, ZoneInfo(timezone)), value, "day"


def _past(on: date, entry: Entry, pointer: str) -> None:
    if on > entry.today:
        raise Invalid.at(pointer, "future", "This lies in the future; record it when it has happened.")


def _bleed(fields: Mapping[str, Any], entry: Entry) -> Columns:
    at, on, _ = moment(fields["onset_at"], entry.timezone)
    _past(on, entry, "/onset_at")
    names = ("joint", "cause", "life_threatening", "treated")
    return {
        **_common(fields),
        **{n: fields[n] for n in names},
        "body_site": fields["site"],
        "note": fields.get("note", ""),
        "onset_at": at,
        "onset_on": on,
    }


def _draw(fields: Mapping[str, Any], entry: Entry) -> Columns:
    at, on, _ = moment(fields["drawn_at"], entry.timezone)
    _past(on, entry, "/drawn_at")
    return {
        **_common(fields),
        "panel": fields["panel"],
        "lab": fields.get("lab", ""),
        "drawn_at": at,
        "drawn_on": on,
    }


def _factor_use(fields: Mapping[str, Any], entry: Entry) -> Columns:
    _past(fields["given_on"], entry, "/given_on")
    return _plain("product", "iu", "given_on", "reason")(fields, entry)


def _attestation(fields: Mapping[str, Any], entry: Entry) -> Columns:
    known = files.attestation_codes()
    if fields["code"] not in known:
        raise Invalid.at("/code", "unknown", f"Known codes are {', '.join(sorted(known))}.")
    _past(fields["on"], entry, "/on")
    return _plain("code", "on", "value", "note")(fields, entry)


def _kit(fields: Mapping[str, Any], entry: Entry) -> Columns:
    """An order is refused for a number of vials that no kit has; a retraction of one never is."""
    dosing = pinned(known(history(entry.pathway.patient_id), as_of=entry.today)).dosing
    faults = []
    if not fields.get("retracted") and (text := kits.refusal(dosing, fields["vials"])):
        faults.append(Fault("/vials", "no-kit-listed", text))
    code = ndc.normalised(fields.get("ndc") or "", dosing.ndcs_on(fields["ordered_on"]))
    if fields.get("ndc") and code is None:
        faults.append(Fault("/ndc", "ndc", NO_NDC.format(text=fields["ndc"])))
    if faults:
        raise Invalid.of(*faults)
    names = ("ordered_on", "weight_kg", "vials", "ndc", "received_on", "lot", "vial_lots")
    return _plain(*names)({**fields, "ndc": code or ""}, entry)


def _period(*names: str) -> Callable[[Mapping[str, Any], Entry], Columns]:
    def columns(fields: Mapping[str, Any], entry: Entry) -> Columns:
        plain = {n: fields.get(n) for n in names}
        return {**_common(fields), **plain, "from_on": fields["from"], "to_on": fields.get("to")}

    return columns


def _coverage(fields: Mapping[str, Any], entry: Entry) -> Columns:
    return {**_period("payer")(fields, entry), "contract": fields.get("contract") or ""}


KINDS: dict[str, tuple[type[FactRow], type[Strict], Callable[[Mapping[str, Any], Entry], Columns]]] = {
    "bleeds": (Bleed, shapes.BleedIn, _bleed),
    "factor-uses": (FactorUse, shapes.FactorUseIn, _factor_use),
    "regimens": (
        Regimen,
        shapes.RegimenIn,
        _period("product", "iu_per_kg", "interval_days", "reason"),
    ),
    "attestations": (Attestation, shapes.AttestationIn, _attestation),
    "events": (Event, shapes.EventIn, _period("kind")),
    "coverage": (Coverage, shapes.CoverageIn, _coverage),
    "draws": (Draw, shapes.DrawIn, _draw),
    "kit": (
        Kit,
        shapes.KitIn,
        _kit,
    ),
    "authorizations": (
        Authorization,
        shapes.AuthorizationIn,
        _plain("payer", "number", "status", "submitted_on", "decided_on", "valid_from", "valid_to"),
    ),
}
