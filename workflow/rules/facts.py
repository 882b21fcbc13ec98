"""What is known about one patient: the only input of every decision besides protocol and date.

`History` is everything ever recorded, all versions, in any order. `known()` cuts it to what was known
at an instant and true by a date, and resolves corrections: `PatientFacts`. Both are plain values; the
selector fills `History` from the database, tests build it by hand.

Times: `recorded_at` is when Daymark learned a fact (UTC instant); `collected_at`, `onset_at`, `given_on`
and the like say when it was true. Dates are the site's local calendar dates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from patients.rules.versions import TWIN, active_facts, counts, current, likeness, suspects
from workflow.rules.site_settings import Setting, changes, in_force, local_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What every fact carries. `supersedes` names the fact that this one corrects."""

    id: UUID
    recorded_at: datetime
    by: str = ""
    supersedes: UUID | None = None
    retracted: bool = False


class ResultFact(NamedTuple):
    """One version of one laboratory result, in the analyte's canonical unit; by keyword, except to the loader.

    `value` with `comparator` is the number (None for coded results, whose meaning is in `code`);
    `reference_high` is the upper limit of normal printed with this very result.
    `accepted`: a person said that it is a measurement of its own, no repetition of another result.
    A patient has hundreds: a tuple is made ten times as fast as the other facts are.
    """

    id: UUID
    recorded_at: datetime
    lineage: UUID
    analyte: str
    collected_at: datetime
    collected_on: date
    by: str = ""
    precision: str = "second"
    reported_at: datetime | None = None
    status: str = "final"
    value: Decimal | None = None
    comparator: str = ""
    code: str | None = None
    unit: str = ""
    value_text: str = ""
    unit_text: str = ""
    reference_low: Decimal | None = None
    reference_high: Decimal | None = None
    uln_source: str = ""
    assay: str = ""
    lab: str = ""
    content_hash: str = ""
    accepted: bool = False
    supersedes: UUID | None = None
    retracted: bool = False

    @property
    def final(self) -> bool:
        """Counts for gates and milestones: final, corrected or amended."""
        return self.status in FINAL


