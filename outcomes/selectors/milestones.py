"""Milestones of one patient in the public shape, decided live from facts."""

from __future__ import annotations

from datetime import date
from typing import Any

from outcomes import data
from outcomes.rules.milestones import assess
from outcomes.rules.verdicts import CriterionState, MilestoneState
from workflow.rules.facts import PatientFacts
from workflow.selectors.shown import day, number


def states(facts: PatientFacts, today: date) -> list[MilestoneState]:
    """Milestones of every contract the patient is enrolled in, by contract and month."""
    enrolled = {a.key: a.payload["version"] for a in facts.acts_by_kind.get("enrolment", ())}
    return [
        state
        for code, version in sorted(enrolled.items())
        for state in assess(facts, data.contract(code, version), today)
    ]


def milestone_rows(facts: PatientFacts, today: date) -> list[dict[str, Any]]:
    return [milestone_json(s) for s in states(facts, today)]


def milestone_json(state: MilestoneState) -> dict[str, Any]:
    return {
        "contract": state.contract,
        "contract_version": state.contract_version,
        "month": state.month,
        "target_on": day(state.target_on),
        "opens_on": day(state.opens_on),
        "closes_on": day(state.closes_on),
        "verdict": state.verdict,
        "reason": state.reason,
        "criteria": [_criterion(c) for c in state.criteria],
    }


def _criterion(criterion: CriterionState) -> dict[str, Any]:
    return {
        "code": criterion.code,
        "metric": criterion.metric,
        "assay": criterion.assay or None,
        "value": None,
        "threshold": number(criterion.threshold),
        "verdict": criterion.verdict,
        "reason": criterion.reason,
    }
