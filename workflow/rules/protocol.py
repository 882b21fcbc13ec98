"""A protocol as plain values: one pathway version under one payer policy version.

The files in `workflow/protocols` and `workflow/policies` are parsed by `workflow.rules.protocol_parse`,
which reports every fault of a file at once. Nothing here knows a number: numbers come from the files,
each with its source and its certainty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

CERTAINTIES = ("label", "payer", "trial", "registry", "code-set", "assumption")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number or a rule comes from, and how sure that is."""

    text: str
    certainty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One pre-treatment gate. `kind` names the rule in `workflow.rules.gates`; `params` are its data.

    `params` holds plain values (int, Decimal, str, tuple, Mapping); `sources` says per parameter where
    its number comes from. Optional parameters that a file leaves out are None, or an empty tuple. Kinds
    and their parameters:

    age: min_years
    diagnosis: analytes, attestation
    indication: prophylaxis (bool), life_threatening (attestation code), repeated_bleeds (attestation code)
    prior-gene-therapy: attestation
    inhibitor: analytes (one), cutoff, retest_days, validity_days
    titer-information: analytes (one), validity_days, negative_to (a bound up to it reads as negative),
        order_from_days, order_to_days, attestation
    titer-threshold: the same and thresholds = ({assay, limit}, ...)  (titer must be below limit)
    titer-negative: analytes (one), validity_days, negative_to, order_from_days, order_to_days: any positive fails
    hepatitis-b: hbsag, anti_hbc, anti_hbc_igm, anti_hbs, dna (analyte codes), validity_days, consult,
        vaccine_days
    reflex: screen, confirm (analyte codes), validity_days, consult, limit (number or absent), name
    panel-uln: analytes, validity_days, fail_ratio, consult
    imaging: analytes, validity_days, consult
    presence: all_of (analytes), any_of (tuple of tuples), validity_days,
        limits = ({analyte, at_least | at_most}, ...) or empty
    weight: analytes (one), validity_days, drift_percent
    site-of-care: pathway (certification key), allowed_places (place-of-service codes)
    attestations: codes
    authorization: (none)

    `under` is the pathway's own gate where a policy tightened it.
    """

    code: str
    kind: str
    title: str
    authority: str
    blocking: bool
    source: Source
    params: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    under: Gate | None = None

    def __getitem__(self, name: str) -> Any:
        return self.params[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One occurrence of a monitoring item: unit w (weeks), m (months) or y (years) after Day 0.

    `mandatory` says who insists on this very occurrence.
    """

    unit: str
    number: int
    before: int
    after: int
    authority: str
    mandatory: Source | None = None

    @property
    def code(self) -> str:
        """w03, m06, y10: the end of a task key."""
        return f"{self.unit}{self.number:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringItem:
    """A series of tasks of one kind, e.g. liver-panel. Complete when all `analytes` are final.

    `condition` is "" (everybody) or "hcc-risk". Empty `analytes`: somebody marks it done.
    """

    kind: str
    title: str
    analytes: tuple[str, ...]
    slots: tuple[Slot, ...]
    grace_days: Mapping[str, int]
    source: Source
    condition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm of a trigger: fires when value / reference is above `ratio` (or at it, if not strict).

    `against` is "baseline" or "uln".
    """

    code: str
    against: str
    ratio: Decimal
    strict: bool
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A safety rule on one analyte over the whole follow-up.

    Baseline: the last final value at most `baseline_days` before the infusion, else the last before it
    (flagged). `confirm_on_repeat`: fires only when the next result fires too.
    """

    rule: str
    title: str
    analyte: str
    baseline_days: int
    arms: tuple[Arm, ...]
    source: Source
    confirm_on_repeat: bool = False
    decision_task: bool = False
    decision_due_days: int = 1
    decision_grace_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraPanel:
    """Weekly panel while the analyte is raised or steroids run."""

    kind: str
    every_days: int
    before: int
    after: int
    grace_days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorFall:
    """Endogenous factor is falling: an inhibitor and a factor assay are due."""

    analyte: str
    inhibitor: str
    fall_percent: Decimal
    floor: Decimal
    lookback_days: int
    window_days: int
    grace_days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SteroidTemplate:
    """Prednisone by week, a hold until ALT is back, then a taper. A clinician starts and ends it."""

    steps: tuple[tuple[int, Decimal], ...]
    """(days, mg per day) before the hold."""
    hold_mg: Decimal
    hold_from_day: int
    hold_min_days: int
    return_from_day: int
    taper: tuple[tuple[int, Decimal], ...]
    usual_weeks: tuple[int, int]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridging:
    """When stopping prophylaxis may be suggested: `results` clean values in a row above `above`.

    The first and the last of them lie at least `apart_days` apart. A clinician decides.
    """

    analyte: str
    above: Decimal
    results: int
    apart_days: int
    above_source: Source
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class KitSize:
    vials: int
    ndc: str
    certainty: str
    source: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedNdc:
    """A drug code that is no kit size but may be recorded, e.g. the single vial's."""

    ndc: str
    use: str
    source: Source
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dosing:
    """vg/kg, vg/mL and vial size; kits are sold from `min_vials` to `max_vials`.

    `weight_basis` is "actual" or "bmi-capped" (weight counts up to `bmi_cap` kg/m2, so the height,
    `height_analyte`, is needed).
    """

    vg_per_kg: Decimal
    vg_per_ml: Decimal
    vial_ml: Decimal
    min_vials: int
    max_vials: int
    kits: tuple[KitSize, ...]
    weight_analyte: str
    source: Source
    weight_basis: str = "actual"
    height_analyte: str = ""
    bmi_cap: Decimal | None = None
    max_rate_ml_h: Decimal | None = None
    observe_hours: Decimal | None = None
    use_within_hours: Decimal | None = None
    kit_lead_days: int | None = None
    other_ndcs: tuple[ListedNdc, ...] = ()

    @property
    def ndcs(self) -> tuple[str, ...]:
        """Every drug code that may be recorded with an infusion of this product."""
        return tuple(dict.fromkeys([*(k.ndc for k in self.kits), *(n.ndc for n in self.other_ndcs)]))

    def ndcs_on(self, on: date) -> tuple[str, ...]:
        """The drug codes that are valid on a date."""
        listed: list[KitSize | ListedNdc] = [*self.kits, *self.other_ndcs]
        return tuple(dict.fromkeys(e.ndc for e in listed if in_force(e, on)))


