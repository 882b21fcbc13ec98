"""What an assessment consists of: plain values that services store, pages show and data sets write.

Numbers are exact; they are rounded where they are shown. All rates are crude: bleeds per observed year,
IU per kg per observed year. None means that the number could not be computed, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

DECIDED = ("met", "not_met", "not_evaluable")
UNDECIDED = ("pending", "due")


@dataclass(frozen=True, slots=True)
class Reading:
    """A factor activity in IU/dL as it was reported, with its comparator."""

    value: Decimal
    comparator: str
    on: date
    fact: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was measured at one milestone.

    `fix_contaminated_excluded` counts one-stage samples of the window left out because concentrate was in them.
    The window is that of the contract's bleeding rate, both days included; `provisional`: the contract's own
    window has not begun, so the time since Day 0 is shown instead. `abr_upper_limit` is the exact Poisson limit
    of `abr_all`. `off_prophylaxis`, `back_on_prophylaxis_on` and `never_off` (no free day since prophylaxis should
    have ended) are as of the last day of observation.
    """

    fix_one_stage: Reading | None = None
    fix_chromogenic: Reading | None = None
    fix_contaminated_excluded: int = 0
    window_start: date | None = None
    window_end: date | None = None
    provisional: bool = False
    observed_days: int | None = None
    bleeds_all: int | None = None
    bleeds_treated: int | None = None
    abr_all: Decimal | None = None
    abr_treated: Decimal | None = None
    abr_spontaneous: Decimal | None = None
    abr_joint: Decimal | None = None
    abr_upper_limit: Decimal | None = None
    baseline_abr_all: Decimal | None = None
    baseline_observed_days: int | None = None
    abr_change_pct: Decimal | None = None
    factor_use_iu_per_kg_year: Decimal | None = None
    factor_use_prophylaxis_iu_per_kg_year: Decimal | None = None
    baseline_factor_use_iu_per_kg_year: Decimal | None = None
    off_prophylaxis: bool | None = None
    back_on_prophylaxis_on: date | None = None
    never_off: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """A fact that a verdict rests on; `kind` is result, bleed, event, regimen or factor_use."""

    kind: str
    id: UUID
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionState:
    """One condition of the contract at one milestone, with its arithmetic.

    verdict: pending, due, met, not_met, not_evaluable, or not_applicable at months for which the contract does
    not set it. `value_comparator` belongs to the value ("<1"), `comparator` and `threshold` to the condition.
    `upper_limit` is that of the crude bleeding rate, `source` says where the condition comes from.
    """

    code: str
    metric: str
    assay: str = ""
    value: Decimal | bool | None = None
    value_comparator: str = ""
    unit: str = ""
    comparator: str = ""
    threshold: Decimal | None = None
    baseline: Decimal | None = None
    verdict: str
    reason: str = ""
    upper_limit: Decimal | None = None
    proofs: tuple[Proof, ...] = ()
    source: str = ""
    certainty: str = ""

    @property
    def evidence(self) -> tuple[UUID, ...]:
        return tuple(p.id for p in self.proofs)

    @property
    def evidence_on(self) -> tuple[date, ...]:
        return tuple(p.on for p in self.proofs)


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneState:
    """One milestone of one patient on a date. `measures` is None while it is pending.

    `version` counts from 1 and rises when a later fact changes what somebody attested; `attested` says whether
    this very version was. `payer` is who covers the target date; refunds are percent of the price.
    """

    contract: str
    contract_version: str
    month: int
    target_on: date
    opens_on: date
    closes_on: date
    verdict: str
    reason: str
    criteria: tuple[CriterionState, ...]
    measures: Measures | None = None
    payer: str = ""
    refund_pct_at_risk: Decimal = Decimal(0)
    refund_pct_triggered: Decimal = Decimal(0)
    attested: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One factor activity of the whole follow-up. `days_since_factor`: since the last concentrate, None if never."""

    fact: UUID
    assay: str
    value: Decimal
    comparator: str
    on: date
    contaminated: bool
    days_since_factor: int | None


@dataclass(frozen=True, slots=True)
class CountedBleed:
    """One bleed record; `same_bleed_as` names the first record of the bleed that this one continues."""

    fact: UUID
    on: date
    site: str
    joint: bool
    cause: str
    life_threatening: bool
    treated: bool
    same_bleed_as: UUID | None


@dataclass(frozen=True, slots=True)
class FactorRow:
    """One use of concentrate; `weight_kg` is the weight nearest to it, else that of the infusion."""

    fact: UUID
    on: date
    product: str
    iu: Decimal
    reason: str
    weight_kg: Decimal | None
    iu_per_kg: Decimal | None
