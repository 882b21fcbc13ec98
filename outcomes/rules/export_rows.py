"""Rows of the payer data set for one subject, as lines of the tables.

Nothing that a person typed leaves here but the payer's name: places of bleeds become classes, products those
of the catalogue, dates in reasons study days. Site, date and instant of the export are marks that are filled
in when the lines are written, so that stored lines serve any export of that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date

from outcomes.rules import export_cells as cell
from outcomes.rules.body_sites import site_class
from outcomes.rules.dataset_tables import DAY, HARBOR, MILESTONES, SCHEMA_VERSION
from outcomes.rules.milestone_json import value_text
from outcomes.rules.verdicts import (
    CountedBleed,
    CriterionState,
    FactorRow,
    Measures,
    MilestoneState,
    Reading,
    Sample,
)

SITE_MARK, AS_OF_MARK, KNOWN_MARK = "\x01", "\x02", "\x03"
OTHER_PAYER, OTHER_PRODUCT = "other", "OTHER"
DATED = tuple(c.name for c in MILESTONES.columns if c.name.endswith(DAY))
EXACT = ("", "=")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One treated patient under one contract. `payers` and `products` are names that may be shown."""

    code: str
    day0: date
    pathway_version: str
    states: Sequence[MilestoneState]
    samples: Sequence[Sample] = ()
    bleeds: Sequence[CountedBleed] = ()
    uses: Sequence[FactorRow] = ()
    payers: Set[str] = frozenset()
    products: Set[str] = frozenset()


def milestones(subject: Subject, profile: str) -> Iterator[str]:
    """Lines of milestones.csv, by month."""
    for state in sorted(subject.states, key=lambda s: s.month):
        cells = _milestone(subject, state, profile)
        if profile != HARBOR:
            cells |= {f"{name}_on": cell.day(on) for name, on in _days(state).items()}
        yield cell.line(cells.values())


def _milestone(subject: Subject, state: MilestoneState, profile: str) -> dict[str, str]:
    """Cells by column, in the order of the table."""
    days = {f"{name}_day": cell.study_day(on, subject.day0) for name, on in _days(state).items()}
    told = {
        "contract_id": cell.text(state.contract),
        "contract_version": cell.text(state.contract_version),
        "subject_id": subject.code,
        "site_code": SITE_MARK,
        "month": str(state.month),
        "verdict": state.verdict,
        "verdict_reason": cell.text(cell.in_days(state.reason, subject.day0)),
        "attested": cell.flag(state.attested),
        "assessment_version": str(state.version),
        **_measures(state.measures or Measures(), state.measures is not None),
        "payer_at_milestone": cell.text(_payer(subject, state.payer, profile)),
        "refund_pct_at_risk": cell.number(state.refund_pct_at_risk),
        "refund_pct_triggered": cell.number(state.refund_pct_triggered),
        "as_of": AS_OF_MARK,
        "as_known_at": KNOWN_MARK,
        "pathway_version": cell.text(subject.pathway_version),
        "schema_version": SCHEMA_VERSION,
        **days,
    }
    return {name: told[name] for name in MILESTONES.names}


def _days(state: MilestoneState) -> dict[str, date | None]:
    m = state.measures or Measures()
    found = {
        "target": state.target_on,
        "window_open": state.opens_on,
        "window_close": state.closes_on,
        "fix_one_stage": m.fix_one_stage.on if m.fix_one_stage else None,
        "fix_chromogenic": m.fix_chromogenic.on if m.fix_chromogenic else None,
        "abr_window_start": m.window_start,
        "abr_window_end": m.window_end,
        "back_on_prophylaxis": m.back_on_prophylaxis_on,
    }
    return {name.removesuffix(DAY): found[name.removesuffix(DAY)] for name in DATED}


