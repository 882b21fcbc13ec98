"""Groups: nothing is told about fewer than 11 subjects, not even by subtraction or by two exports."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.rules.aggregate import LEAST, Groups, visible
from outcomes.rules.dataset_tables import MILESTONES

EMPTY = dict.fromkeys(MILESTONES.names, "")


def told(*groups: tuple[int, dict[str, str]], month: int = 12) -> dict[str, tuple[str, str]]:
    """Measure → (n, value) of so many subjects each."""
    made = Groups("c")
    for count, cells in groups:
        for _ in range(count):
            made.add({**EMPTY, "month": str(month), **cells})
    return {r[2]: (r[3], r[4]) for r in csv.reader(made.lines())}


MET, NOT, LOST = {"verdict": "met"}, {"verdict": "not_met"}, {"verdict": "not_evaluable"}
CASES: list[Any] = [
    ("ten are too few", [(10, MET)], {"subjects": "", "verdict_met": ""}),
    ("eleven are enough", [(11, MET)], {"subjects": "11", "verdict_met": "11"}),
    ("counts are rounded down", [(43, MET)], {"subjects": "33", "verdict_met": "33"}),
    ("one small group hides the other", [(40, MET), (3, NOT)], {"verdict_met": "", "verdict_not_met": ""}),
    ("or the smallest of the others", [(40, MET), (20, LOST), (3, NOT)],
     {"verdict_met": "33", "verdict_not_evaluable": "", "verdict_not_met": ""}),
    ("two small groups hide each other", [(40, MET), (3, NOT), (2, LOST)],
     {"verdict_met": "33", "verdict_not_met": "", "verdict_not_evaluable": ""}),
    ("two large groups", [(30, MET), (12, NOT)], {"verdict_met": "22", "verdict_not_met": "11"}),
]  # fmt: skip


@pytest.mark.parametrize(("groups", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_small_groups_are_blank(groups: Any, expected: Mapping[str, str]) -> None:
    found = told(*groups)
    assert {name: found[name][0] for name in expected} == expected
    assert all(value == "" for n, value in found.values() if n == "")


def test_shares_and_averages_are_coarse() -> None:
    found = told((30, {"verdict": "met", "abr_all": "1.26"}), (14, {"verdict": "not_met", "abr_all": "2.00"}))
    assert found["verdict_met"] == ("22", "0.7")
    assert found["abr_all_mean"] == ("44", "1.5")
    assert told((21, {"fix_one_stage_iu_dl": "36.6"}))["fix_one_stage_iu_dl_median"] == ("11", "37")


counts = st.dictionaries(
    st.sampled_from(["met", "not_met", "not_evaluable", "due", "pending"]), st.integers(0, 60)
)


@given(counts)
def test_no_small_group_follows_by_subtraction(found: Mapping[str, int]) -> None:
    hidden = [n for name, n in found.items() if n and name not in visible(found)]
    assert all(found[name] >= LEAST for name in visible(found))
    assert len(hidden) != 1 or hidden[0] >= LEAST or sum(found.values()) < LEAST


@given(counts, counts)
def test_two_exports_never_differ_by_a_small_group(
    before: Mapping[str, int], after: Mapping[str, int]
) -> None:
    first, second = (told(*((n, {"verdict": v}) for v, n in c.items())) for c in (before, after))
    for measure in first.keys() & second.keys():
        if first[measure][0] and second[measure][0]:
            assert abs(int(first[measure][0]) - int(second[measure][0])) not in range(1, LEAST)
