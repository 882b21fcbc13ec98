"""The plots as numbers: what is drawn, what is said and what the table lists are the same points."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from workflow.rules.activity_chart import activity
from workflow.rules.alt_chart import alt
from workflow.rules.charts import LABEL_GAP, RIGHT, TOP, Month, Point, Step
from workflow.rules.window_chart import Span, window

DAY0 = date(2026, 10, 20)


def at(week: float, value: str, uln: str | None = "45", comparator: str = "") -> Point:
    return Point(
        DAY0 + timedelta(days=round(week * 7)), Decimal(value), comparator, Decimal(uln) if uln else None
    )


def drawn(*points: Point, baseline: str | None = "24"):
    return alt(points, day0=DAY0, baseline=Decimal(baseline) if baseline else None, factor=Decimal(2))


def test_every_point_is_drawn_and_listed_once():
    chart = drawn(at(1, "26"), at(2, "31"), at(5, "52"))
    assert len(chart.curves[0].marks) == len(chart.rows) == 3
    assert [row[2] for row in chart.rows] == ["26", "31", "52"]


def test_a_higher_value_stands_higher_and_a_later_one_further_right():
    first, second = drawn(at(1, "26"), at(5, "52")).curves[0].marks
    assert second.x > first.x
    assert second.y < first.y


@pytest.mark.parametrize(
    ("value", "above"),
    [("45", "neither"), ("45.1", "ULN 45"), ("48", "ULN 45"), ("48.1", "ULN 45 and 2x baseline 48")],
)
def test_the_table_says_which_limit_was_passed(value: str, above: str):
    assert drawn(at(5, value)).rows[0][4] == above


def test_without_an_upper_limit_the_table_says_so_and_draws_no_line():
    chart = drawn(at(5, "52", uln=None))
    assert chart.rows[0][3] == "not given"
    assert "uln" not in {line.kind for line in chart.lines}


def test_without_a_baseline_there_is_no_line_for_it():
    chart = drawn(at(5, "52"), baseline=None)
    assert {line.kind for line in chart.lines} == {"uln"}
    assert chart.finding.startswith("No baseline.")


def test_the_upper_limit_steps_where_the_laboratory_changes():
    chart = drawn(at(1, "26", "45"), at(2, "27", "45"), at(3, "28", "40"))
    (uln,) = [line for line in chart.lines if line.kind == "uln"]
    assert uln.path.count("V") == 1
    assert uln.path.endswith(f"H{RIGHT}")


def test_the_finding_names_peak_and_limits():
    finding = drawn(at(1, "26"), at(5, "52"), at(6, "40")).finding
    assert "Highest 52 U/L in week 5, above ULN 45 and above 2x baseline 48." in finding
    assert finding.endswith("Newest 40 U/L in week 6.")


def test_no_result_is_said_in_words():
    chart = drawn()
    assert chart.finding == "No ALT result yet."
    assert chart.rows == ()


def test_labels_never_overlap_and_stay_inside():
    chart = drawn(at(5, "46"))
    heights = sorted(label.y for label in chart.labels)
    assert all(b - a >= LABEL_GAP - 0.1 for a, b in zip(heights, heights[1:], strict=False))
    assert heights[-1] <= chart.bottom


def test_prednisone_steps_stand_on_the_axis_in_proportion():
    steps = [
        Step(DAY0, DAY0 + timedelta(6), Decimal(60)),
        Step(DAY0 + timedelta(7), DAY0 + timedelta(13), Decimal(30)),
    ]
    chart = alt([at(1, "52")], day0=DAY0, baseline=None, factor=Decimal(2), steps=steps)
    high, low = chart.blocks
    assert high.height == 2 * low.height
    assert high.y + high.height == low.y + low.height == chart.bottom
    assert high.x + high.width == pytest.approx(low.x, abs=0.2)


def test_the_two_assays_are_separate_curves():
    chart = activity(
        [at(1, "13", None)], [at(2, "5", None)], day0=DAY0, thresholds=[("one-stage", Decimal(5))]
    )
    assert [c.kind for c in chart.curves] == ["one-stage", "chromogenic"]
    assert "5 one-stage" in {label.text for label in chart.labels}
    assert [row[2] for row in chart.rows] == ["One-stage", "Chromogenic"]


def test_a_milestone_is_a_band_of_its_window():
    month = Month(3, DAY0 + timedelta(78), DAY0 + timedelta(106), "met")
    (band,) = activity([], [], day0=DAY0, milestones=[month]).bands
    assert (band.kind, band.text) == ("met", "M3")
    assert band.width > 0


def test_window_bars_end_the_day_after_the_last_valid_day_and_the_booked_day_stands_inside():
    today = date(2026, 11, 24)
    spans = [
        Span("NAb", date(2026, 11, 10), date(2026, 12, 8)),
        Span("LFT", date(2026, 11, 19), date(2026, 12, 3), True),
    ]
    good = [(date(2026, 11, 26), date(2026, 12, 3))]
    chart = window(spans, good=good, today=today, booked=date(2026, 11, 30), finding="")
    nab, lft = chart.bars
    assert lft.x > nab.x
    assert lft.x + lft.width < nab.x + nab.width
    assert chart.booked is not None
    assert chart.good[0].x < chart.booked.at < chart.good[0].x + chart.good[0].width
    assert chart.good[0].text == "26 Nov to 3 Dec"
    assert chart.rows[1] == ("LFT", "19 Nov", "3 Dec")


def test_the_plot_leaves_room_above_the_peak():
    chart = drawn(at(5, "71"))
    assert min(m.y for m in chart.curves[0].marks) > TOP


def test_texts_of_neighbouring_windows_and_triggers_stand_below_each_other():
    near = [Month(n, DAY0 + timedelta(30 * n - 14), DAY0 + timedelta(30 * n + 14), "met") for n in (3, 6, 60)]
    first, second, third = activity([], [], day0=DAY0, milestones=near).bands
    assert (first.drop, second.drop, third.drop) == (0, LABEL_GAP, 0)
    flags = alt(
        [at(5, "52"), at(6, "90")],
        day0=DAY0,
        baseline=Decimal(24),
        factor=Decimal(2),
        triggers=[(at(n, "1").on, f"Trigger: ALT {n}") for n in (5, 6)],
    ).flags
    assert [f.drop for f in flags] == [0, LABEL_GAP]
