"""What a contract refunds, in percent of its price: at risk, triggered and expired.

By milestone: each refunds its own percent when it is not met, in order, as far as the cap leaves room; what is
pending or due is at risk. By warranty: the first milestone after the loss refunds the share of the months that
were left; the rest is at risk at the next milestone that is not decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import takewhile

from outcomes.rules.contract import Contract
from outcomes.rules.figures import rounded
from outcomes.rules.verdicts import UNDECIDED, MilestoneState
from workflow.rules.windows import add_months

NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Percent of the price for one patient; the three together are the most that the contract can refund."""

    at_risk: Decimal
    triggered: Decimal
    expired: Decimal


def priced(contract: Contract, states: Sequence[MilestoneState], day0: date) -> list[MilestoneState]:
    """The milestones, by month, with what each puts at risk or triggers."""
    if contract.warranty_months is not None:
        return _by_warranty(contract, contract.warranty_months, states, day0)
    own = {m.month: m.refund_percent for m in contract.milestones}
    triggered, left = _fill(states, own, contract.refund_cap_percent, ("not_met",))
    at_risk, _ = _fill(states, own, left, UNDECIDED)
    return _with(states, at_risk, triggered)


def _fill(
    states: Sequence[MilestoneState], own: dict[int, Decimal], room: Decimal, verdicts: tuple[str, ...]
) -> tuple[dict[int, Decimal], Decimal]:
    """Each milestone's share in order, as far as there is room, and the room that is left."""
    found = {}
    for state in states:
        if state.verdict in verdicts:
            found[state.month] = min(own[state.month], room)
            room -= found[state.month]
    return found, room


def _with(
    states: Sequence[MilestoneState], at_risk: dict[int, Decimal], triggered: dict[int, Decimal]
) -> list[MilestoneState]:
    return [
        replace(
            s,
            refund_pct_at_risk=at_risk.get(s.month, NONE),
            refund_pct_triggered=triggered.get(s.month, NONE),
        )
        for s in states
    ]


def _by_warranty(
    contract: Contract, months: int, states: Sequence[MilestoneState], day0: date
) -> list[MilestoneState]:
    lost = next((s for s in states if s.verdict == "not_met"), None)
    if lost is not None:
        percent = _share(contract, months, _lost_in_month(contract, lost, day0))
        return _with(states, {}, {lost.month: percent})
    waiting = next((s for s in states if s.verdict in UNDECIDED), None)
    if waiting is None:
        return _with(states, {}, {})
    kept = [s.month for s in takewhile(lambda s: s is not waiting, states) if s.verdict == "met"]
    return _with(states, {waiting.month: _share(contract, months, max(kept, default=0))}, {})


def _lost_in_month(contract: Contract, lost: MilestoneState, day0: date) -> int:
    """Whole months from Day 0 to the return to prophylaxis; 0 when the patient was never off it by then."""
    told = lost.measures
    if told is None or told.off_prophylaxis:
        return lost.month
    if told.back_on_prophylaxis_on is None or (told.never_off and lost.month == contract.never_off_month):
        return 0
    return whole_months(day0, told.back_on_prophylaxis_on)


def whole_months(day0: date, on: date) -> int:
    """Calendar months completed from Day 0 to a later date.

    >>> whole_months(date(2026, 1, 31), date(2026, 2, 27)), whole_months(date(2026, 1, 31), date(2026, 2, 28))
    (0, 1)
    """
    months = (on.year - day0.year) * 12 + on.month - day0.month
    return months if add_months(day0, months) <= on else months - 1


def _share(contract: Contract, months: int, month: int) -> Decimal:
    left = Decimal(max(months - max(month, 0), 0))
    return rounded(contract.refund_cap_percent * left / months, 2)


def most(contract: Contract) -> Decimal:
    """The most that the contract can refund."""
    if contract.warranty_months is not None:
        return contract.refund_cap_percent
    return min(contract.refund_cap_percent, sum((m.refund_percent for m in contract.milestones), NONE))


def exposure(contract: Contract, shares: Sequence[tuple[Decimal, Decimal]]) -> Exposure:
    """One patient's exposure under the contract; `shares`: percent at risk and triggered of each milestone."""
    at_risk = sum((at_risk for at_risk, _ in shares), NONE)
    triggered = sum((triggered for _, triggered in shares), NONE)
    return Exposure(at_risk, triggered, most(contract) - at_risk - triggered)
