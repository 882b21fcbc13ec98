"""Milestones of one patient in the public shape, decided live from facts."""

from __future__ import annotations

from datetime import date
from typing import Any

from outcomes import data
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.milestones import assess
from outcomes.rules.verdicts import MilestoneState
from workflow.rules.facts import PatientFacts


def states(facts: PatientFacts, today: date) -> list[MilestoneState]:
    """Milestones of every contract the patient is enrolled in, by contract and month."""
    enrolled = sorted({a.key for a in facts.acts_by_kind.get("enrolment", ())})
    return [state for code in enrolled for state in states_of(facts, code, today)]


def states_of(facts: PatientFacts, contract: str, today: date) -> list[MilestoneState]:
    """Milestones of one contract, by month; none for a patient who is not enrolled or not treated."""
    enrolled = facts.last_act("enrolment", contract)
    if enrolled is None:
        return []
    rules = data.measure_rules()
    return list(assess(facts, data.contract(contract, enrolled.payload["version"]), today, rules))


def milestone_rows(facts: PatientFacts, today: date) -> list[dict[str, Any]]:
    return [milestone_json(s) for s in states(facts, today)]
