"""Safety triggers over the whole follow-up: what one result does under a rule, and against which baseline.

ALT trigger (strict): above twice the baseline, or above the upper limit of normal (ULN) of that very
result. Baseline is the last final value in the days before the infusion, else the last before it (flagged).
If the baseline was itself above ULN, the ULN arm also needs a value above baseline. Each arm that cannot be
evaluated says so and the other still runs. A result of Day 0 without a time of day is neither baseline nor
follow-up: nobody can tell. What belongs to one episode is in `workflow.rules.episodes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from patients.rules.bounds import at_least, at_most, exceeds
from workflow.rules.facts import PatientFacts, ResultFact
from workflow.rules.protocol import Arm, Trigger

NO_BASELINE, NO_ULN = "no baseline", "no ULN"
BOUND, BASELINE_BOUND = "the value is a bound", "the baseline is a bound"
OLD_BASELINE = "older than the baseline window"
BORROWED_ULN = "the baseline had no ULN, judged with the result's"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The value before treatment; `flag` says when it is older than it should be, a bound or missing."""

    row: ResultFact | None
    flag: str = ""

    @property
    def value(self) -> Decimal | None:
        return self.row.value if self.row else None

    @property
    def comparator(self) -> str:
        return self.row.comparator if self.row else ""


@dataclass(frozen=True, slots=True)
class FormerBaseline:
    """A baseline that counted `until` its correction or retraction was reported, which was recorded at `learned_at`."""

    base: Baseline
    until: datetime
    learned_at: datetime


@dataclass(frozen=True, slots=True)
class Fired:
    """What a result does under a trigger: arms that fire, arms that cannot be evaluated and why.

    `superseded`: it fired once and no longer does; `retracted`: because nothing is left of it. `against` is
    the baseline it fired against, where that one counts no longer.
    """

    row: ResultFact
    arms: tuple[str, ...]
    unknown: tuple[str, ...]
    superseded: bool = False
    retracted: bool = False
    against: FormerBaseline | None = None


def baseline(trigger: Trigger, facts: PatientFacts) -> Baseline:
    """The last final value before the infusion, flagged when it is a bound or older than `baseline_days`."""
    return _baseline(trigger, facts, facts.of(trigger.analyte))


def _baseline(trigger: Trigger, facts: PatientFacts, rows: Iterable[ResultFact]) -> Baseline:
    assert facts.infusion is not None
    before = [r for r in rows if r.final and r.value is not None and _before(r, facts)]
    if not before:
        return Baseline(None, NO_BASELINE)
    last = before[-1]
    oldest = facts.infusion.day0 - timedelta(days=trigger.baseline_days)
    flags = [OLD_BASELINE] if last.collected_on < oldest else []
    if last.comparator:
        flags.append(f"reported as {last.comparator}{last.value}")
    return Baseline(last, "; ".join(flags))


def former_baselines(trigger: Trigger, facts: PatientFacts, base: Baseline) -> Iterator[FormerBaseline]:
    """Other baselines than the present one that counted before a value was corrected or retracted."""
    former = [r for r in facts.former if r.analyte == trigger.analyte and _before(r, facts)]
    for row in former:
        standing = [r for r in facts.of(trigger.analyte) if r.lineage != row.lineage]
        after = [
            r for r in (*former, *facts.of(trigger.analyte)) if r.lineage == row.lineage and _later(r, row)
        ]
        found = _baseline(trigger, facts, sorted([*standing, row], key=lambda r: (r.collected_at, r.id)))
        if after and found.row is row and _says(row) != _says(base.row):
            next_one = min(after, key=_counted_from)
            yield FormerBaseline(found, _counted_from(next_one), next_one.recorded_at)


def _later(row: ResultFact, than: ResultFact) -> bool:
    return row.id != than.id and _counted_from(row) > _counted_from(than)


def _counted_from(row: ResultFact) -> datetime:
    return row.reported_at or row.recorded_at


def _says(row: ResultFact | None) -> tuple[object, ...] | None:
    return None if row is None else (row.value, row.comparator, row.reference_high)