def in_force(entry: KitSize | ListedNdc, on: date) -> bool:
    """Whether a drug code is valid on a date; an open end holds for ever."""
    return (entry.valid_from is None or entry.valid_from <= on) and (
        entry.valid_to is None or on <= entry.valid_to
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Where one phase ends: the week whose window closes monitoring, then months and years."""

    monitoring_to_week: int
    follow_up_to_month: int
    long_term_to_year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A registry's calendar in months; it adds its name to tasks of the same month."""

    code: str
    months: tuple[int, ...]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One pathway version under one policy version: all that `evaluate` needs besides facts and date."""

    pathway: str
    pathway_version: str
    policy: str
    policy_version: str
    title: str
    status: str
    """active, or discontinued (follow-up only: no new infusion)."""
    gates: tuple[Gate, ...]
    monitoring: tuple[MonitoringItem, ...]
    triggers: tuple[Trigger, ...]
    extra_panel: ExtraPanel | None
    factor_fall: FactorFall | None
    steroids: SteroidTemplate | None
    bridging: Bridging | None
    dosing: Dosing
    phases: Phases
    registries: tuple[Registry, ...]
    windows: Mapping[int, tuple[int, int]]
    """Days before and after the target per month number, for contract months and visits."""
    turnaround_days: Mapping[str, int]
    """Days from draw to result per analyte (from the analyte catalogue)."""
    planning_horizon_days: int
    attestation_codes: tuple[str, ...] = ()
    plan_passed_grace_days: int = 0
    washout_days: Mapping[str, int] = field(default_factory=dict)
    """Days per factor product in which a dose contaminates an activity; "" stands for any other product."""
    hcc_risk: Mapping[str, Any] = field(default_factory=dict)

    def gate(self, code: str) -> Gate:
        return next(g for g in self.gates if g.code == code)

    def washout(self, product: str) -> int:
        """Days after a dose of `product` (any case) during which an activity is contaminated."""
        return self.washout_days.get(product.strip().upper(), self.washout_days.get("", 0))