def _measures(m: Measures, measured: bool) -> dict[str, str]:
    return {
        "fix_one_stage_iu_dl": _activity(m.fix_one_stage),
        "fix_chromogenic_iu_dl": _activity(m.fix_chromogenic),
        "fix_contaminated_excluded": str(m.fix_contaminated_excluded) if measured else "",
        "abr_all": cell.rate(m.abr_all),
        "abr_treated": cell.rate(m.abr_treated),
        "abr_spontaneous": cell.rate(m.abr_spontaneous),
        "abr_joint": cell.rate(m.abr_joint),
        "observed_days": cell.number(m.observed_days),
        "bleeds_all": cell.number(m.bleeds_all),
        "bleeds_treated": cell.number(m.bleeds_treated),
        "baseline_abr_all": cell.rate(m.baseline_abr_all),
        "baseline_observed_days": cell.number(m.baseline_observed_days),
        "abr_change_pct": cell.number(m.abr_change_pct),
        "factor_use_iu_per_kg_year": cell.number(m.factor_use_iu_per_kg_year),
        "factor_use_prophylaxis_iu_per_kg_year": cell.number(m.factor_use_prophylaxis_iu_per_kg_year),
        "baseline_factor_use_iu_per_kg_year": cell.number(m.baseline_factor_use_iu_per_kg_year),
        "off_prophylaxis": cell.flag(m.off_prophylaxis),
    }


def _activity(reading: Reading | None) -> str:
    """The number, if it is one: a bound is no value."""
    return cell.number(reading.value) if reading and reading.comparator in EXACT else ""


def _payer(subject: Subject, payer: str, profile: str) -> str:
    if profile != HARBOR or not payer:
        return payer
    return payer if payer in subject.payers else OTHER_PAYER


def criteria(subject: Subject) -> Iterator[str]:
    """Lines of criteria.csv, by month, in the contract's order."""
    for state in sorted(subject.states, key=lambda s: s.month):
        for found in state.criteria:
            yield cell.line(_criterion(subject, state, found))


def _criterion(subject: Subject, state: MilestoneState, found: CriterionState) -> Iterator[str]:
    yield cell.text(state.contract)
    yield subject.code
    yield str(state.month)
    yield cell.text(found.code)
    yield found.metric
    yield found.assay
    yield value_text(found) or ""
    yield cell.text(found.unit)
    yield found.comparator
    yield cell.number(found.threshold)
    yield cell.rate(found.baseline)
    yield found.verdict
    yield cell.text(cell.in_days(found.reason, subject.day0))
    yield cell.rate(found.upper_limit)
    yield cell.text(" ".join(str(d) for d in sorted({(on - subject.day0).days for on in found.evidence_on})))


def bleeds(subject: Subject) -> Iterator[str]:
    """Lines of bleeds.csv, by onset."""
    onset = {b.fact: b.on for b in subject.bleeds}
    for b in sorted(subject.bleeds, key=lambda b: (b.on, b.fact)):
        first = onset.get(b.same_bleed_as) if b.same_bleed_as and b.same_bleed_as != b.fact else None
        yield cell.line(
            (
                subject.code,
                cell.study_day(b.on, subject.day0),
                site_class(b.site, b.joint),
                cell.flag(b.joint),
                b.cause,
                cell.flag(b.life_threatening),
                cell.flag(b.treated),
                cell.study_day(first, subject.day0),
            )
        )


def factor_use(subject: Subject) -> Iterator[str]:
    """Lines of factor_use.csv, by day."""
    for use in sorted(subject.uses, key=lambda u: (u.on, u.fact)):
        product = use.product.upper()
        yield cell.line(
            (
                subject.code,
                cell.study_day(use.on, subject.day0),
                product if product in subject.products else OTHER_PRODUCT,
                cell.number(use.iu),
                cell.number(use.iu_per_kg),
                cell.number(use.weight_kg),
                use.reason,
            )
        )


def fix_activity(subject: Subject) -> Iterator[str]:
    """Lines of fix_activity.csv, by day; the milestone for which a sample was used beside it."""
    used = _used_for(subject.states)
    for s in sorted(subject.samples, key=lambda s: (s.on, s.assay, s.fact)):
        yield cell.line(
            (
                subject.code,
                cell.study_day(s.on, subject.day0),
                s.assay,
                cell.number(s.value) if s.comparator in EXACT else "",
                cell.flag(s.contaminated),
                cell.number(s.days_since_factor),
                used.get(s.fact, ""),
            )
        )


def _used_for(states: Sequence[MilestoneState]) -> dict[object, str]:
    found: dict[object, str] = {}
    for state in states:
        m = state.measures or Measures()
        for reading in (m.fix_one_stage, m.fix_chromogenic):
            if reading is not None:
                found.setdefault(reading.fact, str(state.month))
    return found
