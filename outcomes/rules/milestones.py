"""Where a contract's milestones lie for one patient, and whether they are pending, due or censored.

The verdicts met and not met come with the assessment rules; until then a milestone stays due after its
window closed, and says so.
"""

from __future__ import annotations

from datetime import date

from outcomes.rules.contract import Contract, Criterion, Milestone
from outcomes.rules.verdicts import CriterionState, MilestoneState
from workflow.rules.facts import PatientFacts
from workflow.rules.windows import add_months, around

UNASSESSED = "the window has closed; the assessment is not part of this version"


def assess(facts: PatientFacts, contract: Contract, today: date) -> tuple[MilestoneState, ...]:
    """Every milestone of the contract; none before the infusion."""
    if facts.day0 is None:
        return ()
    censored = censored_on(facts, contract)
    return tuple(_state(facts.day0, contract, m, censored, today) for m in contract.milestones)


def censored_on(facts: PatientFacts, contract: Contract) -> tuple[date, str] | None:
    """The first event that ends the contract's observation, with its kind."""
    found = [(e.from_on, e.kind) for e in facts.events if e.kind in contract.censoring]
    return min(found, default=None)


def _state(
    day0: date, contract: Contract, milestone: Milestone, censored: tuple[date, str] | None, today: date
) -> MilestoneState:
    span = around(add_months(day0, milestone.month), milestone.before, milestone.after)
    verdict, reason = "pending", ""
    if censored is not None and span.target > censored[0]:
        verdict, reason = (
            "not_evaluable",
            f"censored: {censored[1].replace('_', ' ')} on {censored[0].isoformat()}",
        )
    elif today >= span.opens:
        verdict, reason = "due", UNASSESSED if today > span.closes else ""
    return MilestoneState(
        contract=contract.code,
        contract_version=contract.version,
        month=milestone.month,
        target_on=span.target,
        opens_on=span.opens,
        closes_on=span.closes,
        verdict=verdict,
        reason=reason,
        criteria=tuple(_criterion(c, verdict) for c in contract.criteria_at(milestone.month)),
    )


def _criterion(criterion: Criterion, verdict: str) -> CriterionState:
    return CriterionState(
        code=criterion.code,
        metric=criterion.metric,
        assay=criterion.assay,
        comparator=criterion.comparator,
        threshold=criterion.threshold,
        verdict=verdict,
    )
