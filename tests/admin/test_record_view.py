"""Bleeds, results, timeline and history of a patient, told from facts written by hand, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid5

import pytest

from outcomes.admin import history_view, record_view
from tests.admin import samples
from workflow.rules.facts import Act, AuthorizationFact, BleedFact, FactorUseFact, History, KitFact, known

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
TODAY = date(2026, 11, 24)


def bleed(day: int, site: str = "left knee", *, number: int = 0, **more: object) -> BleedFact:
    onset = datetime(2026, 11, day, 8, tzinfo=UTC)
    return BleedFact(
        id=uuid5(samples.WHO, f"bleed {day} {site} {number}"),
        recorded_at=AT + timedelta(minutes=number),
        by="ana",
        onset_at=onset,
        onset_on=onset.date(),
        site=site,
        **{"joint": True, "cause": "spontaneous", "life_threatening": False, "treated": False, **more},
    )


def use(day: int, iu: str) -> FactorUseFact:
    return FactorUseFact(
        id=uuid5(samples.WHO, f"use {day}"),
        recorded_at=AT,
        product="IDELVION",
        iu=Decimal(iu),
        given_on=date(2026, 11, day),
        reason="bleed",
    )


def patient(**more: object) -> History:
    return replace(samples.history(), **more)


def facts(told: History):
    return known(told, as_of=TODAY)


def lines(told: History) -> list[tuple[str, str]]:
    return [(e.what, e.detail) for e in history_view.events(told)]


def test_records_of_one_place_within_72_hours_are_one_bleed():
    told = patient(bleeds=(bleed(10), bleed(13, treated=True), bleed(16, joint=False, number=1), bleed(20)))
    found = record_view.bleeding(facts(told))
    assert [(b["on"].day, b["records"], b["treated"]) for b in found["bleeds"]] == [
        (20, 1, False),
        (10, 3, True),
    ]
    assert found["since"] == "2 bleeds since Day 0: 1 treated, 2 in a joint"


def test_factor_is_summed_since_day_0_with_its_unit():
    found = record_view.bleeding(facts(patient(factor_uses=(use(10, "3000"), use(12, "2500")))))
    assert found["given"] == "5,500 IU in 2 doses since Day 0"
    assert [u.given_on.day for u in found["uses"]] == [12, 10]


def test_without_any_record_nothing_is_summed():
    found = record_view.bleeding(facts(patient(bleeds=(), factor_uses=())))
    assert (found["since"], found["given"], found["bleeds"]) == ("0 bleeds since Day 0", "", [])


def test_each_analyte_shows_its_newest_value_and_how_many_were_corrected():
    told = samples.history()
    (alt,) = [r for r in record_view.results(facts(told), told) if r["code"] == "ALT"]
    newest = facts(told).of("ALT")[-1]
    assert alt["on"] == newest.collected_on and alt["value"].endswith(" U/L")
    assert (alt["name"], alt["corrected"], alt["count"]) == ("ALT", 1, len(facts(told).of("ALT")))


@pytest.mark.parametrize(("value", "over"), [("45", False), ("45.1", True)])
def test_a_value_above_its_own_limit_is_marked(value: str, over: bool):
    told = samples.history()
    last = max((r for r in told.results if r.analyte == "ALT"), key=lambda r: r.collected_at)
    raised = last._replace(value=Decimal(value), reference_high=Decimal(45), value_text=value)
    more = [raised if r is last else r for r in told.results]
    (alt,) = [
        r for r in record_view.results(facts(replace(told, results=tuple(more))), told) if r["code"] == "ALT"
    ]
    assert alt["over"] is over
    assert alt["limit"] == ("above ULN 45" if over else "ULN 45")


def test_the_timeline_runs_from_what_is_to_come_through_today_to_the_past():
    told = patient(bleeds=(bleed(10),))
    found = record_view.timeline(facts(told), samples.week5(), TODAY)
    assert [m.on for m in found] == sorted((m.on for m in found), reverse=True)
    names = [m.what for m in found]
    assert names.index("Today") > names.index("Milestone, month 6")
    assert names.index("Today") < names.index("Bleed: left knee") < names.index("Infusion")
    assert next(m for m in found if m.what == "Infusion").study_day == 0
    assert next(m for m in found if m.what == "Bleed: left knee").study_day == 21


def test_a_corrected_bleed_says_old_and_new():
    first = bleed(10)
    again = bleed(10, "right knee", number=1, supersedes=first.id)
    assert (
        "Bleed corrected",
        "left knee, spontaneous, not treated, began 10 Nov 2026 became "
        "right knee, spontaneous, not treated, began 10 Nov 2026",
    ) in lines(patient(bleeds=(first, again)))


def test_a_retracted_bleed_says_why_once():
    first = bleed(10)
    gone = bleed(10, number=1, supersedes=first.id, retracted=True)
    told = [
        x
        for x in lines(
            patient(bleeds=(first, gone), acts=(act("retract", str(gone.id), {}, "Wrong patient"),))
        )
        if "etract" in x[0]
    ]
    assert told == [
        ("Bleed retracted", "left knee, spontaneous, not treated, began 10 Nov 2026; Wrong patient")
    ]


def act(kind: str, key: str, payload: dict[str, str], reason: str = "", *, minute: int = 0) -> Act:
    return Act(
        id=uuid5(samples.WHO, f"{kind}{key}{minute}"),
        recorded_at=AT + timedelta(minutes=minute),
        by="ana",
        kind=kind,
        key=key,
        payload=payload,
        true_on=AT.date(),
        reason=reason,
    )


def test_an_act_that_replaces_another_says_what_was_before():
    told = patient(
        acts=(
            act("demographics", "", {"sex": "male", "birth_date": "1990-01-02"}),
            act("demographics", "", {"sex": "male", "birth_date": "1990-02-01"}, minute=1),
        )
    )
    assert ("Demographics", "sex male, birth date 1 Feb 1990; before: birth date 2 Jan 1990") in lines(told)


def test_the_whole_history_is_longer_than_what_is_shown_first():
    many = tuple(bleed(1 + n % 20, f"place {n}", number=n) for n in range(60))
    told = patient(bleeds=many)
    assert len(history_view.events(told)) == history_view.SHOWN
    assert len(history_view.events(told, shown=None)) >= 60


def test_history_names_the_lots_of_a_kit_once_and_the_number_of_an_authorization():
    kit = KitFact(
        id=uuid5(samples.WHO, "kit"),
        recorded_at=AT,
        ordered_on=date(2026, 11, 2),
        weight_kg=Decimal(70),
        vials=14,
        received_on=None,
        lot="L1",
        vial_lots=("L1", "L2"),
    )
    paper = AuthorizationFact(
        id=uuid5(samples.WHO, "paper"),
        recorded_at=AT,
        payer="Harbor Health",
        number="A-17",
        status="approved",
        submitted_on=None,
        decided_on=None,
        valid_from=None,
        valid_to=None,
    )
    bare = replace(kit, id=uuid5(samples.WHO, "bare kit"), lot="", vial_lots=())
    unnumbered = replace(paper, id=uuid5(samples.WHO, "unnumbered"), number="")
    found = lines(patient(kits=(kit, bare), authorizations=(paper, unnumbered)))
    assert ("Kit", "14 vials ordered 2 Nov 2026, lot L1, L2") in found
    assert ("Kit", "14 vials ordered 2 Nov 2026") in found
    assert ("Authorization", "Harbor Health: approved, number A-17") in found
    assert ("Authorization", "Harbor Health: approved") in found
