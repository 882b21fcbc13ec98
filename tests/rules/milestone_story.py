"""Treated patients from rows of the scenario files of measures and contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from outcomes import data
from outcomes.rules import signing
from outcomes.rules.milestones import assess, to_sign
from outcomes.rules.verdicts import MilestoneState
from tests.rules.story import DAY0, act, bleed, day, event, history, infusion, moment, name, regimen, result
from workflow.rules.facts import BleedFact, FactorUseFact, History, RegimenFact, ResultFact, known

ANALYTES = {"os": "FIX_OS", "ch": "FIX_CH"}
WEEK = 7


def story(row: dict[str, Any], **more: Any) -> History:
    """The patient of a row: see the README of the measures."""
    return history(
        infusions=[infusion()],
        results=[*(fix(*r) for r in row.get("fix", [])), *(weight(*w) for w in row.get("weights", []))],
        factor_uses=[use for u in row.get("uses", []) for use in uses(*u)],
        regimens=[course(*r) for r in row.get("regimens", [])],
        bleeds=[b for on, how in row.get("bleeds", []) for b in several(on, dict(how))],
        events=[
            event(kind, first, None if last == "" else last) for kind, first, last in row.get("events", [])
        ],
        **more,
    )


def fix(
    on: int,
    assay: str,
    value: str,
    hour: int = 8,
    status: str = "final",
    recorded: int | None = None,
    **more: Any,
) -> ResultFact:
    key = f"{hour} {recorded}" if recorded and status == "final" else str(hour)
    return result(ANALYTES[assay], on, value, hour=hour, status=status, recorded=recorded, key=key, **more)


def weight(on: int, kg: str) -> ResultFact:
    return result("WEIGHT", on, kg)


def uses(on: int, product: str, iu: str, reason: str, weekly: int = 1) -> list[FactorUseFact]:
    return [
        FactorUseFact(
            id=name("use", at, product, reason), recorded_at=moment(at, 12), product=product, iu=Decimal(iu),
            given_on=day(at), reason=reason,
        )
        for at in range(on, on + WEEK * weekly, WEEK)
    ]  # fmt: skip


def course(first: int, last: int | str, product: str) -> RegimenFact:
    return regimen(first, None if isinstance(last, str) else last, product)


def several(on: float, how: dict[str, Any]) -> list[BleedFact]:
    """`n` bleeds, ten days apart; a day with decimals has an hour."""
    number, whole = how.pop("n", 1), int(on // 1)
    later = timedelta(days=on - whole)
    found = [bleed(whole + 10 * i, **how) for i in range(number)]
    return [
        replace(b, id=name("bleed", on, i, sorted(how.items())), onset_at=b.onset_at + later)
        for i, b in enumerate(found)
    ]


def milestones(told: History, contract: str, on: int | date) -> Sequence[MilestoneState]:
    facts = known(told, as_of=day(on))
    return assess(facts, data.contract(contract, "1"), day(on), data.measure_rules())


def milestone(told: History, contract: str, month: int, on: int | date | None = None) -> MilestoneState:
    """One milestone on a day, by default on the first day on which it is decided."""
    if on is None:
        closes = next(m.closes_on for m in milestones(told, contract, 3000) if m.month == month)
        on = closes + timedelta(days=1)
    return next(m for m in milestones(told, contract, on) if m.month == month)


def offset(text: str | None) -> int | str:
    return "" if text is None else (date.fromisoformat(text) - DAY0).days


def attested(told: History, contract: str, month: int, on: int) -> History:
    """The same patient after a clinician has attested a milestone on a day."""
    facts = known(told, as_of=day(on), as_known_at=moment(on, 13))
    state = to_sign(facts, data.contract(contract, "1"), month, day(on), data.measure_rules())
    assert state is not None
    signature = {"username": "dr", "signed_at": moment(on, 13).isoformat()}
    written = act(signing.KIND, signing.key_of(contract, month), signing.payload(state, **signature), on)
    return replace(told, acts=(*told.acts, written))
