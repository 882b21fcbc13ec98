"""The ALT trigger, told as a clinician would: value, upper limit, baseline, and what must happen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.story import act, day, decide, event, history, infusion, panel, result
from workflow.rules.effects import Alert


def alerts(
    *results: Any, on: int = 60, rule: str = "alt-rise", acts: list[Any] | None = None, **more: Any
) -> list[Alert]:
    told = history(results=results, infusions=[infusion()], acts=acts or [], **more)
    return [a for a in decide(told, on).alerts if a.rule == rule]


def base(value: str = "24", *, uln: str = "40", on: int = -8) -> Any:
    return result("ALT", on, value, uln=uln)


# baseline (None: no baseline), value, its upper limit of normal, arms that fire
FIRES = [
    ("24", "40", "40", set()),
    ("24", "40.1", "40", {"above_uln"}),
    ("24", "48", "60", set()),
    ("24", "48.1", "60", {"above_2x_baseline"}),
    ("24", "52", "45", {"above_2x_baseline", "above_uln"}),
    ("10", "20", "40", set()),
    ("10", "20.1", "40", {"above_2x_baseline"}),
    (None, "41", "40", {"above_uln"}),
    (None, "40", "40", set()),
    ("24", "49", "", {"above_2x_baseline"}),
    ("24", "48", "", set()),
    ("50", "49", "40", set()),
    ("50", "50", "40", set()),
    ("50", "50.1", "40", {"above_uln"}),
    ("30", ">60", "70", {"above_2x_baseline"}),
    ("30", ">59", "70", set()),
    ("24", "<100", "40", set()),
    ("24", ">40", "40", {"above_uln"}),
    ("24", ">=40", "40", set()),
]


@pytest.mark.parametrize(("baseline", "value", "uln", "arms"), FIRES)
def test_arms(baseline: str | None, value: str, uln: str, arms: set[str]) -> None:
    rows = [result("ALT", 28, value, uln=uln)] + ([base(baseline)] if baseline else [])
    found = alerts(*rows)
    assert {a for alert in found for a in alert.hits[0].arms} == arms


def test_an_alert_shows_value_limits_and_ratios_rounded_half_up() -> None:
    (alert,) = alerts(base("30"), result("ALT", 28, "88", uln="40"))
    hit = alert.hits[0]
    assert (str(hit.value), str(hit.uln), str(hit.baseline)) == ("88", "40", "30")
    assert (str(hit.ratio_baseline), str(hit.ratio_uln)) == ("2.93", "2.20")
    assert (alert.state, alert.superseded_evidence, alert.unconfirmed) == ("open", False, False)


def test_without_a_baseline_the_arm_says_so_and_a_data_task_opens() -> None:
    told = history(results=[result("ALT", 28, "51", uln="40")], infusions=[infusion()])
    decision = decide(told, 40)
    (alert,) = decision.alerts
    assert alert.not_evaluable == ("above_2x_baseline: no baseline",)
    assert "data:baseline:ALT" in {t.key for t in decision.tasks}


def test_without_an_upper_limit_a_data_task_opens_and_closes_with_the_correction() -> None:
    first = result("ALT", 28, "30", uln="")
    told = [base(), first]
    open_task = next(
        t for t in decide(history(results=told, infusions=[infusion()]), 40).tasks if t.kind == "data"
    )
    assert (open_task.key, open_task.ended_as) == (f"data:uln:{first.id}", None)
    mended = result("ALT", 28, "30", uln="40", status="corrected", reported=30)
    tasks = decide(history(results=[*told, mended], infusions=[infusion()]), 40).tasks
    assert [t.ended_as for t in tasks if t.key == open_task.key] == ["done"]


@pytest.mark.parametrize(("on", "used"), [(-14, ""), (-15, "older than the baseline window")])
def test_an_old_baseline_is_flagged(on: int, used: str) -> None:
    (alert,) = alerts(base("24", on=on), result("ALT", 28, "60", uln="40"))
    assert alert.baseline_flag == used


def test_on_day_0_the_start_of_the_infusion_divides_baseline_from_follow_up() -> None:
    before, after = (
        result("ALT", 0, "90", uln="40", hour=9, key="a"),
        result("ALT", 0, "90", uln="40", hour=11, key="b"),
    )
    assert alerts(base("24"), before) == []
    assert len(alerts(base("24"), after)) == 1


class TestDay0WithoutATime:
    """Nobody knows whether it was drawn before the infusion: it is neither baseline nor follow-up."""

    high = result("ALT", 0, "95", uln="40", day_only=True)

    def data(self, *rows: Any) -> dict[str, Any]:
        told = history(results=[base(), *rows], infusions=[infusion()])
        return {t.key: t for t in decide(told, 3).tasks if t.kind == "data"}

    def test_it_fires_nothing_and_asks_for_the_time(self) -> None:
        assert alerts(base(), self.high) == []
        assert set(self.data(self.high)) == {f"data:time:{self.high.id}"}

    def test_it_is_no_baseline(self) -> None:
        (alert,) = alerts(base("24"), self.high, result("ALT", 28, "50", uln="60"))
        assert str(alert.hits[0].baseline) == "24"

    def test_a_value_that_would_not_fire_asks_for_nothing(self) -> None:
        assert self.data(result("ALT", 0, "30", uln="40", day_only=True)) == {}

    def test_the_time_ends_the_task_and_the_value_fires(self) -> None:
        timed = result("ALT", 0, "95", uln="40", hour=14, status="corrected", reported=1)
        assert [t.ended_as for t in self.data(self.high, timed).values()] == ["done"]
        assert len(alerts(base(), self.high, timed)) == 1

    def test_a_factor_level_is_no_fall_and_asks_for_the_time(self) -> None:
        low = result("FIX_OS", 0, "1.2", day_only=True)
        told = history(results=[low], infusions=[infusion()])
        keys = {t.key for t in decide(told, 3).tasks if t.kind in ("data", "factor-check")}
        assert keys == {f"data:time:{low.id}"}


class TestBaselineReportedAsABound:
    """The last final value decides, also when it is a bound; what hangs on it is said, never guessed."""

    @pytest.mark.parametrize(
        ("baseline", "value", "uln", "arms"),
        [
            ("<10", "30", "40", {"above_2x_baseline"}),
            ("<10", "20", "40", {"above_2x_baseline"}),
            ("<=10", "20", "40", set()),
            ("<10", "19", "40", set()),
            ("<60", "55", "40", set()),
            ("<60", "60", "40", {"above_uln"}),
            (">50", "60", "40", set()),
            (">50", "90", "100", set()),
        ],
    )
    def test_arms(self, baseline: str, value: str, uln: str, arms: set[str]) -> None:
        found = alerts(base("25", on=-10), base(baseline, on=-2), result("ALT", 10, value, uln=uln))
        assert {a for alert in found for a in alert.hits[0].arms} == arms

    @pytest.mark.parametrize(("value", "asked"), [("19", True), ("30", False)])
    def test_what_cannot_be_told_asks_for_the_baseline(self, value: str, asked: bool) -> None:
        rows = [base("25", on=-10), base("<10", on=-2), result("ALT", 10, value, uln="40")]
        found = decide(history(results=rows, infusions=[infusion()]), 10).tasks
        assert ("data:baseline:ALT" in {t.key for t in found}) is asked

    def test_it_is_flagged(self) -> None:
        (alert,) = alerts(base("<10", on=-2), result("ALT", 10, "30", uln="40"))
        assert alert.baseline_flag == "reported as <10"


def test_a_baseline_without_a_limit_is_judged_with_the_results_and_flagged() -> None:
    (alert,) = alerts(base("60", uln=""), result("ALT", 10, "70", uln="40"))
    assert alert.baseline_flag == "the baseline had no ULN, judged with the result's"


def test_a_pathway_without_a_limit_arm_asks_for_no_limit() -> None:
    told = history(results=[base("20"), result("ALT", 10, "22")], infusions=[infusion()])
    assert [t.key for t in decide(told, 10, pathway="beqvez").tasks if t.kind == "data"] == []


class TestEndedByAClinician:
    """Neither baseline nor upper limits afterwards: no value can say that it is over."""

    first, later = result("ALT", 10, "45", uln="40"), [result("ALT", d, "15") for d in (20, 27)]

    def answer(self, on: int, over: bool = True) -> Any:
        (alert,) = alerts(self.first)
        payload = {"decision": "observe", "hits": [str(self.first.lineage)], "episode_over": over}
        return act("acknowledge", str(alert.id), payload, on)

    def told(self, *more: Any, over: bool = True, on: int = 200) -> Any:
        results = [self.first, *self.later, *more]
        return decide(history(results=results, infusions=[infusion()], acts=[self.answer(30, over)]), on)

    def test_without_a_word_it_goes_on(self) -> None:
        decision = self.told(over=False)
        assert decision.alerts[0].state == "acknowledged"
        assert sum(":x" in t.key for t in decision.tasks) > 10

    def test_the_word_ends_it_and_its_extra_panels(self) -> None:
        decision = self.told()
        assert (decision.alerts[0].state, decision.alerts[0].ended_on) == ("resolved", day(30))
        assert [t.key for t in decision.tasks if ":x" in t.key] == []

    def test_a_later_rise_is_a_new_alert(self) -> None:
        decision = self.told(result("ALT", 40, "50", uln="40"))
        assert [a.state for a in decision.alerts] == ["resolved", "open"]

    def test_with_a_baseline_the_values_decide(self) -> None:
        (alert,) = alerts(base(), self.first, acts=[self.answer(30)])
        assert (alert.state, alert.ended_on) == ("acknowledged", None)


class TestEpisodes:
    def test_further_hits_join_and_the_peak_is_kept(self) -> None:
        (alert,) = alerts(
            base(), *(result("ALT", d, v, uln="40") for d, v in ((14, "60"), (21, "95"), (28, "70")))
        )
        assert (len(alert.hits), str(alert.peak), alert.ended_on) == (3, "95", None)

    def test_a_new_alert_only_after_the_value_was_back(self) -> None:
        values = ((14, "60"), (21, "39"), (28, "61"))
        assert len(alerts(base(), *(result("ALT", d, v, uln="40") for d, v in values))) == 2

    def test_above_baseline_and_below_its_limit_ends_an_episode(self) -> None:
        first, _ = alerts(
            base("10"), *(result("ALT", d, v, uln="40") for d, v in ((14, "21"), (21, "19"), (28, "22")))
        )
        assert first.ended_on is not None

    def test_a_preliminary_value_does_not_end_an_episode(self) -> None:
        rows = [result("ALT", 14, "60", uln="40"), result("ALT", 21, "30", uln="40", status="preliminary")]
        assert alerts(base(), *rows)[0].ended_on is None

    def test_a_late_earlier_hit_joins_and_the_id_stays(self) -> None:
        later = result("ALT", 28, "70", uln="40", recorded=28)
        (before,) = alerts(base(), later)
        (after,) = alerts(base(), later, result("ALT", 21, "66", uln="40", recorded=35))
        assert before.id == after.id
        assert (before.first_hit_on, after.first_hit_on) == (before.hits[0].on, after.hits[0].on)
        assert after.first_hit_on < before.first_hit_on
        assert after.raised_on == before.raised_on


class TestCorrections:
    hit = result("ALT", 28, "95", uln="40")
    corrected = result("ALT", 28, "29", uln="40", status="corrected", reported=29, recorded=29)
    retracted = result("ALT", 28, "", status="entered_in_error", reported=29, recorded=29)

    def answered(self) -> Any:
        (alert,) = alerts(base(), self.hit)
        payload = {"decision": "observe", "note": "", "hits": [str(self.hit.lineage)]}
        return act("acknowledge", str(alert.id), payload, 28)

    def test_a_corrected_value_withdraws_an_unanswered_alert(self) -> None:
        (alert,) = alerts(base(), self.hit, self.corrected)
        assert (alert.state, alert.superseded_evidence) == ("withdrawn", True)

    def test_an_answered_alert_stays_and_asks_for_review(self) -> None:
        told = history(
            results=[base(), self.hit, self.corrected], infusions=[infusion()], acts=[self.answered()]
        )
        decision = decide(told, 40)
        (alert,) = [a for a in decision.alerts if a.rule == "alt-rise"]
        assert (alert.state, alert.superseded_evidence) == ("acknowledged", True)
        assert f"review:{alert.id}" in {t.key for t in decision.tasks}

    def test_retracted_evidence_withdraws_even_an_answered_alert(self) -> None:
        (alert,) = alerts(base(), self.hit, self.retracted, acts=[self.answered()])
        assert (alert.state, alert.superseded_evidence, alert.decision) == ("withdrawn", True, "observe")

    def test_a_correction_that_still_fires_keeps_the_alert(self) -> None:
        worse = result("ALT", 28, "99", uln="40", status="corrected", reported=29)
        (alert,) = alerts(base(), self.hit, worse)
        assert (alert.state, str(alert.hits[0].value), alert.superseded_evidence) == ("open", "99", False)

    def test_a_preliminary_hit_is_unconfirmed_until_final(self) -> None:
        early = result("ALT", 28, "95", uln="40", status="preliminary")
        assert alerts(base(), early)[0].unconfirmed
        final = result("ALT", 28, "95", uln="40", reported=29)
        (alert,) = alerts(base(), early, final)
        assert not alert.unconfirmed
        normal = result("ALT", 28, "30", uln="40", reported=29)
        assert [a.state for a in alerts(base(), early, normal)] == ["withdrawn"]


class TestAnswers:
    first, second = result("ALT", 14, "60", uln="40"), result("ALT", 21, "80", uln="40")
    back = result("ALT", 28, "24", uln="40")

    def answer(self, *seen: Any) -> Any:
        (alert,) = alerts(base(), self.first)
        return act(
            "acknowledge", str(alert.id), {"decision": "observe", "hits": [str(s.lineage) for s in seen]}, 22
        )

    def test_an_answer_covers_the_hits_it_saw(self) -> None:
        assert alerts(base(), self.first, acts=[self.answer(self.first)])[0].state == "acknowledged"

    def test_a_later_hit_opens_the_alert_again(self) -> None:
        (alert,) = alerts(base(), self.first, self.second, acts=[self.answer(self.first)])
        assert alert.state == "open"

    def test_answered_and_back_is_resolved(self) -> None:
        (alert,) = alerts(base(), self.first, self.back, acts=[self.answer(self.first)])
        assert alert.state == "resolved"

    def test_unanswered_and_back_stays_open(self) -> None:
        assert alerts(base(), self.first, self.back)[0].state == "open"

    def test_the_decision_is_due_the_next_day_and_done_by_the_answer(self) -> None:
        def task(acts: list[Any]) -> Any:
            tasks = decide(history(results=[base(), self.first], infusions=[infusion()], acts=acts), 30).tasks
            return next(t for t in tasks if t.kind == "steroid-decision")

        assert (task([]).due_on - task([]).opens_on).days == 1
        assert task([]).ended_as is None
        assert task([self.answer(self.first)]).ended_as == "done_out_of_window"


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (("37.5",), 0),
        (("37.5", "37.5"), 1),
        (("37.4", "37.5"), 0),
        (("37.5", "30", "37.5"), 0),
        (("36", "40", "38", "30"), 1),
    ],
)
def test_the_registry_event_needs_one_and_a_half_times_baseline_on_repeat(
    values: tuple[str, ...], count: int
) -> None:
    rows = [result("ALT", 7 * (i + 1), v, uln="60") for i, v in enumerate(values)]
    assert len(alerts(base("25"), *rows, rule="athn-aesi")) == count


def test_the_trigger_runs_in_the_whole_follow_up_and_after_death_nothing_is_due() -> None:
    late = result("ALT", 1500, "90", uln="40")
    assert len(alerts(base(), late, on=1500)) == 1
    told = history(results=[base(), *panel(7)], infusions=[infusion()], events=[event("death", 30)])
    decision = decide(told, 60)
    assert decision.phase == "closed"
    assert {t.ended_as for t in decision.tasks if t.due_on > decision.today} == {"cancelled"}


def test_before_the_infusion_there_is_no_alert() -> None:
    assert decide(history(results=[result("ALT", -30, "95", uln="40")]), -10).alerts == ()
