"""Booked dates of follow-ups: the newest word counts, windows stay, and a move shifts or keeps them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.story import act, day, history, infusion, protocol, result
from workflow.rules import bookings
from workflow.rules.facts import History, PatientFacts, known
from workflow.rules.follow_ups import calendar, given_on, visits

KEYS = ("liver-panel:w01", "liver-panel:w03", "fix-activity:w03", "liver-panel:m06", "liver-panel:m12")
PLAN = ("plan", "", {"infusion_on": day(0).isoformat()}, -40)


def book(key: str, on: int | date | None, told: int) -> Any:
    return act("book", key, {"on": day(on).isoformat() if on is not None else None}, told)


def plan(on: date, told: int, **more: Any) -> Any:
    return act("plan", "", {"infusion_on": on.isoformat(), **more}, told)


def facts_of(*acts: Any) -> PatientFacts:
    return known(history(acts=[act(*PLAN), *acts]), as_of=day(-1))


def moved(facts: PatientFacts, to: date, how: str, told: int) -> Any:
    """The plan act of a move, with the diff that it keeps."""
    before = calendar(protocol(), given_on(facts, _on(facts)), _on(facts))
    after = calendar(protocol(), given_on(facts, to), to)
    rows = bookings.moves(bookings.booked(facts), before, after)
    diff = [{"key": m.key, "old": str(m.booked_on), "new": str(m.on(how))} for m in rows]
    return plan(to, told, booked=how, bookings=diff)


def _on(facts: PatientFacts) -> date:
    on = bookings.last_planned(facts)
    assert on is not None
    return on


def after(facts: PatientFacts, *more: Any) -> PatientFacts:
    return known(History(person=facts.person, timezone="UTC", acts=(*facts.acts, *more)), as_of=day(-1))


def test_the_newest_word_counts_and_no_window_moves() -> None:
    told = [book("liver-panel:w03", 21, -9), book("liver-panel:w03", 23, -8), book("liver-panel:w01", 7, -7),
            book("liver-panel:w01", None, -6)]  # fmt: skip
    rows = {t.key: t for t in visits(protocol(), facts_of(*told), day(-1))}
    week3 = rows["liver-panel:w03"]
    assert (week3.booked_on, week3.opens_on, week3.due_on, week3.closes_on, week3.ended_as) == (
        day(23), day(18), day(21), day(24), None,
    )  # fmt: skip
    assert rows["liver-panel:w01"].booked_on is None


WORDS = [
    (21, "on target"), (22, "1 day after target"), (24, "3 days after target"), (18, "3 days before target"),
    (25, "4 days after target, outside the window"), (17, "4 days before target, outside the window"),
]  # fmt: skip


@pytest.mark.parametrize(("on", "text"), WORDS)
def test_a_booked_date_against_target_and_window(on: int, text: str) -> None:
    assert bookings.words(day(on), due_on=day(21), opens_on=day(18), closes_on=day(24)) == text


REFUSED = [(-2, "past"), (-1, "order"), (0, "order"), (1, None), (400, None)]


@pytest.mark.parametrize(("on", "code"), REFUSED)
def test_which_dates_can_be_booked(on: int, code: str | None) -> None:
    found = bookings.refusal(day(on), today=day(-1), infusion_on=day(0))
    assert (found[0] if found else None) == code


def test_visits_can_be_booked_decisions_and_data_cannot() -> None:
    told = history(infusions=[infusion()], results=[result("ALT", 7, "30")])
    rows = calendar(protocol(), known(told, as_of=day(8)), day(8))
    assert {t.kind for t in rows if bookings.bookable(protocol(), t)} == {
        "liver-panel", "fix-activity", "registry-visit", "safety-visit",
    }  # fmt: skip
    assert any(t.key.startswith("data:") for t in rows)


def test_before_a_date_was_ever_booked_there_is_nothing_to_book() -> None:
    assert visits(protocol(), known(history(), as_of=day(-1)), day(-1)) == ()


def test_a_plan_that_is_taken_back_leaves_bookings_and_where_they_stood() -> None:
    facts = facts_of(book("liver-panel:w03", 23, -9), act("plan", "", {"infusion_on": None}, -8))
    assert bookings.last_planned(facts) == day(0)
    again = moved(facts, day(10), "shift", -7)
    assert bookings.booked(after(facts, again)) == {"liver-panel:w03": day(33)}


def test_months_keep_their_distance_from_the_clamped_target() -> None:
    """31 August + 6 months is 28 February; a booking two days after it stays two days after the new target."""
    start = facts_of(plan(date(2026, 8, 31), -30), book("liver-panel:m06", date(2027, 3, 2), -29))
    then = after(start, moved(start, date(2026, 8, 30), "shift", -28))
    assert bookings.booked(then) == {"liver-panel:m06": date(2027, 3, 2)}
    then = after(then, moved(then, date(2026, 9, 1), "shift", -27))
    assert bookings.booked(then) == {"liver-panel:m06": date(2027, 3, 3)}


told_dates = st.dictionaries(st.sampled_from(KEYS), st.integers(1, 400), min_size=1)


@settings(max_examples=40, deadline=None)
@given(told_dates, st.lists(st.integers(0, 120), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_where_shifted_bookings_end_depends_on_the_last_date_only(
    dates: dict[str, int], steps: list[int], chance: Any
) -> None:
    """Whatever the order of the bookings and whichever dates lay between; and back again is where it began."""
    order = list(dates)
    chance.shuffle(order)
    start = facts_of(*(book(key, dates[key], -30 + n) for n, key in enumerate(order)))
    wandered = start
    for n, step in enumerate(steps):
        wandered = after(wandered, moved(wandered, day(step), "shift", -20 + n))
    straight = after(start, moved(start, day(steps[-1]), "shift", -20))
    assert bookings.booked(wandered) == bookings.booked(straight)
    home = after(wandered, moved(wandered, day(0), "shift", -5))
    assert bookings.booked(home) == {key: day(on) for key, on in dates.items()}


@settings(max_examples=40, deadline=None)
@given(told_dates, st.lists(st.tuples(st.integers(0, 120), st.sampled_from(("shift", "keep"))), max_size=4),
       st.randoms(use_true_random=False))  # fmt: skip
def test_the_order_in_which_acts_are_read_does_not_matter(
    dates: dict[str, int], steps: list[tuple[int, str]], chance: Any
) -> None:
    facts = facts_of(*(book(key, on, -30 + n) for n, (key, on) in enumerate(dates.items())))
    for n, (to, how) in enumerate(steps):
        facts = after(facts, moved(facts, day(to), how, -20 + n))
    mixed = list(facts.acts)
    chance.shuffle(mixed)
    read_again = known(History(person=facts.person, timezone="UTC", acts=tuple(mixed)), as_of=day(-1))
    assert bookings.booked(read_again) == bookings.booked(facts)


@settings(max_examples=40, deadline=None)
@given(told_dates, st.integers(0, 120))
def test_kept_bookings_keep_their_dates_and_shifted_ones_their_distance(
    dates: dict[str, int], to: int
) -> None:
    facts = facts_of(*(book(key, on, -30) for key, on in dates.items()))
    kept = after(facts, moved(facts, day(to), "keep", -20))
    assert bookings.booked(kept) == {key: day(on) for key, on in dates.items()}
    shifted = after(facts, moved(facts, day(to), "shift", -20))
    before = {t.key: t for t in visits(protocol(), facts, day(-1))}
    for task in visits(protocol(), shifted, day(-1)):
        if task.key in dates:
            assert task.booked_on is not None
            old = day(dates[task.key]) - before[task.key].due_on
            assert task.booked_on - task.due_on == old
