"""From when to when a milestone observes: its windows for rates, which end on the target or earlier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from outcomes.rules.contract import Contract, Criterion
from outcomes.rules.periods import DAY, Period
from outcomes.rules.record import Record
from workflow.rules.windows import Window, add_months

ABR = ("abr", "abr_change")
PLAIN = "trailing_12m"


@dataclass(frozen=True, slots=True)
class Observed:
    """A window of observation. `provisional`: the contract's own window does not apply yet."""

    period: Period
    provisional: bool = False


def observed(record: Record, contract: Contract, month: int, end: date) -> Observed:
    """The window of the contract's bleeding rate; without such a criterion the last twelve months."""
    named = next((c for c in contract.criteria if c.metric in ABR), None)
    if named is None:
        return Observed(_period(PLAIN, record, contract, month, end))
    own = _period(named.window, record, contract, month, end)
    if month < named.from_month or own.first > end:
        return Observed(_stopped(record, Period(record.day0, end)), provisional=True)
    return Observed(own)


def window_of(record: Record, contract: Contract, criterion: Criterion, month: int, end: date) -> Observed:
    """The window of one criterion; one that names none takes that of the bleeding rate."""
    if not criterion.window or month < criterion.from_month:
        return observed(record, contract, month, end)
    return Observed(_period(criterion.window, record, contract, month, end))


def _period(window: str, record: Record, contract: Contract, month: int, end: date) -> Period:
    starts = {
        "from_month_7": lambda: record.day0 + timedelta(days=record.rules.ramp_up_days + 1),
        "trailing_12m": lambda: max(add_months(end, -12) + DAY, record.day0),
        "since_previous": lambda: _after_previous(record, contract, month),
    }
    return _stopped(record, Period(starts[window](), end))


def _after_previous(record: Record, contract: Contract, month: int) -> date:
    before = [m.month for m in contract.milestones if m.month < month]
    return add_months(record.day0, max(before)) + DAY if before else record.day0


def _stopped(record: Record, period: Period) -> Period:
    """Observation stops at death, transplant, withdrawal and loss to follow-up."""
    if record.ended_on is None or record.ended_on >= period.last:
        return period
    return Period(period.first, record.ended_on)


def end_of(record: Record, span: Window, today: date, attested_on: date | None) -> date:
    """The last day of observation: the target, before it today.

    What was attested before the target stays as attested until a bleed, a use of concentrate or prophylaxis
    that came later changes it.
    """
    end = min(span.target, today)
    if attested_on is None or attested_on >= end:
        return end
    return end if _happened(record, Period(attested_on + DAY, end)) else attested_on


def _happened(record: Record, period: Period) -> bool:
    facts = record.facts
    days: list[date | None] = [b.onset_on for b in facts.bleeds]
    days += [u.given_on for u in facts.factor_uses]
    days += [on for r in facts.regimens for on in (r.from_on, r.to_on)]
    return any(on is not None and period.holds(on) for on in days)
