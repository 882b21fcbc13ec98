"""The lines of the data set: columns, numbers, guards against spreadsheets, and what never leaves."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.rules import export_cells as cell
from outcomes.rules import export_rows
from outcomes.rules.body_sites import site_class
from outcomes.rules.dataset_tables import HARBOR, LIMITED, MILESTONES, PROFILES, dated, tables
from outcomes.rules.export_rows import Subject
from outcomes.rules.verdicts import (
    CountedBleed,
    CriterionState,
    FactorRow,
    Measures,
    MilestoneState,
    Proof,
    Reading,
    Sample,
)

DAY0 = date(2026, 1, 1)
ONE, TWO = UUID(int=1), UUID(int=2)


def state(**more: Any) -> MilestoneState:
    told: dict[str, Any] = {
        "contract": "sample-level", "contract_version": "1", "month": 12, "target_on": date(2027, 1, 1),
        "opens_on": date(2026, 12, 2), "closes_on": date(2027, 1, 31), "verdict": "met", "reason": "",
        "criteria": (), "payer": "Sample Health Plan (invented)",
    }  # fmt: skip
    return MilestoneState(**(told | more))


def subject(*states: MilestoneState, **more: Any) -> Subject:
    known = {"payers": {"Sample Health Plan (invented)"}, "products": {"IDELVION"}}
    return Subject(code="SUAAAA2222", day0=DAY0, pathway_version="1", states=states, **(known | more))


def row(made: Subject, profile: str = LIMITED) -> dict[str, str]:
    names = (dated(MILESTONES) if profile == LIMITED else MILESTONES).names
    [cells] = csv.reader(io.StringIO("".join(export_rows.milestones(made, profile))))
    return dict(zip(names, cells, strict=True))


def lines(found: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(found))))


NUMBERS = [
    ("whole", Decimal("12"), "12"),
    ("trailing zeros", Decimal("12.500"), "12.5"),
    ("half up", Decimal("0.00005"), "0.0001"),
    ("below half", Decimal("0.00004"), "0"),
    ("negative half up", Decimal("-64.20005"), "-64.2001"),
    ("no exponent", Decimal("1E+7"), "10000000"),
    ("no negative zero", Decimal("-0.00001"), "0"),
    ("missing", None, ""),
]


@pytest.mark.parametrize(("value", "told"), [n[1:] for n in NUMBERS], ids=[n[0] for n in NUMBERS])
def test_numbers_have_at_most_four_decimals(value: Decimal | None, told: str) -> None:
    assert cell.number(value) == told


@pytest.mark.parametrize(
    ("value", "told"), [("0", "0.00"), ("2.005", "2.01"), ("1.994", "1.99"), ("3", "3.00")]
)
def test_rates_have_two_decimals(value: str, told: str) -> None:
    assert cell.rate(Decimal(value)) == told


RUN = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("typed", RUN, ids=range(len(RUN)))
def test_text_that_a_spreadsheet_would_run_is_guarded(typed: str) -> None:
    payer = row(subject(state(payer=typed)))["payer_at_milestone"]
    assert payer.startswith("'") and not payer.startswith(("'\t", "'\n"))


@given(st.text(max_size=40))
def test_any_text_is_one_cell_of_one_line_that_no_spreadsheet_runs(typed: str) -> None:
    record = cell.line((cell.text(typed), "x"))
    assert record.endswith("\n") and record.count("\n") == 1
    [[first, second]] = lines([record])
    assert second == "x" and not first.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_negative_numbers_are_not_guarded() -> None:
    made = subject(state(measures=Measures(abr_change_pct=Decimal("-64.2"), window_start=date(2025, 12, 22))))
    assert (row(made)["abr_change_pct"], row(made)["abr_window_start_day"]) == ("-64.2", "-10")


def test_dates_stand_at_the_end_of_a_limited_data_set_only() -> None:
    made = subject(state(measures=Measures(fix_one_stage=Reading(Decimal(12), "", date(2027, 1, 3), ONE))))
    told = row(made)
    assert (told["target_day"], told["target_on"]) == ("365", "2027-01-01")
    assert (told["fix_one_stage_day"], told["fix_one_stage_on"]) == ("367", "2027-01-03")
    assert [name for name in told if name.endswith("_on")] == list(told)[len(MILESTONES.names) :]
    assert not [name for name in row(made, HARBOR) if name.endswith("_on")]


def test_dates_in_reasons_become_study_days() -> None:
    reason = "Censored: death on 2026-12-31."
    criterion = CriterionState(code="c", metric="abr", verdict="not_evaluable", reason=reason)
    made = subject(state(verdict="not_evaluable", reason=reason, criteria=(criterion,)))
    assert row(made)["verdict_reason"] == "Censored: death on day 364."
    assert "2026-12-31" not in "".join(export_rows.criteria(made))


BOUNDS = [("exact", "", "12"), ("below", "<", ""), ("above", ">", ""), ("at most", "<=", "")]


@pytest.mark.parametrize(("comparator", "told"), [b[1:] for b in BOUNDS], ids=[b[0] for b in BOUNDS])
def test_a_bound_is_no_number_and_stands_in_the_criterion(comparator: str, told: str) -> None:
    criterion = CriterionState(
        code="fix-level", metric="fix_activity", assay="one_stage", value=Decimal(12), value_comparator=comparator,
        verdict="met", proofs=(Proof("result", ONE, date(2027, 1, 3)), Proof("result", TWO, date(2025, 12, 22))),
    )  # fmt: skip
    reading = Reading(Decimal(12), comparator, date(2027, 1, 3), ONE)
    made = subject(state(measures=Measures(fix_one_stage=reading), criteria=(criterion,)))
    assert row(made)["fix_one_stage_iu_dl"] == told
    [found] = lines(export_rows.criteria(made))
    assert (found[6], found[-1]) == (f"{comparator}12", "'-10 367")


def test_a_pending_row_has_no_measures_and_no_count() -> None:
    told = row(subject(state(verdict="pending")))
    assert {told[n] for n in told if n.startswith(("fix_", "abr_", "bleeds_", "factor_"))} == {""}


PAYERS = [
    ("of a contract", "Sample Health Plan (invented)", "Sample Health Plan (invented)"),
    ("another", "Plan of Mr Smith", "other"),
    ("none", "", ""),
]


@pytest.mark.parametrize(("payer", "told"), [p[1:] for p in PAYERS], ids=[p[0] for p in PAYERS])
def test_safe_harbor_names_only_payers_of_contracts(payer: str, told: str) -> None:
    assert row(subject(state(payer=payer)), HARBOR)["payer_at_milestone"] == told
    assert row(subject(state(payer=payer)))["payer_at_milestone"] == payer


PLACES = [
    ("Left KNEE, at Anna's party", True, "knee"),
    ("big toe of Anna", True, "other joint"),
    ("iliopsoas", False, "muscle"),
    ("behind the knee", False, "knee area"),
    ("where Anna hit it", False, "other"),
]


@pytest.mark.parametrize(("typed", "joint", "told"), PLACES, ids=[p[2] for p in PLACES])
def test_a_typed_place_becomes_a_class(typed: str, joint: bool, told: str) -> None:
    assert site_class(typed, joint) == told


def test_bleeds_of_one_bleed_name_the_day_of_the_first() -> None:
    first = CountedBleed(ONE, date(2026, 3, 1), "Left knee", True, "spontaneous", False, True, None)
    more = replace(first, fact=TWO, on=date(2026, 3, 3), same_bleed_as=ONE)
    found = lines(export_rows.bleeds(subject(bleeds=(more, first))))
    assert [(r[1], r[2], r[-1]) for r in found] == [("59", "knee", ""), ("61", "knee", "59")]


def test_an_unknown_product_is_other() -> None:
    use = FactorRow(
        ONE, date(2026, 3, 1), "idelvion", Decimal(3000), "bleed", Decimal(72), Decimal(3000) / 72
    )
    found = lines(export_rows.factor_use(subject(uses=(use, replace(use, fact=TWO, product="Anna's own")))))
    assert [r[2:6] for r in found] == [
        ["IDELVION", "3000", "41.6667", "72"],
        ["OTHER", "3000", "41.6667", "72"],
    ]


def test_an_activity_says_for_which_month_it_was_used() -> None:
    reading = Reading(Decimal(12), "", date(2027, 1, 3), ONE)
    samples = (
        Sample(ONE, "one_stage", Decimal(12), "", date(2027, 1, 3), False, 40),
        Sample(TWO, "one_stage", Decimal(1), "<", date(2027, 1, 5), True, None),
    )
    made = subject(state(measures=Measures(fix_one_stage=reading)), samples=samples)
    assert [r[1:] for r in lines(export_rows.fix_activity(made))] == [
        ["367", "one_stage", "12", "false", "40", "12"],
        ["369", "one_stage", "", "true", "", ""],
    ]


def test_lines_have_as_many_cells_as_their_table_has_columns() -> None:
    use = FactorRow(ONE, DAY0, "X", Decimal(1), "bleed", None, None)
    made = subject(
        state(criteria=(CriterionState(code="c", metric="abr", verdict="met"),)),
        bleeds=(CountedBleed(ONE, DAY0, "knee", True, "unknown", False, False, None),),
        uses=(use,),
        samples=(Sample(ONE, "one_stage", Decimal(1), "", DAY0, False, None),),
    )
    for profile in PROFILES[:2]:
        for table in tables(profile):
            of_profile = (profile,) if table.name == "milestones" else ()
            found = lines(getattr(export_rows, table.name)(made, *of_profile))
            assert {len(r) for r in found} == {len(table.names)}, table.name
