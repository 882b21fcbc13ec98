"""The calendar after Day 0: windows, states, what fulfils a task, and what else has to be done."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.story import (
    DAY0,
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
    protocol,
    regimen,
    result,
)  # fmt: skip
from workflow.rules.effects import Task
from workflow.rules.windows import add_months, state, target, window


def tasks(on: int, *results: Any, **more: Any) -> dict[str, Task]:
    told = history(results=results, infusions=[infusion()], **more)
    return {t.key: t for t in decide(told, on).tasks}


class TestWindows:
    def test_weeks_tile_without_gap_or_overlap(self) -> None:
        item = next(i for i in protocol().monitoring if i.kind == "liver-panel")
        weeks = [window(DAY0, s) for s in item.slots if s.unit == "w"]
        assert len(weeks) == 13
        for earlier, later in zip(weeks, weeks[1:], strict=False):
            assert later.opens - earlier.closes == timedelta(days=1)

    @pytest.mark.parametrize(
        ("day0", "months", "on"),
        [
            (date(2026, 8, 31), 6, date(2027, 2, 28)),
            (date(2027, 8, 31), 6, date(2028, 2, 29)),
            (date(2028, 2, 29), 12, date(2029, 2, 28)),
            (date(2026, 1, 15), 3, date(2026, 4, 15)),
        ],
    )
    def test_months_are_clamped_to_the_last_day(self, day0: date, months: int, on: date) -> None:
        assert add_months(day0, months) == on

    @given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 180))
    def test_a_month_target_is_the_same_day_or_the_last_of_a_shorter_month(
        self, day0: date, months: int
    ) -> None:
        on = target(day0, "m", months)
        assert (on.year * 12 + on.month) - (day0.year * 12 + day0.month) == months
        assert on.day == day0.day or (on.day < day0.day and (on + timedelta(days=1)).day == 1)

    @pytest.mark.parametrize(
        ("key", "before", "after"),
        [("w03", 3, 3), ("m06", 21, 21), ("m09", 30, 30), ("m24", 30, 30), ("m36", 45, 45), ("m60", 45, 45)],
    )
    def test_window_sizes(self, key: str, before: int, after: int) -> None:
        task = tasks(0)[f"liver-panel:{key}"]
        assert ((task.due_on - task.opens_on).days, (task.closes_on - task.due_on).days) == (before, after)

    @pytest.mark.parametrize(
        ("on", "word"),
        [
            (17, "upcoming"),
            (18, "open"),
            (21, "open"),
            (24, "open"),
            (25, "overdue"),
            (27, "overdue"),
            (28, "missed"),
        ],
    )
    def test_states_come_from_dates(self, on: int, word: str) -> None:
        assert state(tasks(on)["liver-panel:w03"], day(on)) == word


def test_the_whole_calendar_of_hemgenix() -> None:
    keys = set(tasks(0))
    weeks = {f"w{n:02d}" for n in range(1, 14)}
    months = {f"m{n:02d}" for n in (6, 9, 12, 18, 24, 36, 48, 60)}
    assert {k for k in keys if k.startswith("liver-panel")} == {f"liver-panel:{c}" for c in weeks | months}
    assert {k for k in keys if k.startswith("fix-activity")} == {f"fix-activity:{c}" for c in weeks | months}
    assert {k for k in keys if k.startswith("safety-visit")} == {
        f"safety-visit:y{n:02d}" for n in range(6, 16)
    }
    assert not any(k.startswith("hcc-screen") for k in keys)


def test_before_the_infusion_nothing_is_monitored() -> None:
    assert decide(history(**gates_met()), -1).tasks == ()


class TestFulfilment:
    def test_a_panel_needs_all_four_analytes(self) -> None:
        rows = panel(21)
        assert tasks(22, *rows[:3])["liver-panel:w03"].ended_as is None
        part = tasks(22, *rows[:3])["liver-panel:w03"]
        assert (part.have, part.need) == (3, 4)
        assert tasks(22, *rows)["liver-panel:w03"].ended_as == "done"

    @pytest.mark.parametrize(("on", "week"), [(17, 2), (18, 3), (24, 3), (25, 4)])
    def test_a_draw_belongs_to_the_window_it_falls_in(self, on: int, week: int) -> None:
        done = [k for k, t in tasks(60, *panel(on)).items() if t.ended_as and k.startswith("liver-panel:w")]
        assert done == [f"liver-panel:w{week:02d}"]

    def test_a_draw_in_no_window_counts_late_for_the_last_unfulfilled_slot(self) -> None:
        found = tasks(120, *panel(100), *panel(91))
        assert found["liver-panel:w13"].ended_as == "done"
        assert found["liver-panel:w12"].ended_as == "done_out_of_window"
        assert found["liver-panel:w11"].ended_as is None

    def test_preliminary_results_fulfil_nothing(self) -> None:
        assert tasks(22, *panel(21, status="preliminary"))["liver-panel:w03"].ended_as is None

    def test_a_retracted_result_reopens_the_task(self) -> None:
        gone = result("ALT", 21, "", status="entered_in_error", reported=22, recorded=22)
        assert tasks(23, *panel(21), gone)["liver-panel:w03"].ended_as is None


class TestWhatPeopleSay:
    @pytest.mark.parametrize(
        ("kind", "on", "ended"),
        [
            ("complete", 21, "done"), ("complete", 30, "done_out_of_window"),
            ("waive", 21, "waived"), ("miss", 30, "missed"),
        ],
    )  # fmt: skip
    def test_an_act_ends_a_task_with_its_reason(self, kind: str, on: int, ended: str) -> None:
        task = tasks(40, acts=[act(kind, "liver-panel:w03", {}, on, reason="told by phone")])[
            "liver-panel:w03"
        ]
        assert (task.ended_as, task.ended_reason) == (ended, "told by phone")

    def test_results_are_stronger_than_a_waiver(self) -> None:
        found = tasks(40, *panel(21), acts=[act("waive", "liver-panel:w03", {}, 25, reason="x")])
        assert found["liver-panel:w03"].ended_as == "done"

    def test_a_task_is_snoozed_and_assigned(self) -> None:
        acts = [
            act("snooze", "liver-panel:w03", {"until": day(23).isoformat()}, 21),
            act("assign", "liver-panel:w03", {"assignee": "kim"}, 21),
        ]
        task = tasks(22, acts=acts)["liver-panel:w03"]
        assert (task.snoozed_until, task.assignee) == (day(23), "kim")


class TestObligations:
    payload = {
        "version": "1",
        "obligations": {
            "title": "Sample", "analytes": ["FIX_OS"], "grace_days": 30,
            "slots": [{"month": 12, "before": 30, "after": 30}, {"month": 3, "before": 14, "after": 14}],
        },
    }  # fmt: skip

    def test_a_contracts_months_become_tasks_and_join_the_visits_of_the_same_month(self) -> None:
        found = tasks(0, acts=[act("enrolment", "sample", self.payload, -30)])
        assert {k for k in found if k.startswith("milestone")} == {
            "milestone:sample:m03",
            "milestone:sample:m12",
        }
        assert "contract:sample" in found["fix-activity:m12"].obligations
        assert "contract:sample" not in found["fix-activity:m24"].obligations
        assert {"label-eu", "registry:athn"} <= set(found["fix-activity:m12"].obligations)

    def test_a_month_owed_joins_the_week_nearest_its_target(self) -> None:
        found = tasks(0, acts=[act("enrolment", "sample", self.payload, -30)])
        assert {"contract:sample", "registry:athn", "registry:wfh"} <= set(
            found["fix-activity:w13"].obligations
        )
        others = [t for k, t in found.items() if k.startswith("fix-activity:w") and k != "fix-activity:w13"]
        assert {o for t in others for o in t.obligations} == {"label-us"}

    @pytest.mark.parametrize("pathway", ["hemgenix", "beqvez", "roctavian"])
    @pytest.mark.parametrize("day0", [DAY0, date(2026, 8, 31), date(2027, 11, 30)])
    def test_every_month_of_a_registry_is_some_visit(self, pathway: str, day0: date) -> None:
        rules = protocol(pathway=pathway)
        found = decide(history(infusions=[infusion(day0)]), day0, pathway=pathway).tasks
        for registry in rules.registries:
            for month in registry.months:
                on = add_months(day0, month)
                before, after = rules.windows[month]
                span = (on - timedelta(days=before), on + timedelta(days=after))
                assert any(
                    f"registry:{registry.code}" in t.obligations and span[0] <= t.due_on <= span[1]
                    for t in found
                ), (registry.code, month)

    def test_months_that_only_a_registry_asks_for_are_visits_of_their_own(self) -> None:
        found = tasks(0)
        own = {k: t.obligations for k, t in found.items() if t.kind == "registry-visit"}
        assert own == {f"registry-visit:m{n}": ("registry", "registry:wfh") for n in (15, 21)}

    def test_a_mandatory_week_says_so_and_who_insists(self) -> None:
        found = tasks(0)
        assert [k for k, t in found.items() if t.mandatory] == ["fix-activity:w03"]
        assert found["fix-activity:w03"].why.startswith("mandatory: payer policies")


class TestArising:
    def test_an_extra_panel_only_where_no_scheduled_one_covers_the_week(self) -> None:
        rows = [result("ALT", -8, "24", uln="40"), result("ALT", 100, "60", uln="40")]
        extra = sorted(k for k in tasks(115, *rows) if k.startswith("liver-panel:x"))
        assert extra == [f"liver-panel:x{day(n).isoformat()}" for n in (107, 114, 121)]
        inside = [result("ALT", -8, "24", uln="40"), result("ALT", 14, "60", uln="40")]
        assert not any(k.startswith("liver-panel:x") for k in tasks(40, *inside))

    def test_a_long_window_does_not_cover_the_weeks_in_it(self) -> None:
        rows = [result("ALT", -8, "24", uln="40"), *panel(250, "95")]
        found = tasks(290, *rows)
        assert found["liver-panel:m09"].ended_as == "done"
        extra = [(t.due_on - DAY0).days for k, t in found.items() if k.startswith("liver-panel:x")]
        assert extra == [257, 264, 271, 278, 285, 292]
        assert {state(found[f"liver-panel:x{day(n).isoformat()}"], day(290)) for n in (257, 264)} == {
            "missed"
        }

    def test_one_draw_serves_the_month_and_the_extra_week(self) -> None:
        rows = [result("ALT", -8, "24", uln="40"), result("ALT", 245, "95", uln="40"), *panel(252, "95")]
        found = tasks(255, *rows)
        assert {found[k].ended_as for k in ("liver-panel:m09", f"liver-panel:x{day(252)}")} == {"done"}

    def test_the_week_of_the_months_target_needs_no_extra_panel_unless_it_was_done_before(self) -> None:
        week = {day(n).isoformat() for n in range(272, 278)}  # month 9 falls on day 275
        rows = [result("ALT", -8, "24", uln="40"), result("ALT", 240, "95", uln="40")]
        assert not any(k[-10:] in week for k in tasks(290, *rows) if k.startswith("liver-panel:x"))
        done = tasks(290, *rows, *panel(250, "95"))
        assert any(k[-10:] in week for k in done if k.startswith("liver-panel:x"))

    def test_a_draw_of_the_month_is_no_late_extra_panel(self) -> None:
        rows = [result("ALT", d, v, uln="40") for d, v in ((-8, "24"), (100, "60"), (107, "24"))]
        assert tasks(200, *rows, *panel(183))[f"liver-panel:x{day(107)}"].ended_as is None

    def test_extra_panels_end_when_the_value_is_back(self) -> None:
        rows = [result("ALT", d, v, uln="40") for d, v in ((-8, "24"), (100, "60"), (107, "24"))]
        assert [k for k in tasks(130, *rows) if k.startswith("liver-panel:x")] == [
            f"liver-panel:x{day(107).isoformat()}"
        ]

    @pytest.mark.parametrize(("value", "asked"), [("20", True), ("20.1", False), ("5", True), ("40", False)])
    def test_a_fall_by_half_of_the_factor_asks_for_an_inhibitor_test(self, value: str, asked: bool) -> None:
        rows = [result("FIX_OS", 100, "40"), result("FIX_OS", 200, value)]
        assert any(k.startswith("factor-check") for k in tasks(210, *rows)) is asked

    @pytest.mark.parametrize(
        ("values", "asked"),
        [
            ({100: "6", 200: "5"}, False), ({100: "6", 200: "4.9"}, True), ({200: "4.9"}, True), ({200: "5"}, False),
            ({100: "40", 465: "20"}, True), ({100: "40", 466: "20"}, False),
            ({100: "30", 150: "40", 200: "20"}, True), ({100: "30", 150: "39", 200: "20"}, False),
        ],
    )  # fmt: skip
    def test_one_low_value_is_enough_and_the_highest_of_a_year_counts(
        self, values: dict[int, str], asked: bool
    ) -> None:
        rows = [result("FIX_OS", on, value) for on, value in values.items()]
        found = tasks(max(values) + 1, *rows)
        assert (f"factor-check:{day(max(values)).isoformat()}" in found) is asked

    def test_a_value_within_the_washout_is_no_fall(self) -> None:
        rows = [result("FIX_OS", 100, "40"), result("FIX_OS", 200, "4")]
        assert not any(k.startswith("factor-check") for k in tasks(210, *rows, regimens=[regimen(150, 179)]))
        assert any(k.startswith("factor-check") for k in tasks(210, *rows, regimens=[regimen(150, 178)]))

    def test_a_bleed_after_the_infusion_asks_for_it_too(self) -> None:
        found = tasks(45, bleeds=[bleed(40)])
        assert f"factor-check:{day(40).isoformat()}" in found

    def test_tests_on_the_day_of_the_bleed_count(self) -> None:
        rows = [result("FIX_INH", 40, "<0.6", hour=10), result("FIX_OS", 40, "30", hour=10)]
        check = tasks(60, *rows, bleeds=[bleed(40)])[f"factor-check:{day(40)}"]
        assert (check.have, check.ended_as) == (2, "done")

    def test_of_a_fall_the_inhibitor_of_the_day_counts_and_another_assay_is_needed(self) -> None:
        rows = [result("FIX_OS", 100, "40"), result("FIX_OS", 200, "20"), result("FIX_INH", 200, "<0.6")]
        check = tasks(210, *rows)[f"factor-check:{day(200)}"]
        assert (check.have, check.ended_as) == (1, None)
        assert tasks(210, *rows, result("FIX_OS", 205, "21"))[check.key].ended_as == "done"

    @pytest.mark.parametrize(
        ("tested", "keys"),
        [(61, (60, 70)), (70, (60,)), (72, (60,)), (None, (60,))],
    )
    def test_a_bleed_after_a_check_that_is_done_asks_for_another(self, tested: int | None, keys: Any) -> None:
        rows = [result("FIX_INH", tested, "<0.6"), result("FIX_OS", tested, "30")] if tested else []
        found = tasks(80, *rows, bleeds=[bleed(60), bleed(70)])
        assert [k for k in found if k.startswith("factor-check")] == [f"factor-check:{day(n)}" for n in keys]

    @pytest.mark.parametrize(
        ("earlier", "value", "asked", "data"),
        [
            ("100", ">40", False, True), ("100", ">50", False, False), ("100", "<50", True, False),
            (">100", "50", True, False), ("<100", "40", False, False), ("40", "<10", True, False),
            ("15", "<10", False, True),
        ],
    )  # fmt: skip
    def test_a_bound_is_a_fall_only_if_every_value_is(
        self, earlier: str, value: str, asked: bool, data: bool
    ) -> None:
        rows = [result("FIX_OS", 60, earlier), result("FIX_OS", 90, value)]
        found = tasks(91, *rows)
        assert any(k.startswith("factor-check") for k in found) is asked
        assert any(k == f"data:value:{rows[1].id}" for k in found) is data

    def test_a_bound_above_is_a_history_of_hepatitis(self) -> None:
        assert "hcc-screen:y01" in tasks(1, result("HBV_DNA", -300, ">1000000"))
        assert "hcc-screen:y01" not in tasks(1, result("HBV_DNA", -300, "<10"))

    def test_liver_cancer_screening_by_attestation_or_by_a_positive_test(self) -> None:
        assert "hcc-screen:y01" in tasks(10, attestations=[attest("hcc-risk", 1)])
        why = tasks(10, result("HCV_AB", -20, "positive"))["hcc-screen:y01"].why
        assert "Anti-HCV" in why
        assert "hcc-screen:y01" not in tasks(10, result("HCV_AB", -20, "negative"))

    def test_a_booked_date_that_passed_asks_what_happened(self) -> None:
        told = history(acts=[act("plan", "", {"infusion_on": day(0).isoformat()}, -10)])
        assert [t.key for t in decide(told, 0).tasks] == ["kit-order"]
        assert [t.key for t in decide(told, 1).tasks] == ["kit-order", "plan-passed"]
        assert decide(told, 1).phase == "scheduled"

    def test_after_withdrawal_the_rest_is_cancelled(self) -> None:
        found = tasks(60, *panel(7), events=[event("withdrawn", 50)])
        assert found["liver-panel:w01"].ended_as == "done"
        assert found["liver-panel:w02"].ended_as is None
        assert found["liver-panel:w10"].ended_as == "cancelled"


PHASES = [(0, "monitoring"), (94, "monitoring"), (95, "follow_up"), (1826, "follow_up"), (1827, "long_term")]


@pytest.mark.parametrize(("on", "phase"), PHASES)
def test_phases_after_the_infusion(on: int, phase: str) -> None:
    assert decide(history(infusions=[infusion()]), on).phase == phase


def test_phases_before_the_infusion() -> None:
    met = gates_met()
    assert decide(history(), -5).phase == "screening"
    assert decide(history(**met), -5).phase == "cleared"
    plan = act("plan", "", {"infusion_on": day(0).isoformat()}, -5)
    assert decide(history(**met, acts=[plan]), -5).phase == "scheduled"


@pytest.mark.parametrize(("pathway", "weeks"), [("roctavian", 26), ("beqvez", 18)])
def test_a_second_pathway_is_a_file_and_no_code(pathway: str, weeks: int) -> None:
    told = history(infusions=[infusion()])
    found = decide(told, 3, pathway=pathway).tasks
    panels = [t for t in found if t.kind == "liver-panel" and ":w" in t.key]
    assert max(int(t.key[-2:]) for t in panels) >= weeks
