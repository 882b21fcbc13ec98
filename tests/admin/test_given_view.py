"""What was recorded about an infusion, told from facts written by hand, without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from outcomes.admin import given_view
from tests.admin import samples


def course(**details: Any) -> dict[str, list[str]]:
    """The lines by title; the site is in Berlin, Day 0 is 20 October 2026."""
    facts = samples.facts()
    assert facts.infusion is not None
    shown = given_view.infusion(replace(facts, infusion=replace(facts.infusion, details=details)))
    assert shown is not None
    return dict(shown["course"])


def test_what_was_not_recorded_has_no_line():
    empty = {
        "diluted_at": None,
        "ended_at": None,
        "rate_ml_h": None,
        "vial_lots": [],
        "vitals": [],
        "reactions": [],
    }
    assert course(**empty) == {}


def test_times_are_those_of_the_site_and_dated_beside_day_0():
    shown = course(
        diluted_at="2026-10-19T21:59:00Z",
        ended_at="2026-10-20T21:59:00Z",
        observed_until="2026-10-20T22:00:00Z",
    )
    assert shown == {
        "Diluted": ["19 Oct 2026 23:59"],
        "Ended": ["23:59"],
        "Observed until": ["21 Oct 2026 00:00"],
    }


def test_rate_and_vial_lots_are_told():
    assert course(rate_ml_h="400", vial_lots=["V1", "V2"]) == {"Rate": ["400 mL/h"], "Vial lots": ["V1, V2"]}


def test_each_medicine_pause_and_reaction_is_a_line_of_what_was_said():
    shown = course(
        premedication=[{"product": "Cetirizine", "dose": "10 mg", "given_at": "2026-10-20T07:00:00Z"}, {"note": "none wanted"}],
        interruptions=[{"from": "2026-10-20T08:00:00Z", "to": "2026-10-20T08:15:00Z", "reason": "chills"}, {"from": "2026-10-20T09:00:00Z"}],
        reactions=[{"at": "2026-10-20T08:00:00Z", "what": "chills", "severity": "mild", "treatment": "a pause", "note": "gone"}],
    )  # fmt: skip
    assert shown["Premedication"] == ["Cetirizine 10 mg, 09:00", "none wanted"]
    assert shown["Interruptions"] == ["from 10:00 to 10:15, chills", "from 11:00"]
    assert shown["Reactions"] == ["10:00, chills, mild, treated with a pause, gone"]


def test_vitals_name_their_units_and_what_was_not_measured():
    shown = course(vitals=[
        {"at": "2026-10-20T08:00:00Z", "systolic": "120", "diastolic": "80", "pulse": "0", "temperature_c": "36.5", "spo2_percent": "98", "respiratory_rate": "14"},
        {"systolic": "120"},
    ])  # fmt: skip
    full = "10:00, 120/80 mmHg, pulse 0, 14 breaths a minute, 36.5 °C, oxygen saturation 98 %"
    assert shown["Vitals"] == [full, "120/? mmHg"]
