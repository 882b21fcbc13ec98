"""Decisions at the quarantine desk: map a code, convert a unit, name the patient, accept, or discard.

One decision replays everything that waits on it: items on the desk, and items that were set aside as
untracked, pending, cancelled or withdrawn before their code meant anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from patients.data import catalog
from patients.errors import Conflict, Fault, Invalid, NotFound
from patients.models import CodeMap, InboundItem, Patient, QuarantineItem, Source
from patients.readers import wire
from patients.readers.envelope import ResultEnvelope
from patients.readers.interpret import Interpreted, interpret
from patients.rules.codemaps import UNTRACKED, Meaning, SourceRules, normal_system
from patients.selectors.matching import matches
from patients.selectors.sources import rules_of
from workflow.rules.desk import ACCEPTABLE, not_acceptable
from workflow.selectors.items import item_json
from workflow.services import intake, waiting

STATUS = frozenset({"status-unverified", "status-unknown"})


@dataclass(slots=True)
class _Held:
    """Something to replay: what was received, and the desk row it waits in (None: it was set aside)."""

    envelope: ResultEnvelope
    row: QuarantineItem | None
    patient: UUID | None
    inbound: UUID | None


def save_code_map(
    *,
    source: Source,
    system: str,
    code: str,
    analyte: str,
    by: str,
    unit: str = "",
    factor: Decimal | None = None,
    assay: str = "",
    value_rule: str = "",
    reason: str = "",
    at: datetime | None = None,
) -> tuple[CodeMap, Counter[str]]:
    """Says what a source's code means (again: changes it) and replays what waits on it.

    Returns the map and how many items became what. Raises Invalid for an analyte that is not in the catalogue,
    a factor that is not above 0, or an unknown value rule.
    """
    _check_map(analyte, factor, value_rule)
    name = normal_system(system, code)
    with transaction.atomic():
        row, _ = CodeMap.objects.update_or_create(
            source=source,
            system=name,
            code=code.strip(),
            unit=unit.strip(),
            defaults={
                "site_id": source.site_id,
                "analyte": analyte.upper(),
                "factor": factor,
                "assay": assay,
                "value_rule": value_rule,
            },
        )
        held = _waiting(models.Q(system=name, code=code.strip()), source)
        replayed = _replay(
            held, source, by=by, at=at, action="map", reason=reason or f"{code} means {analyte}"
        )
    return row, replayed


def _check_map(analyte: str, factor: Decimal | None, value_rule: str) -> None:
    faults = []
    if analyte.upper() != UNTRACKED and analyte.upper() not in catalog().analytes:
        known = ", ".join(sorted(catalog().analytes))
        faults.append(Fault("/analyte", "unknown", f"Give one of {known}, or UNTRACKED."))
    if factor is not None and factor <= 0:
        faults.append(Fault("/factor", "range", "A factor is a number above 0."))
    if value_rule and not _cutoff(value_rule):
        faults.append(Fault("/value_rule", "unknown", "The one rule is cutoff:N, for example cutoff:1.0."))
    if faults:
        raise Invalid.of(*faults)


def _cutoff(rule: str) -> bool:
    name, _, number = rule.partition(":")
    try:
        return name == "cutoff" and Decimal(number).is_finite()
    except ArithmeticError:
        return False


def resolve(
    *,
    item: UUID,
    action: str,
    reason: str,
    by: str,
    analyte: str = "",
    patient: UUID | None = None,
    unit: str = "",
    factor: Decimal | None = None,
    assay: str = "",
    value_rule: str = "",
    at: datetime | None = None,
) -> Counter[str]:
    """Carries out one decision about a waiting item; returns how many items became what.

    Raises NotFound, Conflict when the item does not wait any more, Invalid when the decision does not fit.
    """
    with transaction.atomic():
        row = (
            QuarantineItem.objects.select_for_update(of=("self",))
            .select_related("source")
            .filter(pk=item)
            .first()
        )
        if row is None:
            raise NotFound("There is no such item.")
        if row.state != "waiting":
            raise Conflict(f"This item is {row.state} already.")
        given = _Given(
            row, reason, by, at or timezone.now(), analyte, patient, unit, factor, assay, value_rule
        )
        return ACTIONS[action](given)


@dataclass(frozen=True, slots=True)
class _Given:
    row: QuarantineItem
    reason: str
    by: str
    at: datetime
    analyte: str
    patient: UUID | None
    unit: str
    factor: Decimal | None
    assay: str = ""
    value_rule: str = ""


def _map(given: _Given) -> Counter[str]:
    """The item's code means this analyte, for all items of its source."""
    row = given.row
    if not given.analyte:
        raise Invalid.at("/analyte", "required", "Name the analyte that this code means.")
    if row.source is None or not row.code:
        _check_map(given.analyte, given.factor, "")
        changed = replace(wire.from_json(row.envelope), analyte=given.analyte.upper(), codings=())
        return _one(given, changed, "map")
    _, replayed = save_code_map(
        source=row.source, system=row.system, code=row.code, analyte=given.analyte, unit=given.unit,
        factor=given.factor, assay=given.assay, value_rule=given.value_rule, reason=given.reason, by=given.by,
        at=given.at,
    )  # fmt: skip
    return replayed


