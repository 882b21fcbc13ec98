"""Patients through all milestones of both sample contracts, and properties that hold for any facts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcomes import data
from outcomes.rules import refunds, signing
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.milestones import assess
from outcomes.rules.verdicts import DECIDED, MilestoneState
from tests.rules.milestone_story import attested, fix, milestones, story
from tests.rules.story import day, moment, name
from workflow.rules.facts import CoverageFact, History, ResultFact, known

FOLDER = Path(__file__).parent.parent / "scenarios" / "contracts"


def patients() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.toml")):
        for row in tomllib.loads(path.read_text())["patients"]:
            yield pytest.param(path.stem, row, id=f"{path.stem}: {row['name']}")


def told(contract: str, row: dict[str, Any]) -> History:
    """Attestations are made in their order, from what was recorded by then."""
    found = story(row, coverages=[covered(*c) for c in row.get("coverage", [])])
    found = replace(found, results=(*found.results, *(corrected(*c) for c in row.get("corrections", []))))
    for month, on in row.get("attest", []):
        found = attested(found, contract, month, on)
    return found


def corrected(on: int, assay: str, value: str, recorded: int) -> ResultFact:
    return fix(on, assay, value, status="corrected", recorded=recorded, reported=recorded)


def covered(payer: str, first: int, last: int | str) -> CoverageFact:
    return CoverageFact(
        id=name("coverage", payer, first), recorded_at=moment(-1000), payer=payer, contract="",
        from_on=day(first), to_on=None if isinstance(last, str) else day(last),
    )  # fmt: skip


def shown(state: MilestoneState, like: list[Any]) -> list[Any]:
    row = milestone_json(state)
    names = ("verdict", "refund_pct_at_risk", "refund_pct_triggered", "assessment_version", "attested")
    return [row[n] for n in names[: len(like)]]


def shares(states: Sequence[MilestoneState]) -> list[tuple[Decimal, Decimal]]:
    return [(s.refund_pct_at_risk, s.refund_pct_triggered) for s in states]


@pytest.mark.parametrize(("contract", "row"), list(patients()))
def test_patient(contract: str, row: dict[str, Any]) -> None:
    history = told(contract, row)
    for expected in row["expected"]:
        # what is not recorded yet by the evening of that day is not known
        states = as_known(history, contract, expected["on"])
        by_month = {str(s.month): s for s in states}
        rows = expected.get("rows", {})
        assert {m: shown(by_month[m], like) for m, like in rows.items()} == rows, expected["on"]
        assert {m: by_month[m].payer for m in expected.get("payers", {})} == expected.get("payers", {})
        if "exposure" in expected:
            total = refunds.exposure(data.contract(contract, "1"), shares(states))
            assert [str(Decimal(n)) for n in expected["exposure"]] == [
                format(n.normalize() if n else Decimal(0), "f")
                for n in (total.at_risk, total.triggered, total.expired)
            ]


def as_known(
    history: History, contract: str, on: int, at: datetime | None = None
) -> tuple[MilestoneState, ...]:
    facts = known(history, as_of=day(on), as_known_at=at or moment(on, 23))
    return assess(facts, data.contract(contract, "1"), day(on), data.measure_rules())


def test_the_scenarios_reach_every_verdict_of_both_contracts() -> None:
    for path in FOLDER.glob("*.toml"):
        rows = tomllib.loads(path.read_text())["patients"]
        reached = {r[0] for p in rows for e in p["expected"] for r in e.get("rows", {}).values()}
        assert reached == {"pending", "due", "met", "not_met", "not_evaluable"}, path.stem


def test_what_was_known_when_it_was_signed_is_what_was_signed() -> None:
    row = next(r for _, r in (p.values for p in patients()) if "corrections" in r)
    history = told("sample-level", row)
    act = next(a for a in history.acts if a.kind == signing.KIND)
    (then,) = [s for s in as_known(history, "sample-level", 400, act.recorded_at) if s.month == 12]
    assert milestone_json(then) == act.payload["statement"]["milestone"]


def test_a_signature_shows_when_it_was_tampered_with() -> None:
    history = attested(story({"fix": [[92, "os", "9"]]}), "sample-level", 3, 110)
    payload = dict(history.acts[-1].payload)
    assert signing.sound(payload)
    payload["statement"] = {**payload["statement"], "username": "somebody else"}
    assert not signing.sound(payload)


DAYS = st.integers(-400, 1900)
FACTS = st.fixed_dictionaries(
    {
        "fix": st.lists(st.tuples(DAYS, st.sampled_from(["os", "ch"]), st.sampled_from(["3", "5", "9", "<1", ">5"])), max_size=8),
        "uses": st.lists(
            st.tuples(DAYS, st.sampled_from(["IDELVION", "BENEFIX"]), st.just("3000"), st.sampled_from(["bleed", "prophylaxis"])),
            max_size=4,
        ),
        "weights": st.lists(st.tuples(DAYS, st.sampled_from(["60", "80"])), max_size=3),
        "regimens": st.lists(st.tuples(DAYS, st.just(""), st.just("IDELVION")), max_size=1),
        "bleeds": st.lists(st.tuples(DAYS, st.just({})), max_size=6),
        "events": st.lists(
            st.tuples(st.sampled_from(["lead_in", "follow_up_gap", "death", "withdrawn"]), DAYS, st.just("")), max_size=3
        ),
    }
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(FACTS, st.randoms(use_true_random=False), st.sampled_from(["sample-level", "sample-warranty"]))
def test_order_and_repetition_never_matter(row: dict[str, Any], order: Random, contract: str) -> None:
    history = story(row)
    kinds = ("results", "factor_uses", "regimens", "bleeds", "events")
    again = {}
    for kind in kinds:
        facts = [*getattr(history, kind), *getattr(history, kind)[:2]]
        order.shuffle(facts)
        again[kind] = tuple(facts)
    assert milestones(replace(history, **again), contract, 1900) == milestones(history, contract, 1900)


@settings(max_examples=60, deadline=None)
@given(FACTS, st.integers(0, 1900), st.sampled_from(["sample-level", "sample-warranty"]))
def test_what_is_decided_stays_when_time_passes(row: dict[str, Any], on: int, contract: str) -> None:
    """Without corrections a closed milestone says the same on every later day: later facts cannot move it."""
    row = {**row, "weights": []}
    history = story(row)
    now = {s.month: s for s in milestones(history, contract, on) if on > (s.closes_on - day(0)).days}
    later = {s.month: s for s in milestones(history, contract, 1950)}
    for month, state in now.items():
        assert signing.agrees(milestone_json(state), milestone_json(later[month])), month


@settings(max_examples=60, deadline=None)
@given(FACTS, st.integers(0, 1950), st.sampled_from(["sample-level", "sample-warranty"]))
def test_refunds_never_exceed_the_contract(row: dict[str, Any], on: int, contract: str) -> None:
    terms = data.contract(contract, "1")
    states = milestones(story(row), contract, on)
    total = refunds.exposure(terms, shares(states))
    assert min(total.at_risk, total.triggered, total.expired) >= 0
    assert total.at_risk + total.triggered <= terms.refund_cap_percent
    for state in states:
        assert state.refund_pct_at_risk == 0 or state.verdict not in DECIDED
        assert state.refund_pct_triggered == 0 or state.verdict == "not_met"
        for criterion in state.criteria:
            assert criterion.reason or criterion.verdict == "pending"
            assert criterion.reason.endswith(".") or not criterion.reason
