"""The whole decision: order and repetition never matter, and nothing changes before it is said to change."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.story import (
    act,
    attest,
    bleed,
    day,
    decide,
    event,
    gates_met,
    history,
    infusion,
    panel,
    regimen,
    result,
)
from workflow.rules.effects import Decision
from workflow.rules.facts import History

KINDS = ("results", "bleeds", "factor_uses", "regimens", "attestations", "events", "acts", "infusions")


def rich() -> History:
    """A patient with everything that makes order matter: corrections, retractions, conflicts, answers."""
    met = gates_met()
    rows = [
        *met.pop("results"),
        *panel(7),
        *panel(14, "62"),
        result("ALT", 21, "95", uln="40"),
        result("ALT", 21, "29", uln="40", status="corrected", reported=23, recorded=24),
        result("ALT", 28, "70", uln="40", status="preliminary"),
        result("ALT", 28, "71", uln="40", reported=29),
        result("ALT", 35, "44", uln="40"),
        result("ALT", 35, "45", uln="40", reported=36),
        result("ALT", 42, "60", uln="40"),
        result("ALT", 42, "", status="entered_in_error", reported=43, recorded=43),
        result("ALT", 49, "20", uln="40"),
        result("ALT", 56, "90", uln="40"),
        result("ALT", 58, "25", uln="40"),
        result("ALT", 58, "", status="entered_in_error", reported=70, recorded=70),
        result("ALT", 63, "88", uln="40"),
        result("ALT", 63, "188", uln="40", status="corrected", reported=66, recorded=66),
        result("FIX_OS", 20, "30"),
        result("FIX_OS", 90, "12"),
    ]
    acts = [
        act("complete", "liver-panel:w09", {}, 64, reason="elsewhere"),
        act("steroid", "c", {"started_on": day(15).isoformat(), "template": "default"}, 15),
        act("plan", "", {"infusion_on": day(0).isoformat()}, -9),
        act("acknowledge", "seen", {"decision": "observe", "hits": [str(r.lineage) for r in rows[-9:]]}, 64),
    ]
    return history(
        results=rows, acts=acts, infusions=[infusion()], bleeds=[bleed(33), bleed(34)],
        events=[event("follow_up_gap", 50, 60)], **met,
    )  # fmt: skip


RICH = rich()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(-5, 130))
def test_order_and_repetition_of_facts_never_matter(seed: int, on: int) -> None:
    chance = random.Random(seed)
    shuffled = {}
    for kind in KINDS:
        rows = list(getattr(RICH, kind))
        rows += chance.choices(rows, k=chance.randrange(4)) if rows else []
        chance.shuffle(rows)
        shuffled[kind] = tuple(rows)
    assert decide(replace(RICH, **shuffled), on) == decide(RICH, on)


def stored(decision: Decision) -> Any:
    """What is stored of a decision: everything but the day itself and the states told by dates."""
    return (decision.phase, decision.gates, decision.blocked_by, decision.tasks, decision.alerts)


def check_next_change(told: History, first: int, days: int) -> None:
    decision = decide(told, first)
    for on in range(first + 1, first + days):
        later = decide(told, on)
        if stored(later) != stored(decision):
            change = decision.next_change_on
            assert change is not None
            assert change <= day(on), f"changed on day {on}, announced for {change}"
            decision = later
        elif decision.next_change_on is not None and decision.next_change_on <= day(on):
            decision = later


def test_nothing_changes_before_it_is_announced_without_a_plan() -> None:
    met = gates_met()
    met["attestations"] = [*met["attestations"], attest("shared-decision", -13)]
    check_next_change(history(**met), -5, 60)


def test_nothing_changes_before_it_is_announced_with_a_plan() -> None:
    plan = act("plan", "", {"infusion_on": day(10).isoformat()}, -9)
    check_next_change(history(**gates_met(), acts=[plan]), -5, 60)


def test_nothing_changes_before_it_is_announced_while_a_prophylaxis_ends() -> None:
    met = gates_met()
    met["regimens"] = [regimen(-900, 12)]
    check_next_change(history(**met), -5, 60)


def test_nothing_changes_before_it_is_announced_after_the_infusion() -> None:
    rows = [result("ALT", -8, "24", uln="40"), result("ALT", 95, "60", uln="40")]
    order = act("steroid", "c", {"started_on": day(96).isoformat(), "template": "default"}, 96)
    check_next_change(history(results=rows, infusions=[infusion()], acts=[order]), 96, 110)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_changes_before_it_is_announced_whatever_asks_for_extra_panels(seed: int) -> None:
    chance = random.Random(seed)
    rows = [result("ALT", -8, "24", uln="40")]
    rows += [
        result("ALT", d, chance.choice(["95", "60", "20"]), uln="40")
        for d in chance.sample(range(96, 190), 6)
    ]
    orders = []
    for number in range(chance.randrange(1, 3)):
        start = chance.randrange(96, 180)
        ordered = {"started_on": day(start).isoformat(), "template": "default"}
        if chance.random() < 0.5:
            ordered["ended_on"] = day(start + chance.randrange(5, 60)).isoformat()
        orders.append(act("steroid", f"c{number}", ordered, start))
    told = history(results=rows, infusions=[infusion()], acts=orders)
    check_next_change(told, 190, 100)
    for first in (100, 130, 160):
        known_then = [r for r in rows if r.collected_on <= day(first)]
        acts_then = [o for o in orders if o.true_on <= day(first)]
        check_next_change(history(results=known_then, infusions=[infusion()], acts=acts_then), first, 40)


def test_600_results_are_decided_in_milliseconds(capsys: Any) -> None:
    rows = [
        result(analyte, 7 * week if week <= 12 else 84 + (week - 12) * 46, value, uln="40", recorded=week)
        for week in range(1, 51)
        for analyte, value in [("ALT", "30"), ("AST", "22"), ("ALP", "80"), ("TBIL", "0.7"), ("FIX_OS", "35"),
                               ("FIX_CH", "15"), ("HGB", "14"), ("WBC", "6"), ("PLT", "220"), ("INR", "1"),
                               ("AFP", "3"), ("WEIGHT", "72")]
    ]  # fmt: skip
    told = history(results=[*rows, *gates_met()["results"]], infusions=[infusion()])
    assert len(told.results) > 600
    from tests.rules.story import known, obligations_from, protocol
    from workflow.rules.evaluate import evaluate

    facts, rules, today = known(told, as_of=day(1900)), protocol(), day(1900)
    spent = []
    for _ in range(20):
        fresh = replace(facts)
        begin = time.process_time()
        evaluate(fresh, rules, obligations_from(fresh), today)
        spent.append((time.process_time() - begin) * 1000)
    with capsys.disabled():
        print(f"\ndeciding 600 results: median {statistics.median(spent):.2f} ms")
    assert statistics.median(spent) < 20


def test_a_date_far_ahead_is_decided_too() -> None:
    assert decide(RICH, 15 * 366).phase == "closed"
    assert decide(RICH, 15 * 366).today == day(0) + timedelta(days=15 * 366)