def _convert(given: _Given) -> Counter[str]:
    """This item's unit is another one, or its number is to be multiplied."""
    if not given.unit and given.factor is None:
        raise Invalid.at(
            "/unit", "required", "Give the unit that was meant, or the factor to the analyte's unit."
        )
    envelope = wire.from_json(given.row.envelope)
    if given.factor is None:
        return _one(given, replace(envelope, unit=given.unit), "convert")
    _check_map(given.row.analyte or UNTRACKED, given.factor, "")
    meaning = Meaning(analyte=given.row.analyte, factor=given.factor)
    code = envelope.shown_code
    rules = SourceRules(meanings={(code.system, code.code, ""): meaning})
    return _one(
        given,
        envelope if envelope.codings else replace(envelope, analyte="", codings=(code,)),
        "convert",
        rules,
    )


def _assign(given: _Given) -> Counter[str]:
    """The item, and all that name the same person, are about this patient."""
    row = given.row
    if given.patient is None or not Patient.objects.filter(pk=given.patient, site_id=row.site_id).exists():
        raise Invalid.at("/patient", "unknown", "Give a patient of this site.")
    if row.patient_id is not None:
        raise Invalid.at("/action", "not-applicable", "The patient of this item is known.")
    same = models.Q(person=row.person) if row.person else models.Q(pk=row.pk)
    held = [replace_patient(h, given.patient) for h in _waiting(same, row.source, only=row)]
    return _replay(held, row.source, by=given.by, at=given.at, action="assign_patient", reason=given.reason)


def replace_patient(held: _Held, patient: UUID) -> _Held:
    """The same item, about this patient."""
    return _Held(held.envelope, held.row, patient, held.inbound)


def _accept(given: _Given) -> Counter[str]:
    """The value is right as it stands, although it repeats, contradicts, or looks implausible."""
    row = given.row
    if row.reason in waiting.OF_A_RESULT:
        assert row.result is not None and row.patient_id is not None
        waiting.end([row], at=given.at, by=given.by, action="accept", reason=given.reason)
        intake.confirm_result(
            result=row.result, patient=row.patient_id, reason=given.reason, by=given.by, at=given.at,
            accepted=row.reason == waiting.REPETITION,
        )  # fmt: skip
        return Counter(result=1)
    if not set(row.reasons) <= ACCEPTABLE:
        raise Invalid.at("/action", "not-applicable", not_acceptable(row.reasons))
    envelope = wire.from_json(row.envelope)
    status = "final" if set(row.reasons) & STATUS else envelope.status
    return _one(given, replace(envelope, status=status, barred=()), "accept", waived=ACCEPTABLE)


def _discard(given: _Given) -> Counter[str]:
    """The item is not wanted; it stays in the record with the reason. A contradiction leaves the old value standing."""
    row = given.row
    waiting.end([row], at=given.at, by=given.by, action="discard", reason=given.reason, state="discarded")
    if row.patient_id is not None:
        intake.settled(patient=row.patient_id, lineage=row.lineage if row.reason == waiting.CONFLICT else None,
                       reason=given.reason, by=given.by, at=given.at, discarded=row.result)  # fmt: skip
    return Counter(discarded=1)


ACTIONS = {
    "map": _map,
    "convert": _convert,
    "assign_patient": _assign,
    "accept": _accept,
    "discard": _discard,
}


def _one(
    given: _Given,
    envelope: ResultEnvelope,
    action: str,
    rules: SourceRules | None = None,
    waived: frozenset[str] = frozenset(),
) -> Counter[str]:
    """Replays this item alone. Raises Invalid when it would still wait, naming why."""
    row = given.row
    held = [_Held(envelope, row, row.patient_id, row.inbound_id)]
    replayed = _replay(
        held,
        row.source,
        by=given.by,
        at=given.at,
        action=action,
        reason=given.reason,
        rules=rules,
        waived=waived,
    )
    if replayed["quarantine"]:
        row.refresh_from_db()
        raise Invalid.at("/action", "still-waiting", f"The item would still wait: {', '.join(row.reasons)}.")
    return replayed


def newcomer(*, patient: Patient, by: str, at: datetime | None = None) -> Counter[str]:
    """Replays what waited for this patient to be registered."""
    total: Counter[str] = Counter()
    rows = QuarantineItem.objects.filter(
        site_id=patient.site_id,
        state="waiting",
        patient=None,
        envelope__named__numbers__contains=[[patient.mrn]],
    )
    for source in Source.objects.filter(pk__in=rows.values("source")):
        people = {r.person for r in rows.filter(source=source)}
        held = _waiting(models.Q(person__in=people), source)
        total += _replay(
            held, source, by=by, at=at, action="registered", reason="The patient was registered."
        )
    return total


