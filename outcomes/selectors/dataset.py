"""The lines of the data set, patient by patient: stored ones where they still follow, else decided live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from outcomes import data
from outcomes.models import DatasetRows, SubjectCode
from outcomes.rules import export_rows
from outcomes.rules.activity import samples
from outcomes.rules.bleeding import counted_bleeds
from outcomes.rules.dataset_tables import HARBOR, LIMITED
from outcomes.rules.export_rows import Subject
from outcomes.rules.factor_use import factor_rows
from outcomes.rules.verdicts import MilestoneState
from outcomes.selectors.milestones import states_of
from patients.data import products
from workflow.rules.facts import History, PatientFacts, known, next_true_on
from workflow.rules.version import RULES_VERSION
from workflow.selectors import stale
from workflow.selectors.facts import histories

BATCH, LIVE = 500, 100
TEXTS = ("milestones", "milestones_dated", "criteria", "bleeds", "factor_use", "fix_activity")
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Coded:
    """A patient with the code under the contract and the site's code."""

    patient: UUID
    site: UUID
    code: str
    site_code: str


@dataclass(frozen=True, slots=True)
class Lines:
    """A patient's lines by table; `counts` says how many there are."""

    subject: Coded
    texts: Mapping[str, str]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Built:
    """Lines decided from facts, and until which date they stay the same without new ones."""

    texts: dict[str, str]
    counts: dict[str, int]
    steady_until: date


def coded(contract: str, after: str = "") -> list[Coded]:
    """The next ones in view who have a code under the contract, by code."""
    rows = _codes(contract).filter(code__gt=after).order_by("code")
    return [Coded(*row) for row in rows.values_list("patient_id", "site_id", "code", "site__code")[:BATCH]]


def batches(contract: str) -> Iterator[list[Coded]]:
    """Everybody in view who has a code under the contract, by code."""
    batch = coded(contract)
    while batch:
        yield batch
        batch = coded(contract, batch[-1].code)


def how_many(contract: str) -> int:
    return _codes(contract).count()


def _codes(contract: str) -> QuerySet[SubjectCode]:
    """Codes of patients; that of a merged record waits for its return."""
    return SubjectCode.objects.filter(contract=contract, patient__merged_into=None)


def lines(
    contract: str, batch: Sequence[Coded], on: date, known_at: datetime, wanted: Sequence[str] = TEXTS
) -> Iterator[Lines | None]:
    """For each of a batch the wanted lines as of a date, from what was recorded by an instant; None for one who
    was not enrolled or not treated by then."""
    stored = _stored(contract, batch, on, known_at, wanted)
    live = _live(contract, [c for c in batch if c.patient not in stored], on, known_at)
    for one in batch:
        yield stored[one.patient] if one.patient in stored else next(live)


def _stored(
    contract: str, batch: Sequence[Coded], on: date, known_at: datetime, wanted: Sequence[str]
) -> dict[UUID, Lines]:
    """Lines that hold on the date, of patients about whom nothing was recorded after the instant."""
    known = {c.patient: c for c in batch}
    marks = {pk: m for pk, m in stale.marks(known).items() if (m.recorded_at or known_at) <= known_at}
    rows = _holding(contract, marks, on).values_list("patient_id", "seq", "counts", *wanted)
    return {
        pk: Lines(known[pk], dict(zip(wanted, texts, strict=True)), counts)
        for pk, seq, counts, *texts in rows
        if seq == marks[pk].seq
    }


def _holding(contract: str, patients: Iterable[UUID], on: date) -> QuerySet[DatasetRows]:
    """Stored lines that are the same on a date as when they were decided; their facts may have moved on."""
    return DatasetRows.objects.filter(
        contract=contract,
        patient__in=list(patients),
        derived_by=RULES_VERSION,
        assessed_for__lte=on,
        steady_until__gte=on,
    )


def unsteady(contract: str, batch: Sequence[Coded], on: date) -> list[Coded]:
    """Those whose stored lines are missing, or do not hold on a date."""
    marks = stale.marks(c.patient for c in batch)
    found = _holding(contract, marks, on).values_list("patient_id", "seq")
    sound = {pk for pk, seq in found if seq == marks[pk].seq}
    return [c for c in batch if c.patient not in sound]


def _live(
    contract: str, batch: Sequence[Coded], on: date, known_at: datetime | None
) -> Iterator[Lines | None]:
    rest = iter(batch)
    while part := list(islice(rest, LIVE)):
        found = histories([c.patient for c in part])
        for one in part:
            made = built(contract, one.code, found[one.patient], on, known_at)
            yield Lines(one, made.texts, made.counts) if made else None


def built(
    contract: str, code: str, history: History, on: date, known_at: datetime | None = None
) -> Built | None:
    """The lines of one patient; None for one not enrolled or not treated."""
    facts = known(history, as_of=on, as_known_at=known_at)
    found = states_of(facts, contract, on)
    if facts.day0 is None or not found:
        return None
    subject = _subject(code, facts, facts.day0, found)
    texts = {
        "milestones": list(export_rows.milestones(subject, HARBOR)),
        "milestones_dated": list(export_rows.milestones(subject, LIMITED)),
        "criteria": list(export_rows.criteria(subject)),
        "bleeds": list(export_rows.bleeds(subject)),
        "factor_use": list(export_rows.factor_use(subject)),
        "fix_activity": list(export_rows.fix_activity(subject)),
    }
    later = next_true_on(history, after=on, as_known_at=known_at)
    return Built(
        {name: "".join(rows) for name, rows in texts.items()},
        {name: len(rows) for name, rows in texts.items() if name != "milestones_dated"},
        _steady_until(found, on, later),
    )


def _subject(code: str, facts: PatientFacts, day0: date, found: Sequence[MilestoneState]) -> Subject:
    pin, rules = facts.last_act("pin", "pathway"), data.measure_rules()
    return Subject(
        code=code,
        day0=day0,
        pathway_version=str(pin.payload["version"]) if pin else "",
        states=found,
        samples=samples(facts, rules),
        bleeds=counted_bleeds(facts),
        uses=factor_rows(facts, rules),
        payers=frozenset(c.payer for c in data.contracts()),
        products=frozenset(products().products),
    )


def _steady_until(found: Iterable[MilestoneState], on: date, later: date | None) -> date:
    """The last date on which the lines are the same: a milestone that is due changes every day."""
    if any(s.verdict == "due" for s in found):
        return on
    ahead = [d for s in found for d in (s.opens_on, s.target_on, s.closes_on) if d > on]
    return min([d - ONE_DAY for d in (*ahead, *([later] if later else []))], default=date.max)


def rule_versions(contract: str) -> dict[str, Any]:
    """Which rules, and which versions of the contract, the lines may come from."""
    return {"rules": RULES_VERSION, "contracts": [c.version for c in data.contracts() if c.code == contract]}
