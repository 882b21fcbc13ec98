"""Milestones of one patient in the public shape, decided live from facts."""

from __future__ import annotations

from datetime import date
from typing import Any

from outcomes import data
from outcomes.rules.contract import Contract
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.milestones import assess
from outcomes.rules.verdicts import MilestoneState
from workflow.rules.facts import PatientFacts


def states(facts: PatientFacts, today: date) -> list[MilestoneState]:
    """Milestones of every contract the patient is enrolled in, by contract and month."""
    rules = data.measure_rules()
    return [state for contract in enrolled(facts) for state in assess(facts, contract, today, rules)]


def enrolled(facts: PatientFacts) -> tuple[Contract, ...]:
    """The contracts the patient is enrolled in, each in its enrolled version."""
    newest = {a.key: a.payload["version"] for a in facts.acts_by_kind.get("enrolment", ())}
    return tuple(data.contract(code, version) for code, version in sorted(newest.items()))


def milestone_rows(facts: PatientFacts, today: date) -> list[dict[str, Any]]:
    return [milestone_json(s) for s in states(facts, today)]
