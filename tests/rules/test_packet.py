"""Each item of the packet: present, missing, stale and what else its gate may say; and how policies differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from outcomes import data
from tests.rules import billing, story
from tests.rules.billing import instead, items, told, without
from tests.rules.story import attest, bleed, regimen, result

ASKED = [
    "age", "diagnosis", "treatment-history", "nab", "hepatitis-b", "hepatitis-c", "hiv", "bethesda",
    "baseline-lfts", "lft-plan", "steroid-plan", "htc-certification", "hematology-consult",
]  # fmt: skip


def test_a_patient_with_every_paper_has_a_complete_packet() -> None:
    found = items(told())
    assert list(found)[: len(ASKED)] == ASKED
    assert {i.code: i.verdict for i in found.values() if i.verdict != "present"} == {}
    assert all(i.evidence and not i.missing and not i.fix for i in found.values())


Told = Callable[[], dict[str, Any]]
CASES: list[tuple[str, str, Told]] = [
    ("age", "fail", lambda: told(person=replace(story.PERSON, birth_date=date(2010, 1, 1)))),
    ("diagnosis", "missing", lambda: without("results", "FIX_OS", without("results", "FIX_CH"))),
    ("diagnosis", "missing", lambda: without("attestations", "hemophilia-b-diagnosis")),
    ("treatment-history", "missing", lambda: told(regimens=[])),
    ("treatment-history", "incomplete", lambda: told(events=[])),
    ("treatment-history", "incomplete", lambda: told(regimens=[regimen(-900, None, "NEWFIX")])),
    ("nab", "missing", lambda: without("results", "AAV5_NAB")),
    ("nab", "stale", lambda: instead("AAV5_NAB", result("AAV5_NAB", -29, "1:21", assay="clinical-study"))),
    ("nab", "fail", lambda: instead("AAV5_NAB", result("AAV5_NAB", -9, "1:900", assay="clinical-study"))),
    ("nab", "indeterminate", lambda: instead("AAV5_NAB", result("AAV5_NAB", -9, "1:9", assay="house"))),
    ("nab", "incomplete", lambda: without("attestations", "nab-rationale")),
    ("hepatitis-b", "missing", lambda: without("results", "HBSAG")),
    ("hepatitis-b", "stale", lambda: instead("HBSAG", result("HBSAG", -29, "negative"))),
    ("hepatitis-b", "retest_due", lambda: instead("HBCAB", result("HBCAB", -9, "positive"))),
    ("hepatitis-c", "missing", lambda: without("results", "HCV_AB")),
    ("hepatitis-c", "stale", lambda: instead("HCV_AB", result("HCV_AB", -29, "negative"))),
    ("hiv", "missing", lambda: without("results", "HIV_AGAB")),
    ("hiv", "stale", lambda: instead("HIV_AGAB", result("HIV_AGAB", -29, "negative"))),
    ("bethesda", "missing", lambda: without("results", "FIX_INH")),
    ("bethesda", "stale", lambda: instead("FIX_INH", result("FIX_INH", -31, "0.1"))),
    ("bethesda", "retest_due", lambda: instead("FIX_INH", result("FIX_INH", -14, "0.9"))),
    ("baseline-lfts", "missing", lambda: without("results", "ALP")),
    ("baseline-lfts", "stale", lambda: instead("ALT", result("ALT", -15, "25", uln="40"))),
    ("baseline-lfts", "hold", lambda: instead("ALT", result("ALT", -8, "61", uln="40"))),
    ("lft-plan", "missing", lambda: without("attestations", "lft-plan")),
    ("lft-plan", "fail", lambda: told(attestations=[*told()["attestations"], attest("lft-plan", -1, False)])),
    ("steroid-plan", "missing", lambda: without("attestations", "steroid-plan")),
    ("htc-certification", "fail", lambda: told(settings=[])),
    ("hematology-consult", "missing", lambda: without("attestations", "hematology-consult")),
    ("liver-imaging", "stale", lambda: instead("LIVER_US", result("LIVER_US", -181, "normal"))),
    ("weight", "stale", lambda: instead("WEIGHT", result("WEIGHT", -31, "72"))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict", "facts"), CASES)
def test_an_item_says_what_is_missing_and_the_mend(code: str, verdict: str, facts: Told) -> None:
    found = items(facts())
    assert found[code].verdict == verdict
    assert found[code].open and found[code].missing and found[code].fix
    assert [c for c, i in found.items() if i.open] == [code]
    assert items(told())[code].verdict == "present"


def test_a_positive_titer_without_a_shared_decision_leaves_both_open() -> None:
    found = items(without("attestations", "shared-decision"))
    assert [c for c, i in found.items() if i.open] == ["nab", "shared-decision"]
    assert found["shared-decision"].verdict == "missing" and found["shared-decision"].fix


def test_policies_ask_for_different_things() -> None:
    high = instead("AAV5_NAB", result("AAV5_NAB", -9, "1:900", assay="extended-range"))
    assert {
        p: items(high, p)["nab"].verdict for p in ("label-us", "us-standard", "ca-cda", "tx-medicaid")
    } == {
        "label-us": "present",
        "us-standard": "fail",
        "ca-cda": "fail",
        "tx-medicaid": "present",
    }
    nowhere = told(settings=[])
    assert {p: items(nowhere, p)["htc-certification"].open for p in ("label-us", "tx-medicaid")} == {
        "label-us": False,
        "tx-medicaid": True,
    }


def test_a_piece_that_the_policy_does_not_ask_for_is_a_remark() -> None:
    found = items(without("attestations", "nab-rationale"), "label-us")["nab"]
    assert found.verdict == "present" and not found.open
    assert any("this policy does not ask for it" in text for _, text in found.details)


def test_the_titer_comes_with_assay_and_rationale() -> None:
    found = items(told())["nab"]
    titer = next(e for e in found.evidence if e.analyte == "AAV5_NAB")
    assert (titer.value, titer.note, titer.on) == ("1:21", "assay clinical-study", story.day(-21))
    assert found.details[0][0] == "Rationale for treating with this titer"


def test_the_liver_panel_comes_with_its_limits() -> None:
    notes = {e.analyte: (e.value, e.unit, e.note) for e in items(told())["baseline-lfts"].evidence}
    assert notes["ALT"] == ("25", "U/L", "ULN 40")
    assert set(notes) == {"ALT", "AST", "ALP", "TBIL"}


def history(**changes: Any) -> dict[str, str]:
    return dict(items(told(**changes))["treatment-history"].details)


def test_the_history_names_maker_dose_schedule_duration_and_rate() -> None:
    lines = history(bleeds=[bleed(-200), bleed(-198), bleed(-100, site="right ankle", cause="traumatic")])
    assert lines["IDELVION prophylaxis"] == (
        "CSL Behring; 40 IU/kg every 7 days; 2023-09-14 to now (901 days)"
    )
    # 400 observed days hold two bleeds: two days later at the same place is the same one
    assert lines["Bleeds on it"].startswith("crude ABR 1.83 (2 bleeds, 1 spontaneous, 2 in joints; ")
    assert lines["Bleeds on it"].endswith("2025-01-26 to 2026-03-01, 400 days)")


@pytest.mark.parametrize(("first", "rated"), [(-30, True), (-29, False)])
def test_a_rate_needs_thirty_observed_days(first: int, rated: bool) -> None:
    line = history(events=[story.event("lead_in", first, -1)])["Bleeds on it"]
    assert line.startswith("crude ABR 0.00" if rated else "cannot be given: observed for 29 days")


def test_a_closed_regimen_counts_bleeds_on_it_only() -> None:
    lines = history(
        regimens=[regimen(-900, -101, "BENEFIX"), regimen(-100)], bleeds=[bleed(-150), bleed(-50)]
    )
    assert "2023-09-14 to 2025-11-21 (800 days)" in lines["BENEFIX prophylaxis"]
    assert "(1 bleed," in lines["Bleeds on it"]


def test_a_life_threatening_bleed_stands_for_prophylaxis() -> None:
    found = items(told(regimens=[], bleeds=[bleed(-300, site="head", life_threatening=True)]))
    assert found["treatment-history"].verdict == "present"
    assert ("Life-threatening bleed", "head, 2025-05-06") in found["treatment-history"].details


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2.0", "severe"),
        ("2.1", "moderate"),
        ("<1", "severe"),
        ("5", "moderate"),
        ("5.1", ""),
        ("<3", ""),
    ],
)
def test_severity_is_the_number_and_the_band_only_where_it_is_clear(value: str, words: str) -> None:
    facts = instead("FIX_OS", result("FIX_OS", -12, value), without("results", "FIX_CH"))
    text = dict(items(facts)["diagnosis"].details)["Lowest activity, one-stage"]
    assert text.startswith(value)
    assert (f": {words} by" in text) if words else (" by the payers' band" not in text)


def test_the_plans_carry_their_schedule_and_source() -> None:
    found = items(told())
    panels, steroids = dict(found["lft-plan"].details), dict(found["steroid-plan"].details)
    assert panels["Schedule"] == "weekly, weeks 1 to 13 (13 panels)"
    assert panels["Target dates for an infusion on 2026-03-02"].startswith("2026-03-09, 2026-03-16")
    assert steroids["Considered when"] == "ALT is above 2 times baseline or above the upper limit of normal"
    assert steroids["Prednisone a day"].startswith("60 mg for 7 days, 40 mg")
    assert "(assumption)" in steroids["Rule"]


def test_the_payer_sees_no_override() -> None:
    high = instead("AAV5_NAB", result("AAV5_NAB", -9, "1:900", assay="clinical-study"))
    anyway = billing.given()
    acts = [billing.overridden("aav5-nab", anyway)]
    assert items({**high, "infusions": [anyway], "acts": acts})["nab"].verdict == "fail"


def test_the_catalogue_files_are_sound() -> None:
    assert data.faults() == ()
    assert data.codes().version == data.packet_file().version == "1"
