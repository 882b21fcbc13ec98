"""What people say about a task: a hold never outlasts its window, and the order of arrival does not matter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.story import DAY0, act, day, decide, history, infusion, moment
from workflow.rules.contacts import HOW, OUTCOMES, WHO, said
from workflow.rules.effects import Task
from workflow.rules.facts import Act

KEY = "liver-panel:w05"
CLOSES = 38


def call(on: int, who: str = "patient", outcome: str = "no_answer") -> Act:
    told = {"at": moment(on, 10).isoformat(), "who": who, "how": "phone", "outcome": outcome}
    return act("contact", KEY, told, on)


def snooze(on: int, until: int | None) -> Act:
    return act("snooze", KEY, {"until": None if until is None else day(until).isoformat()}, on)


def task(on: int, *acts: Act, day0: int = 0) -> Task:
    told = history(infusions=[infusion(day0)], acts=acts)
    return next(t for t in decide(told, on).tasks if t.key == KEY)


@pytest.mark.parametrize(
    ("story", "acts", "until"),
    [
        ("inside the window", [snooze(33, 36)], 36),
        ("to the last day", [snooze(33, CLOSES)], CLOSES),
        ("beyond the window it is cut", [snooze(33, CLOSES + 1)], CLOSES),
        ("made after the window it hides nothing", [snooze(CLOSES + 1, CLOSES + 3)], CLOSES),
        ("the later one counts", [snooze(33, 37), snooze(34, 35)], 35),
        ("taken off hold", [snooze(33, 37), snooze(34, None)], None),
    ],
)
def test_a_task_is_on_hold_while_it_can_still_be_done(story: str, acts: list[Act], until: int | None) -> None:
    held = task(CLOSES + 2, *acts).snoozed_until
    assert held == (None if until is None else day(until)), story


def test_a_hold_is_cut_when_the_window_moves_before_it() -> None:
    """The infusion was a week earlier than first recorded: the panel is overdue now, and in view."""
    acts = [snooze(33, CLOSES)]
    assert task(CLOSES - 5, *acts).snoozed_until == day(CLOSES)
    moved = task(CLOSES - 5, *acts, day0=-7)
    assert moved.closes_on == day(CLOSES - 7) == moved.snoozed_until
    assert moved.snoozed_until < day(CLOSES - 5)


def test_the_contact_log_counts_all_and_shows_the_newest() -> None:
    first, second = call(33), call(34, outcome="reached")
    found = task(35, second, first)
    assert found.contacts == 2
    assert found.last_contact is not None
    assert (found.last_contact.outcome, found.last_contact.at) == ("reached", moment(34, 10))
    assert found.ended_as is None, "a call ends nothing"


@pytest.mark.parametrize("outcome", sorted(OUTCOMES))
def test_a_contact_is_told_in_words(outcome: str) -> None:
    for who in WHO:
        for how in HOW:
            text = said({"who": who, "how": how, "outcome": outcome})
            assert text.startswith(WHO[who]) and HOW[how] in text and "_" not in text


SAID = st.sampled_from(["assign", "snooze", "contact", "complete", "waive", "miss"])
SAYINGS = st.lists(st.tuples(SAID, st.integers(0, 3)), min_size=1, max_size=8)


def spoken(kind: str, choice: int, on: int) -> Act:
    if kind == "contact":
        return call(on, sorted(WHO)[choice])
    if kind == "snooze":
        return snooze(on, None if choice == 0 else on + choice)
    payload: dict[str, Any] = {"assignee": "abcd"[choice]} if kind == "assign" else {}
    return act(kind, KEY, payload, on, reason=f"reason {choice}")


@settings(max_examples=60, deadline=None)
@given(SAYINGS, st.randoms(use_true_random=False))
def test_what_was_said_counts_in_the_order_in_which_it_was_said(sayings: list[Any], chance: Any) -> None:
    acts = [spoken(kind, choice, 20 + n) for n, (kind, choice) in enumerate(sayings)]
    shuffled = list(acts)
    chance.shuffle(shuffled)
    found = task(30, *shuffled)
    assert found == task(30, *acts)
    assigned = [a.payload["assignee"] for a in acts if a.kind == "assign"]
    ended = [a for a in acts if a.kind in ("complete", "waive", "miss")]
    assert found.assignee == (assigned[-1] if assigned else "")
    assert found.contacts == sum(a.kind == "contact" for a in acts)
    assert (found.ended_as is None) == (not ended)
    assert found.ended_reason == (ended[-1].reason if ended else "")
    assert found.snoozed_until is None or found.snoozed_until <= DAY0 + timedelta(days=CLOSES)