FINAL = frozenset({"final", "corrected", "amended"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BleedFact(Fact):
    onset_at: datetime
    onset_on: date
    site: str
    joint: bool
    cause: str
    life_threatening: bool
    treated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorUseFact(Fact):
    product: str
    iu: Decimal
    given_on: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimenFact(Fact):
    """Routine prophylaxis from `from_on` to `to_on` (None: still running)."""

    product: str
    iu_per_kg: Decimal
    interval_days: Decimal
    from_on: date
    to_on: date | None
    reason: str = "prophylaxis"

    def covers(self, on: date) -> bool:
        return self.from_on <= on and (self.to_on is None or on <= self.to_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationFact(Fact):
    code: str
    on: date
    value: bool = True
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFact(Fact):
    """death, liver_transplant, withdrawn, lost_to_follow_up, follow_up_gap, lead_in."""

    kind: str
    from_on: date
    to_on: date | None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageFact(Fact):
    payer: str
    contract: str
    from_on: date
    to_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawFact(Fact):
    """Blood was drawn, the result is awaited; `panel` is an analyte code or a task kind."""

    panel: str
    drawn_at: datetime
    drawn_on: date
    lab: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """What a gate said when it was overridden."""

    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Blocking gates let through by a clinician who named a second one; `gates` by their code.

    It counts at once, and stays unconfirmed until the second person says so by an own sign-in.
    """

    by: str
    second_person: str
    reason: str
    recorded_at: datetime
    gates: Mapping[str, Waived]
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InfusionFact(Fact):
    """The one lifetime dose. `day0` is the site-local date of `started_at`.

    An abandoned infusion with nothing given has used no dose: it is kept, but there is no Day 0.
    """

    started_at: datetime
    ended_at: datetime | None
    day0: date
    weight_kg: Decimal
    volume_ml: Decimal
    outcome: str
    percent_given: Decimal | None = None
    place_of_service: str = ""
    override: Override | None = None
    note: str = ""
    attending_npi: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dosed(self) -> bool:
        return self.outcome != "abandoned" or self.volume_ml > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KitFact(Fact):
    ordered_on: date
    weight_kg: Decimal
    vials: int
    received_on: date | None
    ndc: str = ""
    lot: str = ""
    vial_lots: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationFact(Fact):
    payer: str
    number: str
    status: str
    submitted_on: date | None
    decided_on: date | None
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act(Fact):
    """A decision somebody made. Kinds and payloads (dates as ISO text):

    plan {"infusion_on": D or null, "booked"?: shift|keep, "bookings"?: [{"key", "old", "new"}], "changes"} ·
    book key <task key> {"on": D or null} · pin key pathway|policy {"id", "version"} ·
    enrolment key <contract code> {"version", "obligations": {...}} · demographics {"birth_date", "sex"} ·
    complete|waive|miss key <task key> · snooze key <task key> {"until": D, or null: no longer on hold} ·
    assign key <task key> {"assignee"} · contact key <task key> {"at", "who", "how", "outcome"} ·
    acknowledge key <alert id> {"decision", "note", "hits": [result lineage ids seen]} ·
    steroid key <course id> {"alert", "started_on", "steps"|"template", "ended_on"?, "alternative_cause"} ·
    steroid-dose key <course id> {"on", "mg"} ·
    override key <infusion id> {"second_person", "gates": [{"code", "verdict", "reason"}]} ·
    confirm-override key <infusion id> · void-request key <infusion id> {"second_person"?} ·
    retract key <id of the retracting fact> {"kind"} ·
    infusion-note key <infusion id> · attending key <infusion id> {"npi"} · stop-prophylaxis {"regimens": [ids]} ·
    void key <infusion id> {"requested_by"}, true on Day 0: what was voided never was
    """

    kind: str
    key: str
    payload: Mapping[str, Any]
    true_on: date
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingItem:
    """A received item that is no fact yet: it waits on the quarantine desk until it is resolved."""

    id: UUID
    analyte: str
    reason: str
    received_at: datetime
    collected_on: date | None = None
    resolved_at: datetime | None = None

    def waits(self, as_of: date, as_known_at: datetime | None) -> bool:
        """Whether it waited at that instant (None: now); one collected after `as_of` is left out."""
        if self.collected_on is not None and self.collected_on > as_of:
            return False
        if as_known_at is None:
            return self.resolved_at is None
        resolved = self.resolved_at is not None and self.resolved_at <= as_known_at
        return self.received_at <= as_known_at and not resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: UUID
    birth_date: date
    sex: str = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Facts that were written under another record of the person, and since when it is known to be one person."""

    since: datetime
    facts: frozenset[UUID]


@dataclass(frozen=True, kw_only=True)
class History:
    """All that was ever recorded about one patient, every version, in any order.

    `joined` names those of the facts that come from records merged into the patient's.
    """

    person: Person
    timezone: str
    site_code: str = ""
    settings: tuple[Setting, ...] = ()
    results: tuple[ResultFact, ...] = ()
    waiting: tuple[WaitingItem, ...] = ()
    bleeds: tuple[BleedFact, ...] = ()
    factor_uses: tuple[FactorUseFact, ...] = ()
    regimens: tuple[RegimenFact, ...] = ()
    attestations: tuple[AttestationFact, ...] = ()
    events: tuple[EventFact, ...] = ()
    coverages: tuple[CoverageFact, ...] = ()
    draws: tuple[DrawFact, ...] = ()
    infusions: tuple[InfusionFact, ...] = ()
    kits: tuple[KitFact, ...] = ()
    authorizations: tuple[AuthorizationFact, ...] = ()
    acts: tuple[Act, ...] = ()
    joined: tuple[Joined, ...] = ()

    def known_at(self, moment: datetime | None) -> History:
        """Without the facts of records that were merged later (None: now)."""
        late = [j.facts for j in self.joined if moment is not None and j.since > moment]
        if not late:
            return self
        hidden = frozenset[UUID]().union(*late)
        kept: dict[str, Any] = {
            name: tuple(f for f in getattr(self, name) if f.id not in hidden) for name in FACTS
        }
        return replace(self, **kept)


FACTS = (
    "results", "waiting", "bleeds", "factor_uses", "regimens", "attestations", "events", "coverages", "draws",
    "infusions", "kits", "authorizations", "acts",
)  # fmt: skip
"""Parts of a history that are about the person."""


@dataclass(frozen=True, kw_only=True)
class PatientFacts:
    """The facts that count: one version each, nothing superseded, nothing retracted, sorted by true time.

    `former` holds the versions that once counted and no longer do (corrected or retracted): alerts
    raised on them must be able to say so. `conflicts` are lineages with two differing finals.
    """

    person: Person
    timezone: str
    site_code: str = ""
    settings: tuple[Setting, ...] = ()
    results: tuple[ResultFact, ...] = ()
    former: tuple[ResultFact, ...] = ()
    conflicts: frozenset[UUID] = frozenset()
    waiting: tuple[WaitingItem, ...] = ()
    bleeds: tuple[BleedFact, ...] = ()
    factor_uses: tuple[FactorUseFact, ...] = ()
    regimens: tuple[RegimenFact, ...] = ()
    attestations: tuple[AttestationFact, ...] = ()
    events: tuple[EventFact, ...] = ()
    coverages: tuple[CoverageFact, ...] = ()
    draws: tuple[DrawFact, ...] = ()
    infusion: InfusionFact | None = None
    kits: tuple[KitFact, ...] = ()
    authorizations: tuple[AuthorizationFact, ...] = ()
    acts: tuple[Act, ...] = ()

    @cached_property
    def by_analyte(self) -> dict[str, tuple[ResultFact, ...]]:
        """Counting results per analyte, oldest collection first."""
        grouped: defaultdict[str, list[ResultFact]] = defaultdict(list)
        for result in self.results:
            grouped[result.analyte].append(result)
        return {analyte: tuple(rows) for analyte, rows in grouped.items()}

    def of(self, analyte: str) -> tuple[ResultFact, ...]:
        return self.by_analyte.get(analyte, ())

    def of_by(self, analyte: str, on: date) -> tuple[ResultFact, ...]:
        """Those of an analyte without the ones that are later than `on` in every time zone."""
        rows = self.of(analyte)
        over = datetime(on.year, on.month, on.day, tzinfo=UTC) + timedelta(days=2)
        return rows[: bisect_left(rows, over, key=_collected_at)]

    @cached_property
    def day0(self) -> date | None:
        return self.infusion.day0 if self.infusion else None

    @cached_property
    def acts_by_kind(self) -> dict[str, tuple[Act, ...]]:
        """Acts per kind, oldest recorded first."""
        grouped: dict[str, list[Act]] = {}
        for act in self.acts:
            grouped.setdefault(act.kind, []).append(act)
        return {kind: tuple(rows) for kind, rows in grouped.items()}

    def last_act(self, kind: str, key: str = "") -> Act | None:
        rows = [a for a in self.acts_by_kind.get(kind, ()) if a.key == key]
        return rows[-1] if rows else None

    @cached_property
    def planned_on(self) -> date | None:
        """The booked infusion date, if one is booked."""
        plan = self.last_act("plan")
        text = plan.payload.get("infusion_on") if plan else None
        return date.fromisoformat(text) if text else None

    def attested(self, code: str) -> AttestationFact | None:
        """The newest attestation of this code, whatever its value."""
        rows = [a for a in self.attestations if a.code == code]
        return rows[-1] if rows else None


F = TypeVar("F", bound=Fact)

# Acts about the future count from the moment they were recorded, whatever date is asked about.
UNDATED_ACTS = frozenset({"plan", "pin", "enrolment", "demographics"})


def known(history: History, *, as_of: date, as_known_at: datetime | None = None) -> PatientFacts:
    """The facts true by `as_of` and recorded by `as_known_at` (None: all that is recorded).

    A status as of a past date equals what would have been shown on that date had everything been
    recorded on its day. Plans, pins and enrolments count from when they were recorded only. Of a site's own
    numbers those count that were in force on Day 0, or on `as_of` before it.
    """
    history = history.known_at(as_known_at)
    results, former, conflicts = _results(history.results, as_of, as_known_at)
    acts = sorted(_kept(history.acts, as_known_at), key=lambda a: (a.recorded_at, a.id))
    acts = [a for a in acts if a.kind in UNDATED_ACTS or a.true_on <= as_of]
    infusion = _infusion(history.infusions, acts, as_known_at, as_of)
    return PatientFacts(
        person=_person(history.person, acts),
        timezone=history.timezone,
        site_code=history.site_code,
        settings=_settings(history, infusion.day0 if infusion else as_of, as_known_at),
        results=results,
        former=former,
        conflicts=conflicts,
        waiting=tuple(w for w in history.waiting if w.waits(as_of, as_known_at)),
        bleeds=_dated(history.bleeds, as_known_at, "onset_on", as_of),
        factor_uses=_dated(history.factor_uses, as_known_at, "given_on", as_of),
        regimens=_dated(history.regimens, as_known_at, "from_on", as_of),
        attestations=_dated(history.attestations, as_known_at, "on", as_of),
        events=_dated(history.events, as_known_at, "from_on", as_of),
        coverages=_dated(history.coverages, as_known_at, "from_on", as_of),
        draws=_dated(history.draws, as_known_at, "drawn_on", as_of),
        infusion=infusion,
        kits=_dated(history.kits, as_known_at, "ordered_on", as_of),
        authorizations=tuple(_authorizations(history, as_of, as_known_at)),
        acts=tuple(acts),
    )


def _kept(facts: Iterable[F], as_known_at: datetime | None) -> list[F]:
    """Facts recorded by then, without repetitions, without superseded and retracted ones."""
    seen = {f.id: f for f in facts if as_known_at is None or f.recorded_at <= as_known_at}
    return list(active_facts(seen.values()))


def _dated(facts: tuple[F, ...], as_known_at: datetime | None, field_name: str, as_of: date) -> tuple[F, ...]:
    rows = [f for f in _kept(facts, as_known_at) if getattr(f, field_name) <= as_of]
    return tuple(sorted(rows, key=lambda f: (getattr(f, field_name), f.recorded_at, f.id)))


def _results(
    versions: tuple[ResultFact, ...], as_of: date, as_known_at: datetime | None
) -> tuple[tuple[ResultFact, ...], tuple[ResultFact, ...], frozenset[UUID]]:
    lineages: dict[int, list[ResultFact]] = {}
    for row in versions:
        if row.collected_on <= as_of and (as_known_at is None or row.recorded_at <= as_known_at):
            lineages.setdefault(row.lineage.int, []).append(row)
    counting: list[ResultFact] = []
    former: list[ResultFact] = []
    conflicts: set[UUID] = set()
    for rows in lineages.values():
        if len(rows) == 1 and counts(rows[0]):
            counting.append(rows[0])
            continue
        resolution = current(tuple({r.id: r for r in rows}.values()))
        if resolution.current is not None:
            counting.append(resolution.current)
        former.extend(resolution.former)
        if resolution.conflict:
            conflicts.add(rows[0].lineage)
    if repeated := _repeated(counting, lineages):
        counting = [row for row in counting if row.lineage not in repeated]
        former = [row for row in former if row.lineage not in repeated]
    order = _result_order
    return tuple(sorted(counting, key=order)), tuple(sorted(former, key=order)), frozenset(conflicts)


def _repeated(counting: list[ResultFact], lineages: Mapping[int, Sequence[ResultFact]]) -> set[UUID]:
    """Results that are one measurement reported twice, and count once."""
    alike: dict[str, list[ResultFact]] = {}
    for row in _neighbours(counting):
        alike.setdefault(likeness(row, row.analyte), []).append(row)
    found: set[UUID] = set()
    for rows in alike.values():
        if len(rows) > 1:
            found |= suspects((r.lineage, r.collected_at, *_first(lineages[r.lineage.int])) for r in rows)
    return found


def _neighbours(counting: Iterable[ResultFact]) -> Iterator[ResultFact]:
    """Results with another one of their analyte so near in time that one may repeat the other."""
    last: dict[str, ResultFact] = {}
    given: set[UUID] = set()
    for row in sorted((r for r in counting if r.value is not None or r.code), key=_collected_at):
        before = last.get(row.analyte)
        last[row.analyte] = row
        if before is None or row.collected_at - before.collected_at > TWIN:
            continue
        for one in (before, row):
            if one.id not in given:
                given.add(one.id)
                yield one


def _first(versions: Iterable[ResultFact]) -> tuple[datetime, bool]:
    """When a result was first recorded, and whether a person said that it is no repetition."""
    rows = list(versions)
    return min(r.recorded_at for r in rows), any(r.accepted for r in rows)


def _collected_at(row: ResultFact) -> datetime:
    return row.collected_at


def _result_order(row: ResultFact) -> tuple[Any, ...]:
    return (row.collected_at, row.reported_at or row.collected_at, row.content_hash, row.recorded_at, row.id)


def _authorizations(
    history: History, as_of: date, as_known_at: datetime | None
) -> Iterator[AuthorizationFact]:
    """Each as it stood on `as_of`: before the payer decided, one that was submitted waits."""
    for row in _kept(history.authorizations, as_known_at):
        submitted, decided = _authorization_dates(row, history.timezone)
        if decided <= as_of:
            yield row
        elif submitted <= as_of:
            yield replace(row, status="submitted", decided_on=None, valid_from=None, valid_to=None)


def _authorization_dates(row: AuthorizationFact, timezone: str) -> tuple[date, date]:
    """When it was submitted and when it came to stand as recorded: by its dates, else when it was recorded."""
    decided = row.decided_on or row.submitted_on or local_day(row.recorded_at, timezone)
    return row.submitted_on or decided, decided


def _settings(history: History, on: date, as_known_at: datetime | None) -> tuple[Setting, ...]:
    rows = [s for s in history.settings if as_known_at is None or s.recorded_at <= as_known_at]
    return in_force(rows, on, history.timezone)


def _infusion(
    rows: tuple[InfusionFact, ...], acts: list[Act], as_known_at: datetime | None, as_of: date
) -> InfusionFact | None:
    voided = {a.key for a in acts if a.kind == "void"}
    kept = [i for i in _dated(rows, as_known_at, "day0", as_of) if i.dosed and str(i.id) not in voided]
    if not kept:
        return None
    said = {a.kind: a for a in acts if a.key == str(kept[-1].id)}
    note = said["infusion-note"].reason if "infusion-note" in said else ""
    npi = said["attending"].payload["npi"] if "attending" in said else kept[-1].attending_npi
    return replace(kept[-1], override=_override(said), note=note, attending_npi=npi)


def _override(said: Mapping[str, Act]) -> Override | None:
    act, confirmed = said.get("override"), said.get("confirm-override")
    if act is None:
        return None
    return Override(
        by=act.by,
        second_person=act.payload["second_person"],
        reason=act.reason,
        recorded_at=act.recorded_at,
        gates={g["code"]: Waived(verdict=g["verdict"], reason=g["reason"]) for g in act.payload["gates"]},
        confirmed_at=confirmed.recorded_at if confirmed else None,
    )


def _person(person: Person, acts: list[Act]) -> Person:
    told = [a.payload for a in acts if a.kind == "demographics"]
    if not told:
        return person
    latest = {key: value for payload in told for key, value in payload.items()}
    return Person(
        id=person.id,
        birth_date=date.fromisoformat(latest.get("birth_date", person.birth_date.isoformat())),
        sex=latest.get("sex", person.sex),
    )


def next_true_on(history: History, *, after: date, as_known_at: datetime | None = None) -> date | None:
    """The first date after `after` on which a fact that is already recorded becomes true."""
    history = history.known_at(as_known_at)
    dated: list[tuple[datetime, date]] = [(r.recorded_at, r.collected_on) for r in history.results]
    dated += [(b.recorded_at, b.onset_on) for b in history.bleeds]
    dated += [(u.recorded_at, u.given_on) for u in history.factor_uses]
    dated += [(r.recorded_at, r.from_on) for r in history.regimens]
    dated += [(a.recorded_at, a.on) for a in history.attestations]
    dated += [(e.recorded_at, e.from_on) for e in history.events]
    dated += [(c.recorded_at, c.from_on) for c in history.coverages]
    dated += [(d.recorded_at, d.drawn_on) for d in history.draws]
    dated += [(i.recorded_at, i.day0) for i in history.infusions]
    dated += [(k.recorded_at, k.ordered_on) for k in history.kits]
    dated += [(a.recorded_at, a.true_on) for a in history.acts if a.kind not in UNDATED_ACTS]
    dated += [(w.received_at, w.collected_on) for w in history.waiting if w.collected_on is not None]
    for setting in history.settings:
        dated += [(setting.recorded_at, on) for on in changes(setting, history.timezone)]
    for row in history.authorizations:
        dated += [(row.recorded_at, on) for on in _authorization_dates(row, history.timezone)]
    return min(
        (on for at, on in dated if on > after and (as_known_at is None or at <= as_known_at)), default=None
    )
