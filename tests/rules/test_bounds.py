"""A reported bound against a limit: the answer for every value that the report allows, or none."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.rules.bounds import at_least, at_most, below, exceeds

COMPARATORS = ("", "<", "<=", ">", ">=")
STEP = Decimal("0.5")
SAMPLES = [n * STEP for n in range(-10, 31)]
ALLOWS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "": lambda value, number: value == number,
    "<": lambda value, number: value < number,
    "<=": lambda value, number: value <= number,
    ">": lambda value, number: value > number,
    ">=": lambda value, number: value >= number,
}
QUESTIONS: list[tuple[Callable[..., bool | None], Callable[[Decimal, Decimal], bool]]] = [
    (exceeds, lambda value, limit: value > limit),
    (at_least, lambda value, limit: value >= limit),
    (below, lambda value, limit: value < limit),
    (at_most, lambda value, limit: value <= limit),
]


@given(st.sampled_from(COMPARATORS), st.integers(0, 10), st.integers(0, 10), st.sampled_from(QUESTIONS))
def test_the_answer_is_that_of_every_value_the_report_allows(
    comparator: str,
    number: int,
    limit: int,
    question: tuple[Callable[..., bool | None], Callable[[Decimal, Decimal], bool]],
) -> None:
    """Steps of one half around whole numbers find each open and closed end."""
    rule, meaning = question
    possible = [v for v in SAMPLES if ALLOWS[comparator](v, Decimal(number))]
    answers = {meaning(v, Decimal(limit)) for v in possible}
    expected = answers.pop() if len(answers) == 1 else None
    assert rule(comparator, Decimal(number), Decimal(limit)) is expected


@pytest.mark.parametrize(
    ("report", "limit", "expected"),
    [
        (("", "40"), "40", False),
        (("", "40.1"), "40", True),
        (("<", "10"), "40", False),
        (("<", "50"), "40", None),
        (("<=", "40"), "40", False),
        ((">", "40"), "40", True),
        ((">=", "40"), "40", None),
        ((">", "60"), "80", None),
    ],
)
def test_above_the_upper_limit_of_normal(report: tuple[str, str], limit: str, expected: bool | None) -> None:
    assert exceeds(report[0], Decimal(report[1]), Decimal(limit)) is expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (("", "677"), True),
        (("", "678"), False),
        (("<", "678"), True),
        (("<=", "678"), None),
        ((">", "677"), None),
        ((">=", "678"), False),
        ((">", "678"), False),
        ((">", "500"), None),
    ],
)
def test_below_the_titer_cut_off(report: tuple[str, str], expected: bool | None) -> None:
    assert below(report[0], Decimal(report[1]), Decimal(678)) is expected
