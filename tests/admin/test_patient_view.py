"""The patient page from two status documents written by hand, without a database."""

from __future__ import annotations

from datetime import date

import pytest

from outcomes.admin import chart_view, history_view, patient_view
from tests.admin import samples


def cards() -> dict[str, dict]:
    return {c["code"]: c for c in patient_view.gate_cards(samples.before(), samples.WHO)}


def test_cards_that_block_come_first_then_what_ends_soon():
    order = [c["code"] for c in patient_view.gate_cards(samples.before(), samples.WHO)]
    assert order[:2] == ["hiv", "attestations"]
    assert order.index("liver-enzymes") < order.index("age")


@pytest.mark.parametrize(
    ("code", "word", "shape"),
    [
        ("age", "Pass", "disc-tick"),
        ("liver-enzymes", "Pass, expires soon", "half-disc"),
        ("fix-inhibitor", "Pass", "disc-tick"),
        ("hiv", "Retest due", "half-disc"),
        ("attestations", "Not recorded", "dashed-ring"),
        ("weight", "Expired", "triangle"),
    ],
)
def test_each_verdict_has_its_word_and_shape(code: str, word: str, shape: str):
    mark = cards()[code]["mark"]
    assert (mark.text, mark.shape) == (word, shape)


def test_no_shape_of_success_beside_a_word_of_failure():
    for card in cards().values():
        assert (card["mark"].shape == "disc-tick") == card["mark"].text.startswith(
            ("Pass", "Waived")
        ) or card["soon"]


def test_a_gate_that_does_not_pass_offers_what_helps():
    found = cards()
    assert found["hiv"]["action"] == (
        "Add result",
        f"/admin/patients/{samples.WHO}/results/?analytes=HIV_RNA",
    )
    assert found["attestations"]["action"][0] == "Attest"
    assert found["age"]["action"] is None


def test_the_window_is_told_in_a_sentence():
    chart = chart_view.window(samples.before())
    assert chart.finding == "Any day from 26 November to 2 December. Hepatitis B expires first."


def test_no_day_works_names_the_gates_to_repeat():
    status = samples.before()
    status["feasible"] = {"ranges": [], "draws": []}
    assert (
        chart_view.window(status).finding
        == "No day works yet. To repeat or add: HIV, Consultations and plans."
    )


def test_after_the_infusion_there_is_no_window():
    assert chart_view.window(samples.week5()) is None


def test_the_pathway_counts_what_is_done():
    gates, infusion, weekly, milestones = patient_view.strip(samples.week5())
    assert [gates["count"], infusion["count"], weekly["count"], milestones["count"]] == [
        "3 of 3",
        "1 of 1",
        "2 of 13",
        "0 of 2",
    ]
    assert [s["mark"].text for s in weekly["steps"][:6]] == [
        "Done",
        "Done",
        "Missed",
        "Overdue",
        "Due now",
        "Upcoming",
    ]


def test_tasks_stand_by_urgency_and_each_has_one_action():
    tasks = patient_view.tasks(samples.week5(), samples.WHO, {"liver-panel:w04": ("ALT", "AST")}, ())
    assert [t["state"] for t in tasks["now"]] == ["overdue", "open", "open", "missed"]
    assert tasks["now"][0]["button"] == "Enter result"
    assert tasks["now"][0]["url"].endswith("/lab-entry/?task=liver-panel%3Aw04")
    decision = next(t for t in tasks["now"] if t["kind"] == "steroid-decision")
    assert decision["button"] == "Ask clinician"
    assert len(tasks["next"]) + len(tasks["later"]) == 8


def test_an_alert_says_which_limits_were_passed():
    (card,) = patient_view.alert_cards(samples.week5(), samples.WHO)
    assert card["what"] == "ALT 52 U/L"
    assert card["why"] == "above 2x baseline (baseline 24, 2.17 times) and above ULN 45"


def test_history_shows_a_correction_with_old_and_new():
    lines = {(e.what, e.detail) for e in history_view.events(samples.history())}
    assert ("Result corrected", "ALT of 17 Nov 2026: 37 U/L became 38 U/L") in lines
    assert ("Plan", "infusion on 20 Oct 2026") in lines


def test_history_is_newest_first_in_the_sites_time():
    events = history_view.events(samples.history())
    assert [e.at for e in events] == sorted((e.at for e in events), reverse=True)
    assert str(events[0].at.tzinfo) == "Europe/Berlin"
    assert events[0].at.date() == date(2026, 11, 24)
