"""Terms that a contract may have and the samples leave out, and the exact Poisson limit."""

from __future__ import annotations

import copy
import math
import tomllib
from decimal import Decimal
from typing import Any

import pytest

from outcomes import data
from outcomes.rules.contract import parse_contract
from outcomes.rules.milestones import assess
from outcomes.rules.poisson import upper_limit
from outcomes.rules.verdicts import MilestoneState
from tests.rules.milestone_story import story
from tests.rules.story import day
from workflow.rules.facts import known

LEVEL = tomllib.loads((data.FOLDER / "sample-level_v1.toml").read_text(), parse_float=Decimal)
SAID = {"source": "a test", "certainty": "assumption"}


def assessed(
    row: dict[str, Any], on: int, criteria: dict[str, Any], **terms: Any
) -> dict[int, MilestoneState]:
    raw = {**copy.deepcopy(LEVEL), **terms}
    raw["criteria"] = {code: {"from_month": 0, **SAID, **c} for code, c in criteria.items()}
    contract, faults = parse_contract(raw)
    assert contract is not None, faults
    facts = known(story(row), as_of=day(on))
    return {s.month: s for s in assess(facts, contract, day(on), data.measure_rules())}


FIX = {"metric": "fix_activity", "assay": "one_stage", "comparator": ">", "threshold": 5}
FREE = {"metric": "off_prophylaxis"}


def test_any_criterion_may_be_enough() -> None:
    low = {"fix": [[92, "os", "3"]]}
    both = {"fix-level": FIX, "free": FREE}
    assert assessed(low, 107, both)[3].verdict == "not_met"
    assert assessed(low, 107, both, combine="any")[3].verdict == "met"
    assert assessed({}, 107, {"fix-level": FIX}, combine="any")[3].verdict == "not_evaluable"


def test_missing_data_may_count_as_not_met() -> None:
    state = assessed({}, 107, {"fix-level": FIX}, missing_data="not_met")[3]
    assert (state.verdict, "counts missing data as not met" in state.reason) == ("not_met", True)
    dead = assessed({"events": [["death", 50, ""]]}, 107, {"fix-level": FIX}, missing_data="not_met")[3]
    assert dead.verdict == "not_evaluable"


def test_a_criterion_may_have_to_fail_twice_in_a_row() -> None:
    row = {"fix": [[92, "os", "3"], [184, "os", "9"], [365, "os", "3"], [1096, "os", "3"]]}
    found = assessed(row, 1150, {"fix-level": {**FIX, "consecutive": 2}})
    assert {m: found[m].verdict for m in (3, 6, 12, 24, 36)} == {
        3: "met", 6: "met", 12: "met", 24: "not_evaluable", 36: "not_met",
    }  # fmt: skip
    assert "1 of 2 in a row" in found[12].criteria[0].reason


@pytest.mark.parametrize(
    ("again", "on", "verdict"),
    [
        ([], 106, "due"), ([], 107, "due"), ([], 136, "due"), ([], 137, "not_met"),
        ([[107, "os", "6"]], 107, "met"), ([[136, "os", "6"]], 137, "met"), ([[137, "os", "6"]], 137, "not_met"),
        ([[110, "os", "4"]], 136, "due"),
    ],
)  # fmt: skip
def test_a_failed_activity_may_be_cured(again: list[Any], on: int, verdict: str) -> None:
    row = {"fix": [[92, "os", "3"], *again]}
    assert assessed(row, on, {"fix-level": {**FIX, "cure_days": 30}})[3].verdict == verdict


RATE = {"metric": "abr", "comparator": "<", "window": "since_previous"}


@pytest.mark.parametrize(
    ("month", "counts", "threshold", "verdict"),
    [
        # day 93..184 = 92 days: one treated and one untreated bleed are 7.94 a year, one is 3.97
        (6, "all", "7.94", "not_met"), (6, "all", "7.95", "met"),
        (6, "treated", "3.97", "not_met"), (6, "treated", "3.98", "met"),
        # the first milestone counts from Day 0: day 0..92 = 93 days, no bleed
        (3, "all", "0.01", "met"),
    ],
)  # fmt: skip
def test_rates_since_the_milestone_before(month: int, counts: str, threshold: str, verdict: str) -> None:
    row = {"bleeds": [[93, {"treated": False}], [184, {}]]}
    rate = {**RATE, "counts": counts, "threshold": Decimal(threshold)}
    assert assessed(row, 206, {"rate": rate})[month].verdict == verdict