def _waiting(same: models.Q, source: Source | None, only: QuarantineItem | None = None) -> list[_Held]:
    """What waits on a decision: desk rows of the source, and items that were set aside."""
    if source is None:
        rows: Iterable[QuarantineItem] = [only] if only is not None else []
        return [_Held(wire.from_json(r.envelope), r, r.patient_id, r.inbound_id) for r in rows]
    desk = QuarantineItem.objects.filter(same, source=source, state="waiting").exclude(
        reason__in=waiting.OF_A_RESULT
    )
    aside = InboundItem.objects.filter(same, inbound__source=source, envelope__isnull=False)
    if only is not None and not only.person:
        aside = aside.none()
    found = [
        _Held(wire.from_json(r.envelope), r, r.patient_id, r.inbound_id)
        for r in desk.order_by("received_at", "pk")
    ]
    return found + [
        _Held(wire.from_json(r.envelope or {}), None, r.patient_id, r.inbound_id)
        for r in aside.order_by("pk")
    ]


def _replay(
    held: Sequence[_Held],
    source: Source | None,
    *,
    by: str,
    at: datetime | None,
    action: str,
    reason: str,
    rules: SourceRules | None = None,
    waived: frozenset[str] = frozenset(),
) -> Counter[str]:
    """Reads items again, patient by patient; what is understood now leaves the desk."""
    moment = at or timezone.now()
    known = _with(rules_of(source) if source else SourceRules(), rules)
    total: Counter[str] = Counter()
    by_patient: dict[UUID | None, list[_Held]] = {}
    for item in _placed(held, source, known):
        by_patient.setdefault(item.patient, []).append(item)
    for patient, items in sorted(by_patient.items(), key=lambda pair: str(pair[0])):
        total += _again(patient, items, source, known, by, moment, action, reason, waived)
    return total


def _with(rules: SourceRules, more: SourceRules | None) -> SourceRules:
    return replace(rules, meanings={**rules.meanings, **more.meanings}) if more else rules


def _placed(held: Sequence[_Held], source: Source | None, rules: SourceRules) -> list[_Held]:
    """Items of strangers are matched again: the patient may have been registered meanwhile."""
    people = {h.envelope.named for h in held if h.patient is None}
    if source is None or not people:
        return list(held)
    found = matches(people, site=source.site_id, authorities=rules.mrn_authorities)
    return [
        h if h.patient else _Held(h.envelope, h.row, found[h.envelope.named].patient, h.inbound) for h in held
    ]


def _again(
    patient: UUID | None,
    items: Sequence[_Held],
    source: Source | None,
    rules: SourceRules,
    by: str,
    at: datetime,
    action: str,
    reason: str,
    waived: frozenset[str],
) -> Counter[str]:
    born = Patient.objects.get(pk=patient).birth_date if patient else None
    stranger = "" if patient else "patient-unmatched"
    read = [
        (
            h,
            interpret(
                h.envelope, catalog(), now=at, rules=rules, born=born, stranger=stranger, waived=waived
            ),
        )
        for h in items
    ]
    total: Counter[str] = Counter()
    understood = []
    for item, meant in read:
        if meant.disposition == "quarantine" or patient is None:
            total[_still(item, meant, patient)] += 1
        else:
            understood.append(item)
    if understood and patient is not None:
        total += _received(patient, understood, source, rules, by, at, action, reason, waived)
    return total


def _still(item: _Held, meant: Interpreted, patient: UUID | None) -> str:
    """An item that waits on, under the reasons that are left; an untracked one leaves the desk."""
    if item.row is None:
        return "quarantine" if meant.disposition == "quarantine" else meant.disposition
    if meant.disposition != "quarantine":
        waiting.end(
            [item.row], at=timezone.now(), by="", action=meant.disposition, reason="Not followed here."
        )
        return meant.disposition
    QuarantineItem.objects.filter(pk=item.row.pk).update(
        patient=patient, analyte=meant.analyte, reason=meant.reasons[0], reasons=list(meant.reasons),
        body=item_json(meant, "quarantine", meant.reasons),
    )  # fmt: skip
    return "quarantine"


def _received(
    patient: UUID,
    items: Sequence[_Held],
    source: Source | None,
    rules: SourceRules,
    by: str,
    at: datetime,
    action: str,
    reason: str,
    waived: frozenset[str],
) -> Counter[str]:
    rows = [i.row for i in items if i.row is not None]
    waiting.end(rows, at=at, by=by, action=action, reason=reason)
    outcomes = intake.receive(
        patient=patient, envelopes=[i.envelope for i in items], by=by, at=at, source=source, rules=rules,
        waived=waived, decide=True,
    )  # fmt: skip
    return Counter(o.disposition for o in outcomes)
