"""Steroid courses: the template with its hold step, own steps, ends, doses taken, unusual lengths."""

from __future__ import annotations

from typing import Any

from tests.rules.story import act, day, decide, history, infusion, result
from workflow.rules.effects import SteroidCourse

BASE = result("ALT", -8, "24", uln="40")


def course(
    on: int, *results: Any, start: int = 30, order: dict[str, Any] | None = None, more: Any = ()
) -> SteroidCourse:
    payload = {"started_on": day(start).isoformat(), "template": "default", **(order or {})}
    told = history(
        results=[BASE, *results],
        infusions=[infusion()],
        acts=[act("steroid", "course-1", payload, start), *more],
    )
    (found,) = decide(told, on).courses
    return found


def told(found: SteroidCourse, start: int = 30) -> list[tuple[int, int | None, str]]:
    first = day(start)
    return [
        ((s.from_on - first).days + 1, (s.to_on - first).days + 1 if s.to_on else None, str(s.mg_per_day))
        for s in found.steps
    ]


WEEKS = [(1, 7, "60"), (8, 14, "40"), (15, 21, "30"), (22, 28, "30")]


def test_the_hold_stays_open_and_the_taper_is_not_shown_while_alt_is_raised() -> None:
    found = course(70, result("ALT", 60, "50", uln="40"))
    assert told(found) == [*WEEKS, (29, None, "20")]
    assert found.state == "running"


def test_the_hold_ends_with_the_first_value_back_at_baseline() -> None:
    found = course(75, result("ALT", 70, "24", uln="40"))
    assert told(found) == [*WEEKS, (29, 41, "20"), (42, 48, "15"), (49, 55, "10"), (56, 62, "5")]
    assert found.state == "tapering"


def test_above_baseline_but_below_its_limit_does_not_end_the_hold() -> None:
    assert told(course(75, result("ALT", 70, "24.1", uln="40")))[-1] == (29, None, "20")


def test_a_value_on_day_21_of_the_course_is_too_early_and_on_day_22_counts() -> None:
    assert told(course(75, result("ALT", 50, "20", uln="40")))[-1] == (29, None, "20")
    assert told(course(75, result("ALT", 51, "20", uln="40")))[4] == (29, 35, "20")


def test_the_hold_lasts_at_least_seven_days() -> None:
    assert told(course(75, result("ALT", 58, "20", uln="40")))[4] == (29, 35, "20")
    assert told(course(75, result("ALT", 65, "20", uln="40")))[4] == (29, 36, "20")


def test_without_a_baseline_the_limit_of_the_result_decides() -> None:
    payload = {"started_on": day(30).isoformat(), "template": "default"}
    row = result("ALT", 70, "40", uln="40")
    facts = history(results=[row], infusions=[infusion()], acts=[act("steroid", "c", payload, 30)])
    assert decide(facts, 75).courses[0].steps[4].to_on == day(70)


def test_an_ended_course_is_cut() -> None:
    found = course(60, order={"ended_on": day(40).isoformat()})
    assert told(found) == [(1, 7, "60"), (8, 11, "40")]
    assert (found.state, found.ended_on, found.flags) == ("ended", day(40), ("shorter-than-usual",))


def test_own_steps_are_taken_as_they_are() -> None:
    steps = [{"from": day(30).isoformat(), "to": day(99).isoformat(), "mg_per_day": "25"}]
    found = course(60, order={"template": "", "steps": steps})
    assert told(found) == [(1, 70, "25")]
    assert found.flags == ()


def test_a_course_of_more_than_twelve_weeks_is_flagged_while_it_runs() -> None:
    assert course(113).flags == ()
    assert course(114).flags == ("longer-than-usual",)


def test_what_was_taken_is_kept_beside_what_was_ordered() -> None:
    doses = [act("steroid-dose", "course-1", {"on": day(31).isoformat(), "mg": "55"}, 31)]
    assert [str(mg) for _, mg in course(40, more=doses).doses] == ["55"]


def test_a_change_replaces_the_order() -> None:
    payload = {"started_on": day(30).isoformat(), "template": "default", "ended_on": day(50).isoformat()}
    assert course(60, more=[act("steroid", "course-1", payload, 50)]).ended_on == day(50)
