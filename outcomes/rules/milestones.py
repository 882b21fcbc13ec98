"""The milestones of a contract for one patient on a date: measured, judged, priced and compared with what was signed.

A milestone is pending before its window and due in it. It is decided when the window has closed, or earlier
when a clinician attests it. What ends the observation before the target makes it not evaluable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from outcomes.rules import refunds, sentences, signing
from outcomes.rules.contract import Contract, Milestone
from outcomes.rules.criteria import blank, judge
from outcomes.rules.measure_rules import MeasureRules
from outcomes.rules.measures import measures
from outcomes.rules.observation import end_of
from outcomes.rules.record import Record
from outcomes.rules.scene import Scene
from outcomes.rules.signing import Signed, compared, signed
from outcomes.rules.verdicts import CriterionState, MilestoneState
from workflow.rules.facts import CoverageFact, PatientFacts
from workflow.rules.windows import Window, add_months, around

NOT_APPLICABLE = "not_applicable"


def assess(
    facts: PatientFacts, contract: Contract, today: date, rules: MeasureRules
) -> tuple[MilestoneState, ...]:
    """Every milestone of the contract, by month; none before the infusion."""
    if facts.day0 is None:
        return ()
    record = Record(facts, rules, facts.day0)
    run = _Run(record, contract, today, signed(facts, contract.code), censored_on(facts, contract))
    states = tuple(run.states())
    return tuple(
        compared(s, run.signatures.get(s.month, ())) for s in refunds.priced(contract, states, record.day0)
    )


def to_sign(
    facts: PatientFacts, contract: Contract, month: int, today: date, rules: MeasureRules
) -> MilestoneState | None:
    """A milestone as it is if somebody attests it today; None when the contract has no such milestone."""
    found = at_month(facts, contract, month, today, rules)
    if found is None or found.attested:
        return found
    act = signing.intended(contract.code, month, found.version, today)
    return at_month(replace(facts, acts=(*facts.acts, act)), contract, month, today, rules)


def at_month(
    facts: PatientFacts, contract: Contract, month: int, today: date, rules: MeasureRules
) -> MilestoneState | None:
    """One milestone as it stands; None when the contract has no such month, or there is no Day 0."""
    return next((s for s in assess(facts, contract, today, rules) if s.month == month), None)


def censored_on(facts: PatientFacts, contract: Contract) -> tuple[date, str] | None:
    """The first event that ends the contract's observation, with its kind."""
    found = [(e.from_on, e.kind) for e in facts.events if e.kind in contract.censoring]
    return min(found, default=None)


