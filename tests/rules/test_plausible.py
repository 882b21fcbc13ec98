"""Bleeds and doses that look odd are asked about, at the border and beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from patients.data import catalog, products
from workflow.rules import plausible

BORN = date(1990, 5, 17)
AT = datetime(2026, 11, 10, 8, tzinfo=UTC)
TODAY = AT.date()


def bled(site: str = "left knee", hours: float = 0, joint: bool = True) -> plausible.Bled:
    at = AT + timedelta(hours=hours)
    return plausible.Bled(site, at, at.date(), joint)


def asked(new: plausible.Bled, *others: plausible.Bled) -> str:
    return " ".join(plausible.bleed(new, others, born=BORN))


def test_an_ordinary_bleed_asks_nothing():
    assert asked(bled(), bled("right elbow", -3), bled(hours=-24 * 30)) == ""


@pytest.mark.parametrize(("hours", "same"), [(-72, True), (72, True), (-72.02, False), (72.02, False)])
def test_a_bleed_of_the_same_place_within_72_hours_will_count_as_one(hours: float, same: bool):
    assert ("count as the same bleed" in asked(bled(), bled(" Left  KNEE", hours))) is same


def test_the_same_day_and_place_is_there_already():
    assert "recorded already" in asked(bled(), bled(hours=2))


@pytest.mark.parametrize(("site", "joint", "asks"), [("left knee", False, True), ("kneecap", False, False), ("thigh", False, False), ("left knee", True, False)])  # fmt: skip
def test_a_place_that_names_a_joint_contradicts_no(site: str, joint: bool, asks: bool):
    assert ("names a joint" in asked(bled(site, joint=joint))) is asks


@pytest.mark.parametrize(("on", "asks"), [(BORN, False), (BORN - timedelta(1), True)])
def test_nothing_happens_before_birth(on: date, asks: bool):
    at = datetime(on.year, on.month, on.day, 8, tzinfo=UTC)
    assert ("before the patient was born" in asked(plausible.Bled("thigh", at, on, False))) is asks
    assert ("before the patient was born" in given("3000", on=on)) is asks


def given(iu: str, *others: str, product: str = "IDELVION", on: date = TODAY) -> str:
    last = [
        plausible.Dose("IDELVION", Decimal(o), AT.date() - timedelta(7 + n)) for n, o in enumerate(others)
    ]
    new = plausible.Dose(product, Decimal(iu), on)
    return " ".join(plausible.dose(new, last, products=products(), jump=catalog().jump, born=BORN))


@pytest.mark.parametrize(("iu", "far"), [("29999", False), ("30000", True), ("301", False), ("300", True)])
def test_ten_times_the_last_dose_or_a_tenth_of_it_is_far(iu: str, far: bool):
    assert ("far from the last dose, 3,000 IU on 3 Nov 2026" in given(iu, "3000", "30000")) is far


def test_a_first_dose_is_compared_with_nothing():
    assert given("3000") == ""


def test_an_unknown_product_is_said_with_what_follows():
    days = products().unknown_washout_days
    assert f"MYSTERY is not in the catalogue: it counts for {days} days" in given("3000", product="MYSTERY")
    assert given("3000", product=" idelvion") == ""


def test_a_second_dose_of_a_day_and_a_dose_of_nothing_are_asked_about():
    twice = plausible.Dose("IDELVION", Decimal(3000), AT.date())
    assert "second dose" in " ".join(
        plausible.dose(twice, [twice], products=products(), jump=Decimal(10), born=BORN)
    )
    assert "0 IU is none" in given("0")
