"""What a decision consists of: plain values that services store and selectors show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One fact a verdict rests on. `fact` is "<kind>:<id>"; value and unit as shown to people."""

    fact: str
    on: date
    analyte: str = ""
    value: str = ""
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """pass, fail, hold, retest_due, expired, missing, indeterminate, not_applicable or waived."""

    code: str
    verdict: str
    reason: str
    blocking: bool
    authority: str
    title: str = ""
    next_step: str = ""
    valid_until: date | None = None
    evidence: tuple[Evidence, ...] = ()
    source: str = ""
    certainty: str = ""
    rule: str = ""
    draw: tuple[str, ...] = ()
    """Analytes to draw beyond those that must always be there, from `draw_from` on."""
    draw_from: date | None = None

    @property
    def blocks(self) -> bool:
        return self.blocking and self.verdict not in ("pass", "not_applicable", "waived")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A sample that must still be taken for one date: draw between `from_on` and `to_on`.

    `last_safe` is the last day on which the result is still back by Day 0; None when it is too late.
    """

    gate: str
    analytes: tuple[str, ...]
    from_on: date
    to_on: date
    last_safe: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One entry of a task's contact log, in the words of `workflow.rules.contacts`."""

    at: datetime
    who: str
    how: str
    outcome: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to be done in a window. States come from the dates: see `workflow.rules.windows.state`.

    `missed_on` is the first day after the grace days. `ended_as` is None while nothing ended it, else
    done, done_out_of_window, waived, cancelled or missed (missed by somebody's word, before the dates).
    `have` of `need` analytes are final. What people said of it before `asked_at` does not end it.
    `snoozed_until` is never after the window: a task on hold is back while it can still be done in time.
    """

    key: str
    kind: str
    title: str
    opens_on: date
    due_on: date
    closes_on: date
    missed_on: date
    why: str = ""
    analytes: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    booked_on: date | None = None
    ended_as: str | None = None
    ended_on: date | None = None
    ended_reason: str = ""
    fulfilled_by: tuple[str, ...] = ()
    have: int = 0
    need: int = 0
    assignee: str = ""
    snoozed_until: date | None = None
    contacts: int = 0
    last_contact: Contact | None = None
    asked_at: datetime | None = None
    mandatory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherValue:
    """Another value that was reported for the same sample, before or after."""

    fact: UUID
    value: Decimal
    comparator: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result on which a trigger fired. Ratios have two decimals, rounded half up.

    `superseded`: it fires no more.
    """

    fact: UUID
    lineage: UUID
    on: date
    learned_on: date
    value: Decimal
    comparator: str
    unit: str
    arms: tuple[str, ...]
    uln: Decimal | None
    baseline: Decimal | None
    ratio_uln: Decimal | None
    ratio_baseline: Decimal | None
    confirmed: bool
    superseded: bool = False
    other_values: tuple[OtherValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of one trigger. `id` and `key` rest on the hit recorded first, so they never move.

    state: open, acknowledged, resolved or withdrawn. `asked_at` is since when the last decision is asked for
    (a hit after an answer asks anew), `answered_on` when it was made. A review is asked for when an answer
    rests on a value that changed.
    """

    id: UUID
    key: str
    rule: str
    state: str
    hits: tuple[Hit, ...]
    first_hit_on: date
    raised_on: date
    asked_at: datetime
    asked_on: date
    peak: Decimal
    answered_on: date | None = None
    review_asked_at: datetime | None = None
    review_asked_on: date | None = None
    review_done_on: date | None = None
    baseline_flag: str = ""
    not_evaluable: tuple[str, ...] = ()
    unconfirmed: bool = False
    superseded_evidence: bool = False
    merged_into: UUID | None = None
    decision: str = ""
    decided_by: str = ""
    decided_on: date | None = None
    ended_on: date | None = None

    @property
    def shown(self) -> Hit:
        """The hit that stands for the alert: the first that still holds, else the first."""
        return next((hit for hit in self.hits if not hit.superseded), self.hits[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class SteroidStep:
    """mg per day of prednisone from `from_on` to `to_on` (None: held open until ALT is back)."""

    from_on: date
    to_on: date | None
    mg_per_day: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SteroidCourse:
    """state: planned, running, tapering or ended. `flags` name an unusual length."""

    id: str
    started_on: date
    steps: tuple[SteroidStep, ...]
    state: str
    ended_on: date | None = None
    alert: str = ""
    alternative_cause: str = ""
    doses: tuple[tuple[date, Decimal], ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """The dose by rule. `flag` "no-kit-listed" leaves `kit_vials` and `ndc` empty."""

    weight_kg: Decimal
    weight_on: date
    volume_ml: Decimal
    vials: int
    kit_vials: int | None
    total_vg: Decimal
    ndc: str | None
    ndc_certainty: str | None
    flag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationSlot:
    """A month owed to a contract, with its window in days around the target."""

    month: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationSet:
    """Months owed to somebody outside the pathway, handed over as data. `code` is "contract:<code>"."""

    code: str
    kind: str
    slots: tuple[ObligationSlot, ...]
    title: str = ""
    analytes: tuple[str, ...] = ()
    grace_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything that follows for one patient on one date.

    `next_change_on`: no output changes before that date unless a new fact arrives (None: never).
    """

    today: date
    phase: str
    gates: tuple[GateVerdict, ...]
    ready: bool
    blocked_by: tuple[str, ...]
    tasks: tuple[Task, ...]
    alerts: tuple[Alert, ...]
    courses: tuple[SteroidCourse, ...] = ()
    dose: Dose | None = None
    next_change_on: date | None = None
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
