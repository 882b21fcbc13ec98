"""The quarantine desk as plain values: what waits, gathered by what one decision settles, and what has ended.

Items of one source with one code and one reason stand together; items that wait for their patient stand
together by the person they name. Every reader takes the sites it may show, whatever else the context opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, Coalesce

from patients.models import Patient, QuarantineItem, Result, ResultHead, Site
from patients.readers import wire
from patients.readers.envelope import Named, ResultEnvelope
from patients.rules.versions import FINAL
from patients.selectors.matching import agrees, candidates
from patients.selectors.records import records
from workflow.rules import desk as rules

PER_PAGE, ALIKE = 50, 20
KEY = ("site_id", "source_id", "reason", "group_system", "group_code", "group_person")
STATES = ("waiting", "resolved", "discarded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which items: of these sites, and if given of a source (code), reason, state, import, patient."""

    sites: tuple[UUID, ...]
    source: str = ""
    reason: str = ""
    state: str = "waiting"
    inbound: UUID | None = None
    patient: UUID | None = None

    def rows(self) -> QuerySet[QuarantineItem]:
        wanted: dict[str, Any] = {"site__in": self.sites, "state": self.state}
        more = {
            "source__code": self.source,
            "reason": self.reason,
            "inbound": self.inbound,
            "patient__in": records(self.patient) if self.patient else None,
        }
        return QuarantineItem.objects.filter(
            **wanted, **{n: v for n, v in more.items() if v is not None and v != ""}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of the desk. `said` is what was received word for word, `body` what was understood of it."""

    id: UUID
    site: UUID
    site_name: str
    timezone: str
    source: str
    source_id: UUID | None
    file: str
    inbound: UUID | None
    patient: UUID | None
    patient_code: str
    patient_site: UUID | None
    reasons: tuple[str, ...]
    system: str
    code: str
    text: str
    said: ResultEnvelope
    body: Mapping[str, Any]
    where: Mapping[str, Any]
    raw: str
    lineage: UUID | None
    result: UUID | None
    person: str
    received_at: datetime
    state: str
    ended_at: datetime | None
    ended_by: str
    ended_as: str
    ended_why: str

    @property
    def told(self) -> rules.Told:
        """What the suggestion rule looks at."""
        return rules.Told(
            reasons=self.reasons,
            code=self.code,
            text=self.text,
            loinc=(self.said.loinc,) if self.said.loinc else (),
            analyte=self.body["analyte"] or "",
            unit=self.said.unit,
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Items that one decision may settle: how many, since when, and the first of them to decide by."""

    count: int
    since: datetime
    first: Item


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of `total`, and whether more follow."""

    rows: Sequence[Any]
    total: int
    number: int

    @property
    def more(self) -> bool:
        return self.total > self.number * PER_PAGE


def groups(only: Filter, number: int = 1) -> Page:
    """Waiting items gathered, largest group first; two queries."""
    keyed = _keyed(only.rows()).values(*KEY)
    counted = keyed.annotate(
        count=Count("pk"),
        since=Min("received_at"),
        first=Min(Cast("pk", TextField())),
        total=Window(Count("*")),
    )
    rows = list(counted.order_by("-count", "since", "first")[_slice(number)])
    firsts = {i.id: i for i in _items(QuarantineItem.objects.filter(pk__in=[r["first"] for r in rows]))}
    found = [Group(r["count"], r["since"], firsts[UUID(r["first"])]) for r in rows]
    return Page(found, rows[0]["total"] if rows else 0, number)


def ended(only: Filter, number: int = 1) -> Page:
    """Resolved or discarded items, newest decision first; one query."""
    rows = list(
        only.rows()
        .select_related("site", "source", "patient", "inbound")
        .annotate(total=Window(Count("*")))
        .order_by("-resolved_at", "pk")[_slice(number)]
    )
    return Page([_item(r) for r in rows], rows[0].total if rows else 0, number)  # type: ignore[attr-defined]


def _slice(number: int) -> slice:
    return slice((number - 1) * PER_PAGE, number * PER_PAGE)


def _keyed(rows: QuerySet[QuarantineItem]) -> QuerySet[QuarantineItem]:
    """The group's columns: the code, or for strangers the person (an unnamed one is alone)."""
    stranger = Q(reason__in=sorted(rules.ABOUT_A_PERSON))
    none: Any = Value("", output_field=CharField())
    return rows.annotate(
        group_system=Case(When(stranger, then=none), default=F("system")),
        group_code=Case(When(stranger, then=none), default=F("code")),
        group_person=Case(
            When(stranger & Q(person=""), then=Cast("pk", CharField())),
            When(stranger, then=F("person")),
            default=none,
        ),
    )


def tally(sites: Iterable[UUID]) -> dict[str, dict[str, int]]:
    """How many wait by source and by reason, for the filters; one query."""
    rows = QuarantineItem.objects.filter(site__in=list(sites), state="waiting")
    found: dict[str, dict[str, int]] = {"source": {}, "reason": {}}
    for row in rows.values("source__code", "reason").annotate(count=Count("pk")).order_by("source__code"):
        for name, value in (("source", row["source__code"] or ""), ("reason", row["reason"])):
            found[name][value] = found[name].get(value, 0) + row["count"]
    return found


def sites_waiting(sites: Iterable[UUID]) -> list[Site]:
    """These sites by name, each with how many items wait there as `on_desk`; one query."""
    items = QuarantineItem.objects.filter(site=OuterRef("pk"), state="waiting").order_by()
    waiting = items.values("site").annotate(count=Count("pk")).values("count")
    rows = Site.objects.filter(pk__in=list(sites)).annotate(on_desk=Coalesce(Subquery(waiting), 0))
    return list(rows.order_by("name"))


def about(patient: UUID) -> list[Item]:
    """What waits about a patient, oldest first; one query."""
    return _items(QuarantineItem.objects.filter(patient__in=records(patient), state="waiting"))[:PER_PAGE]


def one(item: UUID) -> Item | None:
    """One item by its id; one query."""
    found = _items(QuarantineItem.objects.filter(pk=item))
    return found[0] if found else None


def alike(item: Item) -> tuple[int, list[Item]]:
    """How many other items wait for the same decision, and the first of them; one query."""
    rows = _keyed(Filter(sites=(item.site,)).rows().exclude(pk=item.id))
    stranger = item.reasons[0] in rules.ABOUT_A_PERSON
    key: dict[str, Any] = {"source": item.source_id, "reason": item.reasons[0]}
    same = (
        {"group_person": item.person or str(item.id)}
        if stranger
        else {"system": item.system, "code": item.code}
    )
    counted = rows.filter(**key, **same).annotate(total=Window(Count("*")))
    found = list(counted.select_related("site", "source", "patient", "inbound").order_by("pk")[:ALIKE])
    return (found[0].total if found else 0), [_item(r) for r in found]  # type: ignore[attr-defined]


def reach(item: Item) -> dict[str, int]:
    """How many waiting items a decision about the code, and one about the person, would read again; one query."""
    rows = QuarantineItem.objects.filter(site=item.site, source=item.source_id, state="waiting")
    coded = Q(system=item.system, code=item.code) if item.code else Q(pk=item.id)
    named = Q(person=item.person) if item.person else Q(pk=item.id)
    return rows.aggregate(map=Count("pk", filter=coded), assign_patient=Count("pk", filter=named))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient whom an item may be about, and what agrees with what the sender says."""

    id: UUID
    code: str
    family_name: str
    given_name: str
    birth_date: Any
    mrn: str
    fits: str


def choices(item: Item) -> list[Candidate]:
    """Patients of the site that share a number or the family name; one query."""
    named = item.said.named
    return [_candidate(row, named) for row in candidates(named, site=item.site)]


def _candidate(row: Patient, named: Named) -> Candidate:
    told = {
        "number": any(n.value == row.mrn for n in named.numbers),
        "family name": bool(named.family_name)
        and agrees(replace(named, birth_date=None, number_suffices=False), row),
        "date of birth": named.birth_date == row.birth_date,
    }
    fits = [word for word, same in told.items() if same]
    return Candidate(
        row.pk, row.code, row.family_name, row.given_name, row.birth_date, row.mrn,
        f"same {', '.join(fits)}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A recorded result beside an item: whether it counts now, and whether it is the item's own."""

    result: Result
    counts: bool
    own: bool


def beside(item: Item) -> list[Report]:
    """The results that an item contradicts or repeats, its own one too; three queries, none for other reasons."""
    if item.lineage is None or item.result is None:
        return []
    head = ResultHead.objects.filter(lineage=item.lineage).first()
    if head is None:
        return []
    same = {"likeness": head.likeness} if head.suspect else {"lineage": head.lineage}
    heads = ResultHead.objects.filter(
        patient__in=records(item.patient) if item.patient else (), active=True, suspect=False, **same
    ).values("result")
    counting = set(heads.values_list("result", flat=True))
    wanted = Q(pk__in=[*counting, item.result])
    if not head.suspect:
        wanted |= Q(lineage=head.lineage, status__in=sorted(FINAL))
    rows = Result.objects.filter(wanted).order_by("recorded_at", "pk")
    return [Report(r, r.pk in counting, r.pk == item.result) for r in rows]


def _items(rows: QuerySet[QuarantineItem]) -> list[Item]:
    joined = rows.select_related("site", "source", "patient", "inbound").order_by("received_at", "pk")
    return [_item(r) for r in joined]


def _item(row: QuarantineItem) -> Item:
    said = wire.from_json(row.envelope)
    return Item(
        id=row.pk, site=row.site_id, site_name=row.site.name, timezone=row.site.timezone,
        source=row.source.code if row.source else "", source_id=row.source_id,
        file=row.inbound.file if row.inbound else "", inbound=row.inbound_id,
        patient=row.patient_id, patient_code=row.patient.code if row.patient else "",
        patient_site=row.patient.site_id if row.patient else None,
        reasons=tuple(row.reasons), system=row.system, code=row.code, text=row.body["code"]["text"] or "",
        said=said, body=row.body, where=row.where, raw=row.raw, lineage=row.lineage, result=row.result, person=row.person,
        received_at=row.received_at, state=row.state, ended_at=row.resolved_at, ended_by=row.resolved_by,
        ended_as=row.resolved_action, ended_why=row.resolved_reason,
    )  # fmt: skip
