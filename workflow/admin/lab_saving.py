"""A row of the lab grid weighed by the rules and saved through the one door."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from patients import data as catalogue
from patients.errors import Invalid
from patients.ids import new_id
from patients.models import Patient
from patients.readers.interpret import Interpreted
from patients.rules import keys
from workflow.admin.lab_rows import Answer, Limits, Posted
from workflow.rules.entry import Known, Said, Typed, said, same, shown
from workflow.rules.facts import ResultFact
from workflow.selectors import panels
from workflow.selectors.decisions import local_date
from workflow.services import intake
from workflow.services.facts import moment

QUESTIONS = (" Keep it?", " Keep yours?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The row's items in the public shape, how each was understood, and what the rules say of them."""

    items: Sequence[dict[str, Any]]
    typed: Sequence[Typed]
    known: Known
    said: Said

    @property
    def token(self) -> str:
        """Names the question that is asked, so that an answer to another one does not count."""
        text = "\n".join(self.said.asks)
        return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def answer(row: Posted, patient: Patient, given: Limits, *, by: str, save: bool) -> Answer:
    """Weighs the row and, when asked to and nothing speaks against it, saves it."""
    if not row.filled:
        return Answer(state="empty")
    try:
        found = _weighed(row, patient, given)
    except Invalid as error:
        text = " ".join(dict.fromkeys(_plainly(f.pointer, f.detail) for f in error.faults))
        return Answer(state="refused", tone="bad", text=f"{text} Not saved.", faults={"collected": text})
    if found.said.faults:
        return _answer("refused", found)
    if not save:
        return _answer("checked", found)
    if found.said.asks and row.keep != found.token:
        return _answer("asks", found)
    return _saved(patient, found, by)


def _plainly(pointer: str, detail: str) -> str:
    return "Enter the day of collection." if pointer.endswith("collected_at") else detail


def _answer(state: str, found: Weighed) -> Answer:
    told = found.said
    return Answer(state=state, tone=told.tone, text=told.text, faults=told.faults, token=found.token)


def _weighed(row: Posted, patient: Patient, given: Limits) -> Weighed:
    """Raises Invalid when the day of collection cannot be read."""
    zone, now = patient.site.timezone, timezone.now()
    items = _items(row, given.get((str(patient.site_id), row.lab, patient.sex), {}))
    read = intake.weighed(patient=patient, items=items)
    on = _day(read[0], zone)
    known = panels.known_for(
        panels.facts_of({patient.pk: zone}, now)[patient.pk],
        on,
        today=local_date(now, zone),
        seen=row.seen,
        window=panels.window_of(patient.pk, row.key),
    )
    typed = [_typed(item, zone) for item in read]
    return Weighed(items=items, typed=typed, known=known, said=said(typed, on, known))


def _items(row: Posted, limit: Mapping[str, str]) -> list[dict[str, Any]]:
    """The row in the public shape: unit and upper limit as they stand in the table of limits."""
    return [
        {
            "analyte": analyte,
            "value": text,
            "unit": limit.get(f"{analyte}-unit") or catalogue.catalog().analytes[analyte].unit,
            "collected_at": row.collected,
            **({"reference_high": limit[analyte]} if limit.get(analyte) else {}),
            **({"lab": row.lab} if row.lab else {}),
        }
        for analyte, text in row.filled.items()
    ]


def _day(item: Interpreted, zone: str) -> date:
    assert item.envelope.collected is not None
    return moment(item.envelope.collected, zone)[1]


def _typed(item: Interpreted, zone: str) -> Typed:
    known = catalogue.catalog().analytes[item.analyte]
    reasons = item.reasons or (() if item.disposition == "result" else ("value-unparseable",))
    return Typed(
        analyte=item.analyte,
        text=item.envelope.value,
        row=None if reasons else _fact(item, zone),
        reasons=reasons,
        band=known.band,
        unit=known.unit,
    )


def _fact(item: Interpreted, zone: str) -> ResultFact:
    assert item.envelope.collected is not None
    at, on, precision = moment(item.envelope.collected, zone)
    return ResultFact(
        id=new_id(), recorded_at=at, lineage=new_id(), analyte=item.analyte, collected_at=at, collected_on=on,
        precision=precision, value=item.number, comparator=item.value.comparator if item.value else "",
        unit=item.unit, reference_high=item.high,
    )  # fmt: skip


def _saved(patient: Patient, found: Weighed, by: str) -> Answer:
    """Through the door: what is new, and corrections of what was typed before; what is there already is left."""
    fresh = [
        _against(item, typed.row, found.known, patient)
        for item, typed in zip(found.items, found.typed, strict=True)
        if typed.row is not None and not _there(typed.row, found.known)
    ]
    outcomes = intake.record_results(patient=patient.pk, items=fresh, by=by, listed=True) if fresh else []
    kept = [str(o.result.pk) for o in outcomes if o.result is not None]
    told = found.said
    return Answer(
        state="saved",
        tone="good" if told.tone == "warn" else told.tone,
        text=". ".join(t for t in (_stated(told.text), *_corrected(found), *_waiting(outcomes)) if t),
        at=f"{timezone.now().astimezone(ZoneInfo(patient.site.timezone)):%H:%M}",
        seen=(*kept, *(str(row.id) for row in found.known.there.values())),
    )


def _stated(text: str) -> str:
    """The sentence without its question, which has been answered."""
    for question in QUESTIONS:
        text = text.replace(question, "")
    return text.removesuffix(".")


def _corrected(found: Weighed) -> Iterator[str]:
    for typed in found.typed:
        there = found.known.there.get(typed.analyte)
        if there is not None and typed.row is not None and not same(typed.row, there):
            changed = shown(there) != shown(typed.row)
            yield (
                f"{typed.analyte} {shown(there)} became {shown(typed.row)}" if changed else "limit corrected"
            )


def _waiting(outcomes: Sequence[intake.Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.quarantine is not None:
            yield f"{outcome.item.analyte} waits on the quarantine desk"


def _there(row: ResultFact, known: Known) -> bool:
    there = known.there.get(row.analyte)
    return there is not None and same(row, there)


def _against(item: dict[str, Any], row: ResultFact, known: Known, patient: Patient) -> dict[str, Any]:
    """A value typed by hand for the same day is corrected; beside one of a laboratory the new one stands alone."""
    there = known.there.get(row.analyte)
    if there is None:
        return item
    at: datetime | date = there.collected_on if there.precision == "day" else there.collected_at
    by_hand = keys.lineage(patient.pk, "", "", row.analyte, there.assay, moment(at, patient.site.timezone)[0])
    if there.lineage != by_hand:
        return item
    return {**item, "status": "corrected", "collected_at": at.isoformat(), "assay": there.assay}