def fired(trigger: Trigger, row: ResultFact, base: Baseline) -> Fired:
    """Which arms fire on one result: only those that fire for every value the reports allow."""
    arms, unknown = [], []
    for arm in trigger.arms:
        answer = _fires(arm, row, base)
        if answer is True:
            arms.append(arm.code)
        elif isinstance(answer, str):
            unknown.append(f"{arm.code}: {answer}")
    return Fired(row, tuple(arms), tuple(unknown))


def follow_up_rows(analyte: str, facts: PatientFacts) -> list[ResultFact]:
    """Results after the start of the infusion, oldest first."""
    return [r for r in facts.of(analyte) if follow_up(r, facts)]


def untimed_rows(analyte: str, facts: PatientFacts) -> list[ResultFact]:
    """Results of Day 0 of which nobody knows whether they were drawn before the infusion."""
    return [r for r in facts.of(analyte) if untimed(r, facts)]


def follow_up(row: ResultFact, facts: PatientFacts) -> bool:
    """Was it collected after the infusion began?"""
    assert facts.infusion is not None
    if row.collected_on == facts.infusion.day0:
        return row.precision != "day" and row.collected_at >= facts.infusion.started_at
    return row.collected_on > facts.infusion.day0


def untimed(row: ResultFact, facts: PatientFacts) -> bool:
    """Was it collected on Day 0, at an unknown time?"""
    assert facts.infusion is not None
    return row.precision == "day" and row.collected_on == facts.infusion.day0


def _before(row: ResultFact, facts: PatientFacts) -> bool:
    return not follow_up(row, facts) and not untimed(row, facts)


def back(row: ResultFact, base: Baseline) -> bool:
    """A final value at most the baseline or at most its own ULN."""
    if not row.final or row.value is None:
        return False
    limits = [limit for limit in (base.value, row.reference_high) if limit is not None]
    return any(at_most(row.comparator, row.value, limit) is True for limit in limits)


def borrows_uln(trigger: Trigger, row: ResultFact, base: Baseline) -> bool:
    """Was the baseline judged with this result's ULN because it had none itself?"""
    against_uln = any(arm.against == "uln" for arm in trigger.arms)
    known = base.row is not None and base.row.reference_high is None
    return against_uln and known and row.reference_high is not None


def _fires(arm: Arm, row: ResultFact, base: Baseline) -> bool | str:
    """True, False, or why it cannot be told."""
    if row.value is None:
        return "no number"
    if arm.against == "baseline":
        return NO_BASELINE if base.value is None else _over_baseline(row, base, arm.ratio, arm.strict)
    if row.reference_high is None:
        return NO_ULN
    answer = _over(row, row.reference_high * arm.ratio, arm.strict)
    if answer is None:
        return BOUND
    return _over_high_baseline(row, base) if answer else False


def _over_high_baseline(row: ResultFact, base: Baseline) -> bool | str:
    """Above ULN already: if the baseline was above its ULN too, the value must also exceed the baseline."""
    high = _baseline_above(base, row)
    if high is False:
        return True
    answer = _over_baseline(row, base, Decimal(1), strict=True)
    if high is None and answer is not True:
        return BASELINE_BOUND
    return answer


def _over_baseline(row: ResultFact, base: Baseline, ratio: Decimal, strict: bool) -> bool | str:
    """Is the value above `ratio` times a baseline that may itself be a bound ("<10": anything below 10)?"""
    assert base.value is not None
    limit = base.value * ratio
    if base.comparator == "":
        answer = _over(row, limit, strict)
        return BOUND if answer is None else answer
    if base.comparator in ("<", "<="):
        certain = _over(row, limit, strict and base.comparator == "<=")
        return True if certain is True else BASELINE_BOUND
    possible = _over(row, limit, strict or base.comparator == ">")
    return False if possible is False else BASELINE_BOUND


def _over(row: ResultFact, limit: Decimal, strict: bool) -> bool | None:
    assert row.value is not None
    return (exceeds if strict else at_least)(row.comparator, row.value, limit)


def _baseline_above(base: Baseline, row: ResultFact) -> bool | None:
    """Was the baseline itself above its ULN? Without one, the new result's ULN judges. None: a bound hides it."""
    if base.row is None or base.value is None:
        return False
    own = base.row.reference_high if base.row.reference_high is not None else row.reference_high
    assert own is not None
    return exceeds(base.comparator, base.value, own)
