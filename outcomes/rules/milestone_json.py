"""A milestone in the public shape: dates as text, numbers as decimal strings, rates with two decimals."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

from outcomes.rules.figures import beside, plain
from outcomes.rules.verdicts import CriterionState, Measures, MilestoneState, Reading

RATES = ("abr", "abr_change", "factor_use")
BY_RATE = ("abr_", "baseline_abr_")


def milestone_json(state: MilestoneState) -> dict[str, Any]:
    """The milestone with its arithmetic. All bleeding rates are crude."""
    return {
        "contract": state.contract,
        "contract_version": state.contract_version,
        "month": state.month,
        "target_on": state.target_on.isoformat(),
        "opens_on": state.opens_on.isoformat(),
        "closes_on": state.closes_on.isoformat(),
        "verdict": state.verdict,
        "reason": state.reason,
        "attested": state.attested,
        "assessment_version": state.version,
        "payer": state.payer or None,
        "refund_pct_at_risk": plain(state.refund_pct_at_risk),
        "refund_pct_triggered": plain(state.refund_pct_triggered),
        "criteria": [criterion_json(c) for c in state.criteria],
        "measures": measures_json(state.measures) if state.measures else None,
    }


def criterion_json(state: CriterionState) -> dict[str, Any]:
    return {
        "code": state.code,
        "metric": state.metric,
        "assay": state.assay or None,
        "value": value_text(state),
        "unit": state.unit or None,
        "comparator": state.comparator or None,
        "threshold": None if state.threshold is None else plain(state.threshold),
        "baseline": None if state.baseline is None else beside(state.baseline, None),
        "verdict": state.verdict,
        "reason": state.reason,
        "upper_limit": None if state.upper_limit is None else beside(state.upper_limit, None),
        "rule": {"source": state.source, "certainty": state.certainty},
        "evidence": [{"fact": f"{p.kind}:{p.id}", "on": p.on.isoformat()} for p in state.proofs],
    }


def value_text(state: CriterionState) -> str | None:
    """The value as it is judged: "<1", "-70.00", "true"."""
    if state.value is None:
        return None
    if isinstance(state.value, bool):
        return str(state.value).lower()
    if state.metric in RATES:
        return beside(state.value, state.threshold)
    return f"{state.value_comparator}{plain(state.value)}"


def measures_json(found: Measures) -> dict[str, Any]:
    named = {f.name: getattr(found, f.name) for f in fields(found)}
    return {name: _shown(name, value) for name, value in named.items()} | {"crude": True}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Reading):
        return {
            "value": plain(value.value),
            "comparator": value.comparator,
            "on": value.on.isoformat(),
            "fact": f"result:{value.fact}",
        }
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return beside(value, None) if name.startswith(BY_RATE) else plain(value)
    return value
