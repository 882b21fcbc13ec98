"""What the lab grid says of a typed panel, as a table a clinician can read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from workflow import data
from workflow.rules.entry import Known, Typed, said
from workflow.rules.facts import ResultFact
from workflow.rules.triggers import Baseline

DAY = date(2026, 11, 24)
TRIGGERS = tuple(t for t in data.protocol("hemgenix", "1", "label-us", "1").triggers if t.decision_task)


def result(analyte: str, value: str, uln: str | None = "45", on: date = DAY, by: str = "ben") -> ResultFact:
    at = datetime(on.year, on.month, on.day, tzinfo=UTC)
    high = Decimal(uln) if uln else None
    return ResultFact(
        id=uuid4(), recorded_at=at, by=by, lineage=uuid4(), analyte=analyte, collected_at=at, collected_on=on,
        value=Decimal(value), reference_high=high,
    )  # fmt: skip


def typed(analyte: str, value: str, uln: str | None = "45", reasons: tuple[str, ...] = ()) -> Typed:
    row = None if reasons else result(analyte, value, uln)
    return Typed(
        analyte=analyte, text=value, row=row, reasons=reasons, band=(Decimal(0), Decimal(20000)), unit="U/L"
    )


BASE = Baseline(result("ALT", "25", on=date(2026, 10, 1)))
KNOWN = Known(triggers=TRIGGERS, baseline=BASE, followed=True, today=DAY, jump=Decimal(10))


@pytest.mark.parametrize(
    ("value", "uln", "tone", "text"),
    [
        ("45", "45", "good", "OK, 1.8x baseline"),
        ("46", "45", "alert", "Alert: above ULN 45"),
        ("50", "45", "alert", "Alert: above ULN 45"),
        ("52", "45", "alert", "Alert: above ULN 45; above 2x baseline 50"),
        ("52", "60", "alert", "Alert: above 2x baseline 50"),
        ("30", None, "high", "ALT: no ULN given"),
        ("51", None, "alert", "Alert: above 2x baseline 50"),
    ],
)
def test_alt_says_which_limit_was_passed(value: str, uln: str | None, tone: str, text: str) -> None:
    found = said([typed("ALT", value, uln)], DAY, KNOWN)
    assert (found.tone, found.text) == (tone, text)
    assert not found.asks


def test_before_the_infusion_there_is_no_alert_but_the_limit_is_named() -> None:
    found = said([typed("ALT", "52")], DAY, replace(KNOWN, followed=False, baseline=Baseline(None)))
    assert (found.tone, found.text) == ("high", "ALT 52 above ULN 45")


def test_another_analyte_above_its_limit_stands_beside_the_alert() -> None:
    found = said([typed("ALT", "52"), typed("AST", "61", "40")], DAY, KNOWN)
    assert found.text == "Alert: above ULN 45; above 2x baseline 50. AST 61 above ULN 40"


def test_what_cannot_be_names_its_field_and_says_nothing_else() -> None:
    found = said([typed("ALT", "99999", reasons=("implausible",)), typed("AST", "61", "40")], DAY, KNOWN)
    assert found.tone == "bad"
    assert found.text == "ALT 99999 cannot be: outside 0 to 20000 U/L. Not saved."
    assert list(found.faults) == ["ALT"]


def test_every_field_that_cannot_be_is_named_at_once() -> None:
    faulty = [
        typed("ALT", "12x", reasons=("value-unparseable",)),
        typed("TBIL", "9", reasons=("unit-unknown",)),
    ]
    assert set(said(faulty, DAY, KNOWN).faults) == {"ALT", "TBIL"}
    late = [typed("ALT", "31", reasons=("future-timestamp",))]
    assert set(said(late, DAY, KNOWN).faults) == {"collected"}


@pytest.mark.parametrize(("value", "asks"), [("249", False), ("250", True), ("2.5", True), ("2.6", False)])
def test_ten_times_the_last_value_or_a_tenth_of_it_is_asked_about(value: str, asks: bool) -> None:
    known = replace(KNOWN, last={"ALT": result("ALT", "25", on=date(2026, 11, 17))})
    found = said([typed("ALT", value, "1000")], DAY, known)
    assert bool(found.asks) is asks
    assert ("Keep it?" in found.text) is asks


@pytest.mark.parametrize(("day", "asks"), [(20, True), (21, False), (27, False), (28, True)])
def test_a_day_outside_the_window_or_ahead_is_asked_about(day: int, asks: bool) -> None:
    window = (date(2026, 11, 21), date(2026, 11, 27))
    on = date(2026, 11, day)
    assert bool(said([typed("ALT", "30")], on, replace(KNOWN, window=window, today=on)).asks) is asks
    assert said([typed("ALT", "30")], on, replace(KNOWN, today=date(2026, 11, day - 1))).asks


def test_a_value_somebody_else_saved_meanwhile_is_shown_with_who_and_asked_about() -> None:
    there = result("ALT", "31")
    found = said([typed("ALT", "52")], DAY, replace(KNOWN, there={"ALT": there}))
    assert "ALT 31 was saved for this day by ben; you have 52. Keep yours?" in found.asks
    seen = replace(KNOWN, there={"ALT": there}, seen=frozenset({str(there.id)}))
    assert not said([typed("ALT", "52")], DAY, seen).asks
    assert not said([typed("ALT", "31")], DAY, replace(KNOWN, there={"ALT": there})).asks
