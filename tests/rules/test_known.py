"""What was known at an instant and true by a day: items in quarantine, authorizations, site settings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.rules.story import day, history, moment, name
from workflow.rules.facts import AuthorizationFact, WaitingItem, known, next_true_on


def item(**more: Any) -> WaitingItem:
    plain = {"id": name("item"), "analyte": "ALT", "reason": "unit-unknown", "received_at": moment(-5)}
    return WaitingItem(**(plain | more))


@pytest.mark.parametrize(
    ("resolved", "asked_at", "waits"),
    [
        (None, None, True),
        (None, moment(-6), False),
        (None, moment(-5), True),
        (moment(-3), None, False),
        (moment(-3), moment(-4), True),
        (moment(-3), moment(-3), False),
        (moment(-3), moment(-2), False),
    ],
)
def test_an_item_waits_from_its_arrival_until_it_is_resolved(
    resolved: datetime | None, asked_at: datetime | None, waits: bool
) -> None:
    facts = known(history(waiting=[item(resolved_at=resolved)]), as_of=day(0), as_known_at=asked_at)
    assert bool(facts.waiting) is waits


def test_an_item_collected_later_does_not_wait_yet_and_is_announced() -> None:
    told = history(waiting=[item(collected_on=day(-3))])
    assert not known(told, as_of=day(-4)).waiting
    assert known(told, as_of=day(-3)).waiting
    assert next_true_on(told, after=day(-4)) == day(-3)
    assert next_true_on(told, after=day(-3)) is None


def authorization(recorded: int, **more: Any) -> AuthorizationFact:
    plain: dict[str, Any] = {
        "id": name("authorization", recorded), "recorded_at": moment(recorded), "payer": "Sample", "number": "1",
        "status": "approved", "submitted_on": None, "decided_on": None, "valid_from": None, "valid_to": None,
    }  # fmt: skip
    return AuthorizationFact(**(plain | more))


@pytest.mark.parametrize(
    ("dates", "asked", "status"),
    [
        ({"submitted_on": day(-20), "decided_on": day(-10)}, -21, None),
        ({"submitted_on": day(-20), "decided_on": day(-10)}, -20, "submitted"),
        ({"submitted_on": day(-20), "decided_on": day(-10)}, -11, "submitted"),
        ({"submitted_on": day(-20), "decided_on": day(-10)}, -10, "approved"),
        ({"decided_on": day(-10)}, -11, None),
        ({"decided_on": day(-10)}, -10, "approved"),
        ({"submitted_on": day(-20)}, -20, "approved"),
        ({}, -6, None),
        ({}, -5, "approved"),
    ],
)
def test_an_authorization_stands_as_it_did_on_the_day(
    dates: dict[str, date], asked: int, status: str | None
) -> None:
    rows = known(history(authorizations=[authorization(-5, **dates)]), as_of=day(asked)).authorizations
    assert [r.status for r in rows] == ([status] if status else [])


def test_an_undecided_authorization_has_no_validity_yet() -> None:
    row = authorization(-5, submitted_on=day(-20), decided_on=day(-10), valid_from=day(-10), valid_to=day(80))
    before = known(history(authorizations=[row]), as_of=day(-15)).authorizations[0]
    assert (before.decided_on, before.valid_from, before.valid_to) == (None, None, None)


def test_submission_and_decision_are_announced() -> None:
    told = history(authorizations=[authorization(-5, submitted_on=day(-20), decided_on=day(-10))])
    assert next_true_on(told, after=day(-30)) == day(-20)
    assert next_true_on(told, after=day(-20)) == day(-10)


def test_an_authorization_without_dates_counts_from_the_sites_own_date() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC) - timedelta(days=5)
    told = history(authorizations=[authorization(-5, recorded_at=late)])
    assert known(told, as_of=late.date()).authorizations
