"""What one patient adds to figures over many, and what becomes of the sums: all numbers by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes import data
from outcomes.rules.cohort_charts import charts
from outcomes.rules.cohort_figures import ABR, FIX, OFF, Bled, Figures, Month, Spread
from outcomes.rules.cohort_points import CENSORED, OPEN, SEEN, MonthPoint, Points, points
from outcomes.rules.figure_months import parse_figures
from tests.rules.milestone_story import story
from tests.rules.story import day
from workflow.rules.facts import known

RULES = data.measure_rules()
# Day 0 is 2 March 2026. Targets: month 3 day 92, 6 day 184, 9 day 275, 12 day 365, 15 day 457.


def told(on: int, **row: Any) -> Points:
    found = points(known(story(row), as_of=day(on)), day(on), RULES, data.figure_months())
    assert found is not None
    return found


def month(found: Points, number: int) -> MonthPoint:
    return next(m for m in found.months if m.month == number)


def test_months_come_when_their_window_opens_and_are_seen_when_it_has_closed():
    assert [m.month for m in told(77).months] == []
    assert [(m.month, m.state, m.off) for m in told(78).months] == [(3, OPEN, None)]
    assert [(m.state, m.off) for m in (told(91).months[0], told(92).months[0])] == [
        (OPEN, None),
        (OPEN, True),
    ]
    assert [told(on).months[0].state for on in (106, 107)] == [OPEN, SEEN]


def test_each_assay_has_its_own_clean_reading_nearest_the_target():
    row = {
        "fix": [(80, "os", "30"), (93, "os", "28"), (95, "os", "27"), (94, "ch", "12")],
        "uses": [(75, "BeneFIX", "2000", "bleed")],
    }
    found = month(told(107, **row), 3)
    assert (found.one_stage.value, found.chromogenic.value) == (Decimal(28), Decimal(12))  # type: ignore[union-attr]
    row["uses"].append((92, "BeneFIX", "2000", "bleed"))
    found = month(told(107, **row), 3)
    assert found.one_stage is None and found.chromogenic is None, "day 80 is 5 days after a dose of washout 5"


@pytest.mark.parametrize(("ended", "state"), [(183, CENSORED), (184, SEEN)])
def test_what_ends_observation_before_the_target_censors_the_month(ended: int, state: str):
    row = {"events": [("death", ended, "")], "fix": [(170, "os", "30")]}
    found = month(told(300, **row), 6)
    assert (found.state, found.one_stage is None) == (state, state == CENSORED)
    assert month(told(300, **row), 9).state == CENSORED


def test_bleeds_are_counted_before_in_the_ramp_up_and_up_to_the_newest_month():
    row = {
        "events": [("lead_in", -200, -1)],
        "bleeds": [(-150, {"n": 3}), (-100, {"treated": False}), (50, {}), (182, {"joint": False}), (183, {"site": "left elbow"}),
            (366, {})],
    }  # fmt: skip
    found = told(366, **row)
    assert (found.before.days, found.before.bleeds[0], found.before.bleeds[1]) == (200, 4, 3)
    assert (found.early.days, found.early.bleeds[0]) == (183, 2)
    assert (found.later.days, found.later.bleeds[0]) == (183, 1), "day 183 to the target of month 12, day 365"
    assert told(456, **row).later == found.later
    assert (told(457, **row).later.days, told(457, **row).later.bleeds[0]) == (275, 2)
    assert told(181, **row).early.days == 0 and told(182, **row).early.days == 183


def test_a_short_lead_in_is_no_baseline_and_an_early_end_stops_all_periods():
    row = {
        "events": [("lead_in", -179, -1), ("withdrawn", 99, "")],
        "bleeds": [(-20, {}), (98, {}), (120, {})],
    }
    found = told(400, **row)
    assert (found.before.days, found.early.days, found.early.bleeds[0], found.later.days) == (0, 100, 1, 0)
    row["events"][0] = ("lead_in", -180, -1)
    assert told(400, **row).before.days == 180


@pytest.mark.parametrize("on", [77, 78, 91, 92, 106, 107, 181, 182, 204, 205, 206, 365, 5000, 6000])
def test_points_stay_the_same_until_the_date_they_say(on: int):
    fix, bleeds = [(90, "os", "30"), (360, "os", "31")], [(100, {}), (300, {})]
    row = {"fix": [f for f in fix if f[0] <= on], "bleeds": [b for b in bleeds if b[0] <= on]}
    found = told(on, **row)
    last = (found.steady_until - day(0)).days
    assert last >= on
    later = [told(n, **row) for n in {on, (on + last) // 2, last} if n <= 6000]
    assert {(p.months, p.early, p.later) for p in later} == {(found.months, found.early, found.later)}
    if last < 6000:
        after = told(last + 1, **row)
        assert (after.months, after.early, after.later) != (found.months, found.early, found.later)


def spread(n: int, *quartiles: str, without: int = 0) -> Spread:
    return Spread(n, without, 0, 0, *map(Decimal, quartiles)) if quartiles else Spread(n, without)


FOUND = Figures(
    patients=7,
    months=(
        Month(3, spread(6, "21", "25.5", "30", without=1), spread(5, "9", "11", "13", without=2), 4, 2, 1, 0),
        Month(6, spread(0, without=6), spread(0, without=6), 5, 1, 0, 1),
        Month(9, spread(3, "20", "24", "28"), spread(3, "8", "10", "12"), 3, 0, 2, 1),
    ),
    periods=(
        Bled("before", 6, 1461, (8, 4, 2, 1)),
        Bled("early", 7, 1281, (2, 1, 1, 1)),
        Bled("later", 4, 29, (1, 0, 0, 0)),
    ),
)


def test_rates_are_crude_and_shares_name_their_denominator():
    rows = {(r[0], r[1]): r[2:] for r in ABR.rows(FOUND, RULES)}
    assert rows["before", "all"][:4] == ("6", "4.00", "8", "2.00")
    assert rows["early", "treated"][:4] == ("7", "3.51", "1", "0.29")
    assert rows["later", "all"] == ("4", "0.08", "1", "", ""), "29 days say nothing"
    none = Figures(1, (), (Bled("later", 1, 1461, (0, 0, 0, 0)),))
    assert next(iter(ABR.rows(none, RULES)))[-2:] == ("0.00", "0.92"), "3.6889 in 4 years"
    assert list(OFF.rows(FOUND, RULES)) == [
        ("3", "6", "4", "2", "66.7", "1", "0"), ("6", "6", "5", "1", "83.3", "0", "1"), ("9", "3", "3", "0", "100", "2", "1"),
    ]  # fmt: skip
    assert next(iter(FIX.rows(FOUND, RULES))) == (
        "3",
        "one_stage",
        "6",
        "1",
        "0",
        "0",
        "0",
        "21",
        "25.5",
        "30",
    )


def test_files_have_the_names_of_columns_and_empty_cells_where_nothing_is_known():
    lines = FIX.csv(FOUND, RULES).splitlines()
    assert lines[0].startswith("month,assay,n,without_result,window_open,censored,bounds,q1_iu_dl")
    assert lines[3] == "6,one_stage,0,6,0,1,0,,,"


def test_a_month_without_results_interrupts_its_line_and_shows_its_counts():
    activity, bleeding, prophylaxis = charts(FOUND, RULES)
    assert [c.path.count("M") for c in activity.curves] == [2, 2]
    assert [len(c.marks) for c in activity.curves] == [2, 2]
    assert [[t.text for t in r.cells] for r in activity.counts] == [
        ["6", "0", "3"],
        ["5", "0", "3"],
        ["1", "6", "0"],
        ["2", "6", "0"],
    ]
    assert {label.text for label in activity.labels} == {"One-stage", "Chromogenic"}
    assert (
        "One-stage: median 24 IU/dL at month 9 (3 patients, 0 without a usable result)." in activity.finding
    )
    assert "Before: crude ABR 2.00 (8 bleeds in 4.00 observed years of 6 patients)." in bleeding.finding
    assert prophylaxis.finding == "Month 9: 3 of 3 off prophylaxis (100 %), 1 censored before it."
    assert [len(c.rows) for c in (activity, bleeding, prophylaxis)] == [6, 12, 3]


def test_nothing_yet_is_said_and_not_drawn():
    empty = Figures(0, (), tuple(Bled(p, 0, 0, (0,) * 4) for p in ("before", "early", "later")))
    assert [c.rows for c in charts(empty, RULES)] == [(), (), ()]
    assert all(c.finding for c in charts(empty, RULES))


def test_every_fault_of_the_months_is_reported_at_once():
    broken: dict[str, Any] = {
        "code": "figures", "version": "1", "status": "happy",
        "months": [{"numbers": [6, 3], "before": 1, "after": 1, "source": "s", "certainty": "trial"}, {"numbers": [9]}],
    }  # fmt: skip
    found, faults = parse_figures(broken)
    assert found is None
    assert {f.key for f in faults} >= {"status", "date", "months", "months[1].before", "months[1].source"}
