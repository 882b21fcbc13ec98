"""The advice at the quarantine desk: what is guessed, what is never guessed, and what a decision did."""

from __future__ import annotations

import pytest

from patients.data import catalog
from workflow.rules import desk
from workflow.rules.desk import Told
from workflow.services.desk import ACTIONS


def told(**words: object) -> Told:
    return Told(**{"reasons": ("unmapped-code",), **words})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "analyte"),
    [
        ({"code": "alt"}, "ALT"),
        ({"code": "LALT", "text": "Alanine aminotransferase", "unit": "U/L"}, "ALT"),
        ({"code": "7", "text": "ALT (alanine aminotransferase)"}, "ALT"),
        ({"code": "9", "text": "Creatinine in serum"}, "CREAT"),
        ({"code": "CH9", "text": "Factor IX activity chromogenic", "unit": "%"}, "FIX_CH"),
        ({"code": "x", "loinc": ("1742-6",)}, "ALT"),
    ],
)
def test_a_whole_code_or_title_is_a_guess(words: dict[str, object], analyte: str):
    assert desk.guess(told(**words), catalog()) == analyte


@pytest.mark.parametrize(
    "words",
    [
        {"code": "LALT"},
        {"text": "Factor IX activity"},
        {"text": "Urine creatinine"},
        {"text": "Albumin/Creatinine"},
        {"text": "Hepatitis B core antibody"},
        {"text": "Bilirubin"},
        {"text": "Bilirubin direct"},
        {"code": "ALT", "unit": "mg/dL"},
        {"text": "ALT AST"},
        {},
    ],
)
def test_nothing_is_guessed_between_two_or_against_the_unit(words: dict[str, object]):
    assert desk.guess(told(**words), catalog()) == ""


@pytest.mark.parametrize("reason", sorted(desk.REASONS))
def test_every_reason_has_words_and_advice_and_a_suggestion_that_can_be_carried_out(reason: str):
    found = desk.suggest(told(reasons=(reason,), analyte="ALT", unit="furlong"), catalog())
    assert found.sentence.endswith(".")
    offered = desk.offered(desk.actions_of([reason]), found, (reason,))
    assert offered and set(offered) <= set(ACTIONS) <= set(desk.ACTIONS)
    assert found.action in ("", offered[0])
    assert "discard" in offered


FITTING = [
    (["unmapped-code"], "map discard"),
    (["unit-dimension"], "map convert discard"),
    (["unit-unknown"], "convert discard"),
    (["implausible"], "convert accept discard"),
    (["implausible", "unmapped-code"], "map convert discard"),
    (["patient-unmatched"], "assign_patient discard"),
    (["patient-ambiguous", "implausible"], "convert assign_patient discard"),
    (["status-unverified", "modifier-extension"], "accept discard"),
    (["final-changed-without-correction"], "accept discard"),
    (["duplicate-suspect"], "accept discard"),
    (["value-unparseable"], "discard"),
    (["status-unknown", "bad-timestamp"], "discard"),
]


@pytest.mark.parametrize(("reasons", "actions"), FITTING)
def test_which_decision_fits_which_reason(reasons: list[str], actions: str):
    assert desk.actions_of(reasons) == actions.split()
    assert desk.actions_of(reasons[::-1]) == actions.split()


def test_what_cannot_be_accepted_says_what_to_do_instead():
    assert desk.not_acceptable(["implausible", "unit-unknown"]).startswith(
        "“unit-unknown” cannot be accepted"
    )


def test_what_it_waits_for_after_that_is_said():
    found = desk.suggest(told(reasons=("unmapped-code", "patient-unmatched")), catalog())
    assert found.action == "map"
    assert found.sentence.endswith("It waits also for: patient not found.")


def test_an_odd_unit_may_be_mapped_for_all_items_of_the_code():
    reasons = ("unit-unknown",)
    found = desk.suggest(told(reasons=reasons, analyte="ALT", unit="furlong"), catalog())
    assert "usually U/L" in found.sentence
    assert desk.offered(desk.actions_of(reasons), found, reasons) == [
        "convert",
        "map",
        "discard",
    ]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "No item waited for it."),
        ({"result": 1}, "1 item read again: 1 became a result."),
        ({"result": 12, "quarantine": 2}, "14 items read again: 12 became results, 2 still wait."),
        ({"discarded": 1}, "1 item discarded; kept in the record with the reason."),
    ],
)
def test_what_a_decision_did_is_counted(counts: dict[str, int], words: str):
    assert desk.replay_words(counts) == words
