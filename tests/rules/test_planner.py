"""The planner and the dose: ranges as a loop over every date would find them, samples still needed, vials."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.story import act, attest, day, decide, gates_met, history, infusion, protocol, result
from workflow.rules import ndc
from workflow.rules.facts import PatientFacts, known
from workflow.rules.gates import judge
from workflow.rules.planner import Feasible, feasible


def facts_of(results: list[Any], **more: Any) -> PatientFacts:
    met = gates_met()
    return known(
        history(
            results=[*met["results"], *results],
            attestations=met["attestations"],
            regimens=met["regimens"],
            **more,
        ),
        as_of=day(0),
    )


def brute(facts: PatientFacts, policy: str, today: date, horizon: int) -> list[tuple[date, date]]:
    runs: list[tuple[date, date]] = []
    gates = [g for g in protocol(policy).gates if g.blocking]
    for n in range(horizon + 1):
        on = today + timedelta(days=n)
        if any(judge(g, facts, on, today).blocks for g in gates):
            continue
        if runs and runs[-1][1] == on - timedelta(days=1):
            runs[-1] = (runs[-1][0], on)
        else:
            runs.append((on, on))
    return runs


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ALT", "AAV5_NAB", "FIX_INH", "WEIGHT", "HBSAG"]),
            st.integers(-40, 0),
            st.booleans(),
        ),
        max_size=5,
    ),
    st.sampled_from(["label-us", "us-standard"]),
)
def test_ranges_equal_a_loop_over_every_date(rows: list[tuple[str, int, bool]], policy: str) -> None:
    values = {"ALT": ("30", "60"), "AAV5_NAB": ("1:21", "1:700"), "FIX_INH": ("0.1", "0.9"), "WEIGHT": ("72", "80"),
              "HBSAG": ("negative", "positive")}  # fmt: skip
    more = [
        result(a, on, values[a][odd], uln="40", assay="clinical-study", key=str(i))
        for i, (a, on, odd) in enumerate(rows)
    ]
    facts = facts_of(more)
    assert list(feasible(protocol(policy), facts, day(0)).ranges) == brute(facts, policy, day(0), 730)


def test_with_something_missing_there_is_no_date() -> None:
    found = feasible(protocol(), known(history(), as_of=day(0)), day(0))
    assert (found.earliest, found.latest, found.ranges) == (None, None, ())


def test_the_samples_still_needed_for_a_booked_date() -> None:
    facts = facts_of([], acts=[act("plan", "", {"infusion_on": day(20).isoformat()}, -1)])
    draws = {d.gate: d for d in feasible(protocol("us-standard"), facts, day(0)).draws}
    nab = draws["aav5-nab"]
    assert (nab.analytes, nab.from_on, nab.to_on, nab.last_safe) == (("AAV5_NAB",), day(0), day(6), day(10))
    liver = draws["liver-enzymes"]
    assert (liver.from_on, liver.to_on, liver.last_safe) == (day(6), day(20), day(19))
    assert "liver-imaging" not in draws


def test_when_it_is_too_late_for_the_laboratory_there_is_no_last_safe_day() -> None:
    facts = facts_of([], acts=[act("plan", "", {"infusion_on": day(9).isoformat()}, -1)])
    assert {d.gate: d.last_safe for d in feasible(protocol(), facts, day(0)).draws}["aav5-nab"] is None


SECOND_TESTS = [
    ("fix-inhibitor", [("FIX_INH", -20, "1.2")], ("FIX_INH",), -5, 0),
    ("fix-inhibitor", [("FIX_INH", -17, "1.2")], ("FIX_INH",), -3, 0),
    ("hepatitis-b", [("HBCAB", -10, "positive")], ("HBV_DNA",), -5, 0),
    ("hepatitis-b", [("HBCAB", -10, "positive"), ("HBV_DNA", -29, "not detected")], ("HBV_DNA",), -5, 0),
    ("hepatitis-b", [("HBCAB", -10, "positive"), ("HBSAB", -29, "positive")], ("HBSAB",), -5, 0),
    ("hepatitis-c", [("HCV_AB", -10, "positive")], ("HCV_RNA",), -5, 0),
    ("hepatitis-c", [("HCV_AB", -10, "positive"), ("HCV_RNA", -29, "not detected")], ("HCV_RNA",), -5, 0),
    ("hiv", [("HIV_AGAB", -10, "positive")], ("HIV_RNA",), -5, 0),
]


@pytest.mark.parametrize(("gate", "results", "analytes", "first", "last"), SECOND_TESTS)
def test_a_second_test_that_is_due_is_a_draw(
    gate: str, results: list[tuple[str, int, str]], analytes: tuple[str, ...], first: int, last: int
) -> None:
    met = gates_met()
    rows = [result(*row, key="new") for row in results]
    kept = [r for r in met["results"] if r.analyte not in {r.analyte for r in rows}]
    plan = act("plan", "", {"infusion_on": day(0).isoformat()}, -6)
    facts = known(history(**(met | {"results": [*kept, *rows], "acts": [plan]})), as_of=day(-5))
    draws = {d.gate: d for d in feasible(protocol(), facts, day(-5)).draws}
    assert set(draws) == {gate}
    assert (draws[gate].analytes, draws[gate].from_on, draws[gate].to_on) == (analytes, day(first), day(last))


def test_a_repeat_that_is_due_after_the_planned_day_has_no_last_safe_day() -> None:
    facts = facts_of([result("FIX_INH", -2, "1.2", key="new")])
    draw = {d.gate: d for d in feasible(protocol(), facts, day(0)).draws}["fix-inhibitor"]
    assert (draw.from_on, draw.last_safe) == (day(12), None)


def test_a_screen_that_expires_is_drawn_together_with_the_test_that_is_due() -> None:
    facts = facts_of(
        [result("FIX_INH", -14, "1.2", key="new")],
        acts=[act("plan", "", {"infusion_on": day(20).isoformat()}, -1)],
    )
    draw = {d.gate: d for d in feasible(protocol(), facts, day(0)).draws}["fix-inhibitor"]
    assert (draw.analytes, draw.from_on, draw.to_on) == (("FIX_INH",), day(0), day(20))


def test_a_titer_on_an_unknown_assay_is_drawn_again() -> None:
    facts = facts_of(
        [result("AAV5_NAB", -1, "1:21", assay="house", key="new")],
        acts=[act("plan", "", {"infusion_on": day(20).isoformat()}, -1)],
    )
    draw = {d.gate: d for d in feasible(protocol("us-standard"), facts, day(0)).draws}["aav5-nab"]
    assert (draw.analytes, draw.from_on, draw.to_on) == (("AAV5_NAB",), day(0), day(6))
    assert "aav5-nab" not in {d.gate for d in feasible(protocol(), facts, day(0)).draws}


@pytest.mark.parametrize("on", [0, 1, 300])
def test_after_the_infusion_there_is_no_date_and_no_draw(on: int) -> None:
    facts = known(history(**gates_met(), infusions=[infusion()]), as_of=day(on))
    assert feasible(protocol(), facts, day(on)) == Feasible(None, None, (), ())


DOSES = [
    ("72", "144", 15, "00053-0150-15", None),
    ("70", "140", 14, "00053-0140-14", None),
    ("50.1", "100.2", 11, "00053-0110-11", None),
    ("46", "92", 10, "00053-0100-10", None),
    ("45", "90", 9, None, "no-kit-listed"),
    ("240", "480", 48, "00053-0480-48", None),
    ("240.5", "481", 49, None, "no-kit-listed"),
]


@pytest.mark.parametrize(("weight", "volume", "vials", "code", "flag"), DOSES)
def test_dose(weight: str, volume: str, vials: int, code: str | None, flag: str | None) -> None:
    dose = decide(history(results=[result("WEIGHT", -3, weight)]), 0).dose
    assert (str(dose.volume_ml), dose.vials, dose.ndc, dose.flag) == (volume, vials, code, flag)
    assert dose.kit_vials == (None if flag else vials)


def test_the_dose_in_vector_genomes_and_how_sure_the_code_is() -> None:
    dose = decide(history(results=[result("WEIGHT", -3, "72")]), 0).dose
    assert (format(dose.total_vg, "f"), dose.ndc_certainty) == ("1440000000000000", "assumption")
    assert decide(history(results=[result("WEIGHT", -3, "150")]), 0).dose.ndc_certainty == "code-set"


def test_without_a_weight_there_is_no_dose() -> None:
    assert decide(history(attestations=[attest("lft-plan")]), 0).dose is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("0053-0300-30", "00053-0300-30"),
        ("00053-0300-30", "00053-0300-30"),
        ("00053030030", "00053-0300-30"),
        ("0053030030", "00053-0300-30"),
        ("53-300-30", None),
        ("63833-876-01", "63833-0876-01"),
        ("6383387601", "63833-0876-01"),
        ("9999999999", None),
        ("kit", None),
    ],
)
def test_ndc_forms(text: str, normal: str | None) -> None:
    assert ndc.normalised(text, protocol().dosing.ndcs) == normal