@pytest.mark.parametrize(
    ("counts", "threshold", "verdict"),
    [
        # twelve months to day 365: 3600 IU at 72 kg = 50 IU/kg each; 50 x 365.25 / 365 = 50.0342
        ("all", "100.07", "met"), ("all", "100.06", "not_met"),
        ("without_surgery", "50.04", "met"), ("without_surgery", "50.03", "not_met"),
        ("surgery", "50.04", "met"), ("prophylaxis", "0", "met"),
    ],
)  # fmt: skip
def test_factor_use_by_reason(counts: str, threshold: str, verdict: str) -> None:
    row = {"uses": [[100, "BENEFIX", "3600", "bleed"], [200, "BENEFIX", "3600", "surgery"]]}
    use = {"metric": "factor_use", "comparator": "<=", "counts": counts, "window": "trailing_12m"}
    assert assessed(row, 396, {"use": {**use, "threshold": Decimal(threshold)}})[12].verdict == verdict


def test_every_fault_of_new_terms_is_told() -> None:
    raw = copy.deepcopy(LEVEL)
    raw["combine"], raw["missing_data"] = "some", "perhaps"
    raw["never_off_month"] = {"value": 6, **SAID}
    raw["criteria"]["abr-drop"] |= {"counts": "knees", "cure_days": 10, "consecutive": 0}
    del raw["criteria"]["abr-drop"]["window"]
    del raw["criteria"]["fix-level"]["threshold"]
    raw["milestones"][2]["refund_percent"] = 101
    found, faults = parse_contract(raw)
    assert found is None
    assert {f.key for f in faults} >= {
        "combine", "missing_data", "never_off_month", "criteria.abr-drop.counts", "criteria.abr-drop.cure_days",
        "criteria.abr-drop.consecutive", "criteria.abr-drop.window", "criteria.fix-level.threshold", "milestones",
    }  # fmt: skip


def test_a_warranty_fits_together() -> None:
    raw = tomllib.loads((data.FOLDER / "sample-warranty_v1.toml").read_text(), parse_float=Decimal)
    raw["milestones"][0]["refund_percent"] = 10
    raw["never_off_month"]["value"] = 7
    raw["criteria"]["off-prophylaxis"] |= {"metric": "fix_activity", "assay": "one_stage", "comparator": ">",
                                          "threshold": 5}  # fmt: skip
    _, faults = parse_contract(raw)
    assert {f.key for f in faults} == {"milestones", "criteria", "never_off_month"}


@pytest.mark.parametrize(
    ("count", "limit"), [(0, "3.68888"), (1, "5.57164"), (2, "7.22469"), (5, "11.66833"), (10, "18.39036")]
)
def test_the_exact_poisson_limit_as_tabulated(count: int, limit: str) -> None:
    assert abs(upper_limit(count, Decimal(95)) - Decimal(limit)) < Decimal("0.00001")


@pytest.mark.parametrize("count", [0, 1, 7, 50, 170])
def test_the_limit_leaves_half_the_rest_below(count: int) -> None:
    mean = float(upper_limit(count, Decimal(95)))
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1))
    assert math.fsum(math.exp(one) for one in logs) == pytest.approx(0.025, rel=1e-9)


def test_the_numbers_of_the_measures_name_their_faults() -> None:
    from outcomes.rules.measure_rules import parse_measures

    raw = tomllib.loads((data.CATALOG / "measures_v1.toml").read_text(), parse_float=Decimal)
    raw["bleeding"]["confidence_percent"]["value"] = 100
    del raw["prophylaxis"]["course_days"]
    raw["bleeding"]["colour"] = "red"
    found, faults = parse_measures(raw, lambda product: 0)
    assert found is None
    assert {f.key for f in faults} == {
        "bleeding.confidence_percent",
        "prophylaxis.course_days",
        "bleeding.colour",
    }