class _Run:
    """One pass over the milestones in order; `fails` counts criteria that were not met several times in a row."""

    def __init__(
        self,
        record: Record,
        contract: Contract,
        today: date,
        signatures: dict[int, tuple[Signed, ...]],
        ended: tuple[date, str] | None,
    ) -> None:
        self.record = record
        self.contract = contract
        self.today = today
        self.signatures = signatures
        self.ended = ended
        self.fails: Counter[str] = Counter()
        self.lost: int | None = None

    def states(self) -> Iterator[MilestoneState]:
        for milestone in self.contract.milestones:
            yield self._state(milestone)

    def _state(self, milestone: Milestone) -> MilestoneState:
        span = around(add_months(self.record.day0, milestone.month), milestone.before, milestone.after)
        plain = self._plain(milestone, span)
        scene = self._scene(milestone, span)
        if self._censored(milestone, span):
            return self._ended(plain, scene)
        if self.today < span.opens:
            return plain
        return self._seen(plain, scene)

    def _plain(self, milestone: Milestone, span: Window) -> MilestoneState:
        return MilestoneState(
            contract=self.contract.code,
            contract_version=self.contract.version,
            month=milestone.month,
            target_on=span.target,
            opens_on=span.opens,
            closes_on=span.closes,
            verdict="pending",
            reason="",
            criteria=self._blank(milestone.month, "pending", ""),
            payer=payer_on(self.record.facts, span.target),
        )

    def _blank(self, month: int, verdict: str, reason: str) -> tuple[CriterionState, ...]:
        return tuple(
            blank(c, verdict, reason)
            if month >= c.from_month
            else blank(c, NOT_APPLICABLE, sentences.applies_from(c.from_month))
            for c in self.contract.criteria
        )

    def _scene(self, milestone: Milestone, span: Window) -> Scene:
        acts = self.signatures.get(milestone.month, ())
        end = end_of(self.record, span, self.today, acts[-1].on if acts else None)
        return Scene(self.record, self.contract, milestone.month, span, end, self.today, bool(acts))

    def _censored(self, milestone: Milestone, span: Window) -> bool:
        """Whether observation ended before the target, and before anybody had decided."""
        acts = self.signatures.get(milestone.month, ())
        if self.ended is None or span.target <= self.ended[0]:
            return False
        return not acts or acts[0].on > self.ended[0]

    def _ended(self, plain: MilestoneState, scene: Scene) -> MilestoneState:
        assert self.ended is not None
        reason = sentences.censored(self.ended[1], self.ended[0])
        return replace(
            plain,
            verdict="not_evaluable",
            reason=reason,
            criteria=self._blank(plain.month, "not_evaluable", reason),
            measures=measures(scene) if self.today >= plain.opens_on else None,
        )

    def _seen(self, plain: MilestoneState, scene: Scene) -> MilestoneState:
        decided = scene.attested or self.today > plain.closes_on
        judged = [(c, judge(c, scene)) for c in self.contract.criteria]
        criteria = tuple(
            replace(s, verdict=NOT_APPLICABLE, reason=sentences.provisional(c.from_month, s.reason))
            if plain.month < c.from_month
            else self._in_a_row(s, c.consecutive) if decided
            else replace(s, verdict="due", reason=sentences.so_far(s.reason))
            for c, s in judged
        )  # fmt: skip
        verdict, reason = combined(self.contract.combine, criteria) if decided else ("due", "")
        state = replace(plain, verdict=verdict, reason=reason, criteria=criteria, measures=measures(scene))
        return self._after_loss(state)

    def _in_a_row(self, state: CriterionState, consecutive: int) -> CriterionState:
        if state.verdict == "met":
            self.fails[state.code] = 0
        if state.verdict != "not_met":
            return state
        self.fails[state.code] += 1
        count = self.fails[state.code]
        if count >= consecutive:
            return state
        return replace(
            state, verdict="met", reason=sentences.not_yet_in_a_row(state.reason, count, consecutive)
        )

    def _after_loss(self, state: MilestoneState) -> MilestoneState:
        """A warranty that was lost at one milestone stays lost."""
        if self.contract.warranty_months is None or state.verdict not in ("met", "not_met"):
            return state
        if self.lost is None:
            self.lost = state.month if state.verdict == "not_met" else None
            return state
        return replace(state, verdict="not_met", reason=sentences.lost_before(self.lost))


def combined(rule: str, criteria: tuple[CriterionState, ...]) -> tuple[str, str]:
    """The verdict of all criteria that apply, and the reasons of those that decide it."""
    found = {c.verdict for c in criteria} - {NOT_APPLICABLE}
    order = (
        ("due", "not_met", "not_evaluable") if rule == "all" else ("met", "due", "not_evaluable", "not_met")
    )
    verdict = next((v for v in order if v in found), "met")
    reasons = [c.reason for c in criteria if c.verdict == verdict]
    return verdict, sentences.ALL_MET if verdict == "met" and rule == "all" else " ".join(reasons)


def payer_on(facts: PatientFacts, on: date) -> str:
    """Who covers a date; of two episodes the one that began later."""
    covering = [c for c in facts.coverages if c.from_on <= on and (c.to_on is None or on <= c.to_on)]
    return max(covering, key=_begun).payer if covering else ""


def _begun(episode: CoverageFact) -> tuple[object, ...]:
    return (episode.from_on, episode.recorded_at, episode.id)
