"""Prophylaxis after the infusion: when its stop may be suggested, and that only a clinician's act ends it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.story import act, day, history, infusion, protocol, regimen, result
from workflow.rules.bridging import BridgingState, bridging
from workflow.rules.facts import known


def state(on: int, *results: Any, **more: Any) -> BridgingState | None:
    more.setdefault("regimens", [regimen(-900, 10)])
    told = history(infusions=[infusion()], results=results, **more)
    return bridging(protocol(), known(told, as_of=day(on)), day(on))


def levels(*rows: tuple[int, str]) -> list[Any]:
    return [result("FIX_OS", on, value) for on, value in rows]


@pytest.mark.parametrize(("values", "expected"), [
    ([], "bridging"), ([(40, "12")], "bridging"), ([(40, "12"), (47, "14")], "suggested"),
    ([(40, "12"), (46, "14")], "bridging"), ([(40, "5"), (47, "14")], "bridging"), ([(40, "5.1"), (47, "5.1")], "suggested"),
    ([(40, "12"), (47, "4"), (50, "12")], "bridging"), ([(40, ">5"), (47, ">6")], "suggested"),
    ([(40, "<20"), (47, "12")], "bridging"), ([(40, "4"), (47, "12"), (54, "12")], "suggested"),
])  # fmt: skip
def test_sustained_above_the_limit(values: list[tuple[int, str]], expected: str) -> None:
    """Prophylaxis is said to run on, but the last dose is long washed out."""
    found = state(60, *levels(*values), regimens=[regimen(-900, 10), regimen(59)])
    assert found is not None and found.state == expected


def test_values_within_the_washout_suggest_nothing() -> None:
    found = state(60, *levels((40, "12"), (47, "14")), regimens=[regimen(-900)])
    assert found is not None and (found.state, len(found.evidence)) == ("indeterminate", 2)


def test_no_prophylaxis_or_no_infusion_is_no_bridging() -> None:
    assert state(60, regimens=[]) is None
    told = history(regimens=[regimen(-900)])
    assert bridging(protocol(), known(told, as_of=day(0)), day(0)) is None


def test_a_clinicians_stop_ends_it_until_a_new_regimen() -> None:
    stop = act("stop-prophylaxis", "", {"regimens": []}, 10, by="dr-a", reason="stable")
    found = state(10, acts=[stop])
    assert found is not None and (found.state, found.decided_by, found.decided_on) == (
        "stopped",
        "dr-a",
        day(10),
    )
    again = state(60, acts=[stop], regimens=[regimen(-900, 10), regimen(59)])
    assert again is not None and again.state == "bridging"


def test_the_number_comes_with_its_source() -> None:
    found = state(60, regimens=[regimen(-900)])
    assert found is not None and found.rule is not None
    assert (found.rule.above, found.rule.above_source.certainty) == (5, "assumption")
