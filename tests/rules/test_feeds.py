"""What a calendar feed tells over time: new, moved, ended, back again; never backwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.rules.feeds import CANCELLED_DAYS, Told, changes, reference, shows

NOW = datetime(2027, 3, 1, 11, 0, 0, 250_000, tzinfo=UTC)
ON = date(2027, 3, 9)
DAY = timedelta(days=1)


def told(steps: list[dict[str, tuple[date, str]]], every: timedelta = timedelta(hours=1)) -> dict[str, Told]:
    """A feed that is read once for each set of wanted tasks."""
    known: dict[str, Told] = {}
    for number, wanted in enumerate(steps):
        known |= changes(wanted, known, NOW + number * every)
    return known


@pytest.mark.parametrize(
    ("story", "steps", "sequence", "ended"),
    [
        ("new", [{"a": (ON, "")}], 0, False),
        ("read again", [{"a": (ON, "")}] * 3, 0, False),
        ("moved", [{"a": (ON, "")}, {"a": (ON + DAY, "")}], 1, False),
        ("moved and back", [{"a": (ON, "")}, {"a": (ON + DAY, "")}, {"a": (ON, "")}], 2, False),
        ("other words", [{"a": (ON, "x")}, {"a": (ON, "y")}], 1, False),
        ("ended", [{"a": (ON, "")}, {}], 1, True),
        ("ended, read again", [{"a": (ON, "")}, {}, {}], 1, True),
        ("back again", [{"a": (ON, "")}, {}, {"a": (ON, "")}], 2, False),
    ],
)
def test_the_sequence_rises_with_each_change_only(story: str, steps: Any, sequence: int, ended: bool) -> None:
    found = told(steps)["a"]
    assert (found.sequence, found.ended_at is not None) == (sequence, ended), story


def test_what_was_never_told_is_never_cancelled() -> None:
    assert changes({}, {}, NOW) == {}


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        (timedelta(0), True),
        (timedelta(days=CANCELLED_DAYS) - timedelta(seconds=1), True),
        (timedelta(days=CANCELLED_DAYS), False),
    ],
)
def test_a_cancelled_task_is_told_for_thirty_days(after: timedelta, seen: bool) -> None:
    found = told([{"a": (ON, "")}, {}])["a"]
    assert found.ended_at is not None
    assert shows(found, found.ended_at + after) is seen


STEP = st.dictionaries(st.sampled_from("abc"), st.tuples(st.dates(ON, ON + 5 * DAY), st.just("")))


@given(st.lists(STEP, max_size=8), st.sampled_from([timedelta(0), timedelta(seconds=1), timedelta(days=-1)]))
def test_sequence_and_time_of_change_only_rise_whatever_the_clock_does(steps: Any, every: timedelta) -> None:
    known: dict[str, Told] = {}
    for number, wanted in enumerate(steps):
        moment = NOW + number * every
        new = changes(wanted, known, moment)
        for key, change in new.items():
            if key in known:
                assert change.sequence == known[key].sequence + 1
                assert change.modified_at > known[key].modified_at
        known |= new
        assert changes(wanted, known, moment) == {}, "the same again changes nothing"
        assert {k for k, t in known.items() if t.ended_at is None} == set(wanted)


def test_a_reference_is_six_digits() -> None:
    assert reference(UUID(int=0)) == "000000"
    assert reference(UUID(int=2**128 - 1)) == f"{(2**128 - 1) % 1_000_000:06d}"
