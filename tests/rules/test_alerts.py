"""What becomes of an alert when results are corrected, retracted, finalised or added after an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.story import act, day, decide, history, infusion, moment, result
from workflow.rules.effects import Alert, Task
from workflow.rules.windows import state


def told(*results: Any, acts: Any = ()) -> Any:
    return history(
        results=[result("ALT", -8, "24", uln="40"), *results], infusions=[infusion()], acts=list(acts)
    )


def alerts(*results: Any, acts: Any = (), on: int = 60, rule: str = "alt-rise") -> list[Alert]:
    return [a for a in decide(told(*results, acts=acts), on).alerts if a.rule == rule]


def tasks(*results: Any, acts: Any = (), on: int = 60) -> dict[str, Task]:
    found = decide(told(*results, acts=acts), on).tasks
    return {t.kind: t for t in found if t.kind in ("steroid-decision", "review")}


def alt(on: int, value: str, recorded: int | None = None, **more: Any) -> Any:
    learned = on if recorded is None else recorded
    return result("ALT", on, value, uln=more.pop("uln", "40"), recorded=learned, reported=learned, **more)


def answer(alert: Alert, on: int, **more: Any) -> Any:
    payload = {"decision": "observe", "note": "", "hits": [str(h.lineage) for h in alert.hits], **more}
    return act("acknowledge", str(alert.id), payload, on)


def values(alert: Alert) -> list[str]:
    return [str(h.value) for h in alert.hits]


class TestIdentity:
    early, final = alt(10, "90", status="preliminary"), alt(10, "90", recorded=18)
    next_week = alt(17, "90")

    def test_the_id_stays_when_the_first_hit_is_finalised(self) -> None:
        (before,) = alerts(self.early, self.next_week)
        (after,) = alerts(self.early, self.next_week, self.final)
        assert before.id == after.id

    def test_it_was_raised_on_the_day_the_first_version_was_learned(self) -> None:
        (alert,) = alerts(self.early, self.final)
        assert alert.raised_on == day(10)
        assert tasks(self.early, self.final)["steroid-decision"].due_on == day(11)

    def test_a_hit_that_joined_a_retracted_one_keeps_the_id_and_shows_itself(self) -> None:
        gone = alt(10, "", status="entered_in_error", recorded=18)
        (before,) = alerts(alt(10, "300"), self.next_week)
        (after,) = alerts(alt(10, "300"), self.next_week, gone)
        assert before.id == after.id
        assert (after.first_hit_on, str(after.shown.value), str(after.peak)) == (day(17), "90", "90")


class TestWithdrawn:
    wrong, right = alt(10, "95"), alt(10, "20", status="corrected", recorded=12)
    later = alt(17, "95")

    def test_a_later_rise_is_a_new_alert(self) -> None:
        (false,) = alerts(self.wrong)
        first, second = alerts(self.wrong, self.right, self.later)
        assert (first.id, first.state, first.superseded_evidence) == (false.id, "withdrawn", True)
        assert (second.state, second.first_hit_on, second.raised_on) == ("open", day(17), day(17))
        assert second.id != false.id
        assert not second.superseded_evidence

    def test_its_task_is_cancelled_and_the_new_one_is_due_the_next_day(self) -> None:
        found = decide(told(self.wrong, self.right, self.later), 17).tasks
        ended = {t.due_on: t.ended_as for t in found if t.kind == "steroid-decision"}
        assert ended == {day(11): "cancelled", day(18): None}

    def test_a_corrected_value_between_two_hits_divides_them(self) -> None:
        middle = [alt(14, "95"), alt(14, "20", status="corrected", recorded=16)]
        first, second = alerts(self.wrong, *middle, self.later)
        assert (values(first), values(second)) == (["95", "95"], ["95"])
        assert (first.ended_on, second.ended_on) == (day(14), None)

    def test_a_rise_after_a_retraction_is_asked_for_from_its_own_day(self) -> None:
        gone = alt(10, "", status="entered_in_error", recorded=12)
        (alert,) = alerts(self.wrong, gone, self.later)
        assert (alert.state, alert.first_hit_on, alert.asked_on) == ("open", day(17), day(17))
        assert tasks(self.wrong, gone, self.later)["steroid-decision"].due_on == day(18)


class TestCorrectedAfterTheAnswer:
    seen = alt(10, "45")

    def answered(self) -> Any:
        (alert,) = alerts(self.seen)
        return answer(alert, 11)

    def test_upwards_opens_the_alert_again_and_asks_for_a_review(self) -> None:
        worse = alt(10, "900", status="corrected", recorded=12)
        (alert,) = alerts(self.seen, worse, acts=[self.answered()])
        assert (alert.state, alert.superseded_evidence) == ("open", True)
        assert [str(o.value) for o in alert.hits[0].other_values] == ["45"]
        found = tasks(self.seen, worse, acts=[self.answered()], on=13)
        assert {k: (t.due_on, t.ended_as) for k, t in found.items()} == {
            "steroid-decision": (day(13), None),
            "review": (day(13), None),
        }

    def test_a_second_answer_ends_both(self) -> None:
        worse = alt(10, "900", status="corrected", recorded=12)
        (opened,) = alerts(self.seen, worse, acts=[self.answered()])
        acts = [self.answered(), answer(opened, 13)]
        (alert,) = alerts(self.seen, worse, acts=acts)
        assert alert.state == "acknowledged"
        assert {t.ended_as for t in tasks(self.seen, worse, acts=acts).values()} == {"done"}

    def test_a_second_correction_upwards_opens_it_once_more(self) -> None:
        worse = alt(10, "900", status="corrected", recorded=12)
        worst = alt(10, "950", status="corrected", recorded=14)
        (opened,) = alerts(self.seen, worse, acts=[self.answered()])
        (alert,) = alerts(self.seen, worse, worst, acts=[self.answered(), answer(opened, 13)])
        assert (alert.state, alert.asked_on, alert.review_asked_on) == ("open", day(14), day(14))

    def test_downwards_it_stays_answered_and_asks_for_a_review(self) -> None:
        better = alt(10, "41", status="corrected", recorded=12)
        (alert,) = alerts(self.seen, better, acts=[self.answered()])
        assert (alert.state, alert.superseded_evidence) == ("acknowledged", True)
        found = tasks(self.seen, better, acts=[self.answered()])
        assert (found["review"].due_on, found["review"].ended_as) == (day(13), None)
        assert (found["steroid-decision"].due_on, found["steroid-decision"].ended_as) == (day(11), "done")

    def test_the_same_value_made_final_changes_nothing(self) -> None:
        early = alt(10, "45", status="preliminary")
        (alert,) = alerts(early)
        (after,) = alerts(early, alt(10, "45", recorded=12), acts=[answer(alert, 11)])
        assert (after.state, after.superseded_evidence) == ("acknowledged", False)

    def test_a_retracted_hit_among_answered_ones_asks_for_a_review(self) -> None:
        other = alt(17, "50")
        (alert,) = alerts(self.seen, other)
        gone = alt(10, "", status="entered_in_error", recorded=20)
        acts = [answer(alert, 18)]
        (after,) = alerts(self.seen, other, gone, acts=acts)
        assert (after.id, after.state) == (alert.id, "acknowledged")
        assert tasks(self.seen, other, gone, acts=acts)["review"].due_on == day(21)


class TestAHitAfterTheAnswer:
    first, second = alt(10, "45"), alt(17, "300")

    def answered(self) -> Any:
        (alert,) = alerts(self.first)
        return answer(alert, 11)

    def test_the_decision_is_due_the_day_after_it_was_learned(self) -> None:
        (alert,) = alerts(self.first, self.second, acts=[self.answered()])
        assert (alert.state, alert.raised_on, alert.asked_on) == ("open", day(10), day(17))
        task = tasks(self.first, self.second, acts=[self.answered()])["steroid-decision"]
        assert (task.opens_on, task.due_on) == (day(17), day(18))
        assert [state(task, day(n)) for n in (17, 18, 19)] == ["open", "open", "overdue"]

    @pytest.mark.parametrize(("on", "ended"), [(18, "done"), (19, "done_out_of_window")])
    def test_its_answer_ends_the_task(self, on: int, ended: str) -> None:
        (opened,) = alerts(self.first, self.second, acts=[self.answered()])
        acts = [self.answered(), answer(opened, on)]
        assert tasks(self.first, self.second, acts=acts)["steroid-decision"].ended_as == ended

    @pytest.mark.parametrize("kind", ["complete", "waive", "snooze"])
    def test_what_was_said_before_it_does_not_end_or_hide_the_task(self, kind: str) -> None:
        key = tasks(self.first)["steroid-decision"].key
        acts = [self.answered(), act(kind, key, {"until": day(40).isoformat()}, 12)]
        task = tasks(self.first, self.second, acts=acts)["steroid-decision"]
        assert (task.ended_as, task.snoozed_until) == (None, None)


class TestMerge:
    rows = (alt(10, "95"), alt(17, "20"), alt(24, "95"))
    gone = alt(17, "", status="entered_in_error", recorded=30)

    def test_the_younger_alert_stays_withdrawn_and_names_the_elder(self) -> None:
        elder, younger = alerts(*self.rows)
        merged, former = alerts(*self.rows, self.gone)
        assert (merged.id, merged.state, values(merged)) == (elder.id, "open", ["95", "95"])
        assert values(former) == values(merged)
        assert (former.id, former.state, former.merged_into) == (younger.id, "withdrawn", elder.id)

    def test_its_task_is_cancelled(self) -> None:
        _, younger = alerts(*self.rows)
        found = {t.key: t.ended_as for t in decide(told(*self.rows, self.gone), 31).tasks}
        assert found[f"steroid-decision:{younger.id}"] == "cancelled"

    def test_a_correction_upwards_between_them_merges_too(self) -> None:
        elder, younger = alerts(*self.rows)
        merged, former = alerts(*self.rows, alt(17, "95", status="corrected", recorded=30))
        assert (merged.id, len(merged.hits), former.id) == (elder.id, 3, younger.id)

    def test_answers_to_either_count_for_the_one_that_lives(self) -> None:
        elder, younger = alerts(*self.rows)
        acts = [answer(elder, 11), answer(younger, 25)]
        merged, _ = alerts(*self.rows, self.gone, acts=acts)
        assert merged.state == "acknowledged"


class TestConfirmedOnRepeat:
    def test_a_retracted_result_between_two_hits_does_not_part_them(self) -> None:
        rows = [alt(10, "45"), alt(13, "90"), alt(17, "45")]
        gone = alt(13, "", status="entered_in_error", recorded=14)
        (alert,) = alerts(*rows, gone, rule="athn-aesi")
        assert alert.state == "open"
        assert [h.superseded for h in alert.hits] == [False, True, False]

    def test_a_retracted_repeat_withdraws_the_alert_under_the_same_id(self) -> None:
        rows = [alt(10, "45"), alt(13, "90")]
        (before,) = alerts(*rows, rule="athn-aesi")
        (after,) = alerts(*rows, alt(13, "", status="entered_in_error", recorded=14), rule="athn-aesi")
        assert (after.id, after.state) == (before.id, "withdrawn")


VERSIONS = st.lists(
    st.tuples(
        st.sampled_from([10, 12, 14, 17, 20]),
        st.sampled_from(["95", "45", "20", "900", ""]),
        st.sampled_from(["preliminary", "final", "corrected", "entered_in_error"]),
        st.integers(21, 26),
    ),
    max_size=9,
)


def seen(found: list[Alert]) -> list[Any]:
    """Alerts without ids and without what depends on when Daymark learned a result."""
    return sorted(
        (a.rule, a.state, a.first_hit_on, a.ended_on or day(999), a.merged_into is not None, a.superseded_evidence,
         a.peak, [(h.on, h.value, h.superseded, [o.value for o in h.other_values]) for h in a.hits])
        for a in found
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(VERSIONS, st.randoms(use_true_random=False))
def test_the_order_in_which_results_are_recorded_changes_no_alert(told_of: Any, chance: Any) -> None:
    rows = [
        result("ALT", on, "" if status == "entered_in_error" else value or "45", uln="40", status=status,
               reported=reported)
        for on, value, status, reported in told_of
    ]  # fmt: skip
    days = list(range(30, 30 + len(rows)))
    orders = []
    for _ in range(2):
        chance.shuffle(days)
        orders.append([r._replace(recorded_at=moment(d, 12)) for r, d in zip(rows, days, strict=True)])
    first, second = ([*alerts(*o), *alerts(*o, rule="athn-aesi")] for o in orders)
    assert seen(first) == seen(second)


class TestAnotherBaseline:
    """ALT 41, ULN 45, against a baseline of 20 that is corrected to 22, or retracted, on day 12."""

    hits = (alt(7, "41", uln="45"), alt(10, "42", uln="45"))
    rise = hits[0]

    @staticmethod
    def base(value: str, reported: int = -8, status: str = "final") -> Any:
        return result("ALT", -8, value, uln="45", status=status, recorded=reported, reported=reported)

    def decided(self, *results: Any, acts: Any = (), on: int = 60) -> Any:
        rows = [self.base("20"), *results]
        return decide(history(results=rows, infusions=[infusion()], acts=list(acts)), on)

    def alerts(self, *results: Any, acts: Any = ()) -> list[Alert]:
        return [a for a in self.decided(*results, acts=acts).alerts if a.rule == "alt-rise"]

    @pytest.mark.parametrize(
        ("now", "told"),
        [
            (("22", 12, "corrected"), "was 20 when this fired, is 22 now"),
            (("20", 12, "entered_in_error"), "no baseline; was 20 when this fired, was retracted since"),
        ],
    )
    def test_an_open_alert_is_withdrawn_under_its_id_and_says_what_the_baseline_was(
        self, now: Any, told: str
    ) -> None:
        (before,) = self.alerts(*self.hits)
        assert (before.state, before.shown.baseline, len(before.hits)) == ("open", 20, 2)
        (after,) = self.alerts(*self.hits, self.base(*now))
        assert (after.id, after.state, after.superseded_evidence) == (before.id, "withdrawn", True)
        assert (len(after.hits), after.shown.baseline, after.shown.arms) == (2, 20, before.shown.arms)
        assert after.baseline_flag == told

    def test_a_correction_under_which_it_still_fires_leaves_it_open(self) -> None:
        (alert,) = self.alerts(self.rise, self.base("20.4", 12, "corrected"))
        assert (alert.state, alert.superseded_evidence, alert.baseline_flag) == ("open", False, "")
        assert str(alert.shown.baseline) == "20.4"

    def test_at_exactly_twice_the_corrected_baseline_it_no_longer_fires(self) -> None:
        (alert,) = self.alerts(self.rise, self.base("20.5", 12, "corrected"))
        assert alert.state == "withdrawn"

    def test_an_answered_one_stays_and_is_to_be_looked_at_again(self) -> None:
        (before,) = self.alerts(self.rise)
        first = answer(before, 9)
        corrected = self.base("22", 12, "corrected")
        decided = self.decided(self.rise, corrected, acts=[first])
        (after,) = (a for a in decided.alerts if a.rule == "alt-rise")
        assert (after.id, after.state, after.review_asked_on) == (before.id, "acknowledged", day(12))
        assert [t.ended_as for t in decided.tasks if t.kind == "review"] == [None]
        (done,) = self.alerts(self.rise, corrected, acts=[first, answer(before, 14)])
        assert (done.state, done.review_done_on) == ("acknowledged", day(14))

    def test_what_was_reported_after_the_correction_was_never_an_alert(self) -> None:
        assert self.alerts(alt(13, "41", uln="45"), self.base("22", 12, "corrected")) == []
        assert self.alerts(self.rise, self.base("22", -7, "corrected")) == []

    def test_a_later_rise_that_stands_joins_and_keeps_the_alert_open(self) -> None:
        corrected = self.base("22", 12, "corrected")
        (alert,) = self.alerts(self.rise, alt(14, "50", uln="45"), corrected)
        assert (alert.state, values(alert), str(alert.shown.value)) == ("open", ["41", "50"], "50")
        assert alert.superseded_evidence

    def test_the_order_of_recording_does_not_matter(self) -> None:
        corrected = self.base("22", 12, "corrected")
        late = alt(7, "41", recorded=30, uln="45")
        late = late._replace(reported_at=moment(7, 11))
        (one,), (other,) = self.alerts(self.rise, corrected), self.alerts(late, corrected)
        assert (one.state, one.baseline_flag) == (other.state, other.baseline_flag)
