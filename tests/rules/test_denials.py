"""Each of the eleven reasons for a denial: triggered, and mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from outcomes.rules.claim import Case, Line
from outcomes.rules.claim_sheet import sheet
from tests.rules import billing, story
from tests.rules.billing import case, changed, checks, instead, told, without
from tests.rules.story import result

ELEVEN = [
    "nab", "age", "history", "monitoring-plan", "lot-ndc-volume", "inhibitor", "infection",
    "site-certification", "hcpcs", "administration-cpt", "contract-flag",
]  # fmt: skip


def nab(value: str, on: int = -21, assay: str = "clinical-study") -> dict[str, Any]:
    return instead("AAV5_NAB", result("AAV5_NAB", on, value, assay=assay))


def born(year: int) -> dict[str, Any]:
    return told(person=replace(story.PERSON, birth_date=date(year, 5, 17)))


def given(**details: str) -> dict[str, Any]:
    return told(infusions=[billing.given(details={**billing.GIVEN, **details})])


def test_a_patient_with_every_paper_has_a_clean_claim() -> None:
    found = checks(case(told(acts=[billing.enrolled()])))
    assert list(found)[:11] == ELEVEN
    assert [c.code for c in found.values() if c.verdict != "pass"] == []
    assert [c.code for c in found.values() if c.kind == "denial"] == ELEVEN
    assert all(not c.fix for c in found.values())


RECORDS: list[tuple[str, str, Callable[[], dict[str, Any]], str]] = [
    ("nab", "missing", lambda: without("results", "AAV5_NAB"), "No Anti-AAV5 NAb result"),
    ("nab", "fail", lambda: nab("1:678"), "is not below the payer limit 1:678"),
    ("nab", "fail", lambda: nab("1:21", on=-29), "Stale: "),
    ("nab", "fail", lambda: nab("1:21", assay="house"), "Cannot be judged: "),
    ("age", "fail", lambda: born(2010), "Under 18"),
    ("history", "missing", lambda: told(regimens=[]), "No prophylaxis now"),
    ("monitoring-plan", "missing", lambda: without("attestations", "lft-plan"), "weekly liver panels is not signed"),
    ("monitoring-plan", "missing", lambda: without("attestations", "steroid-plan"), "reactive steroids is not signed"),
    ("lot-ndc-volume", "missing", lambda: given(kit_lot=""), "lot is not recorded"),
    ("lot-ndc-volume", "missing", lambda: given(ndc=""), "drug code is not recorded"),
    ("inhibitor", "fail", lambda: instead("FIX_INH", result("FIX_INH", -14, "0.6")), "First positive test"),
    ("inhibitor", "missing", lambda: without("results", "FIX_INH"), "No Factor IX inhibitor result"),
    ("infection", "fail", lambda: instead("HBSAG", result("HBSAG", -16, "positive")), "HBsAg is positive"),
    ("infection", "fail", lambda: instead("HIV_AGAB", result("HIV_AGAB", -16, "positive"),
        told(results=[*told()["results"], result("HIV_RNA", -16, "900")])), "HIV RNA"),
    ("infection", "missing", lambda: without("results", "HCV_AB"), "No Anti-HCV result"),
    ("site-certification", "fail", lambda: told(settings=[]), "not certified"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict", "facts", "words"), RECORDS)
def test_what_the_record_lacks(
    code: str, verdict: str, facts: Callable[[], dict[str, Any]], words: str
) -> None:
    found = checks(case(facts()))[code]
    assert (found.verdict, words in found.reason) == (verdict, True), found
    assert found.fix
    assert checks(case(told()))[code].verdict == "pass"


def extra(code: str, line: int = 2, **more: Any) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [*lines, Line(fl="44", code=code, line=line, **more)]


def swapped(fl: str, code: str | None, line: int) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: changed(lines, fl, code, line=line)


LINES: list[tuple[str, str, Callable[[list[Line]], list[Line]], str]] = [
    *[("hcpcs", "fail", swapped("44", c, 1), f"{c} (") for c in ("J3490", "J3590", "C9399")],
    ("hcpcs", "missing", swapped("44", None, 1), "No drug code"),
    ("hcpcs", "fail", swapped("46", "15", 1), "15 units"),
    ("hcpcs", "missing", swapped("46", None, 1), "No units"),
    ("hcpcs", "fail", extra("J1411", 9), "stands 2 times"),
    *[
        ("administration-cpt", "fail", swapped("44", c, 2), f"{c} (")
        for c in ("96413", "96415", "96417", "79101", "96374")
    ],
    ("administration-cpt", "missing", swapped("44", None, 2), "No administration code"),
    ("administration-cpt", "fail", extra("96366", 3), "more than 60 minutes; the infusion took 55"),
    ("contract-flag", "missing", swapped("80", None, 0), "sample-level"),
    ("lot-ndc-volume", "missing", swapped("43", None, 1), "No NDC line"),
    ("lot-ndc-volume", "fail", swapped("43", "N40005301515ML144", 1), "is no NDC line"),
    ("lot-ndc-volume", "fail", swapped("43", "00053015015ML144", 1), "is no NDC line"),
    ("lot-ndc-volume", "fail", swapped("43", "N400053015015UN144", 1), "given in UN"),
    ("lot-ndc-volume", "fail", swapped("43", "N400053015015ML140", 1), "140 mL, given were 144 mL"),
    ("lot-ndc-volume", "fail", swapped("43", "N400053014014ML144", 1), "recorded is 00053-0150-15"),
    ("lot-ndc-volume", "fail", swapped("43", "N412345678901ML144", 1), "is not listed"),
    ("revenue-code", "fail", swapped("42", "0999", 1), "0999 is not listed"),
    ("revenue-code", "missing", swapped("42", None, 2), "No revenue code of the administration"),
    ("diagnosis", "fail", swapped("67", "D66", 0), "D66 is not the diagnosis"),
    ("diagnosis", "missing", swapped("67", None, 0), "No principal diagnosis"),
    ("supporting-diagnoses", "fail", lambda x: [*x, Line(fl="67A", code="Z87.2")], "skin"),
    ("supporting-diagnoses", "fail", lambda x: [*x, Line(fl="67B", code="M25.461")], "Effusion"),
    ("place-of-service", "fail", swapped("POS", "11", 0), "is not paid"),
    ("place-of-service", "fail", swapped("POS", "21", 0), "recorded is 22"),
    ("place-of-service", "missing", swapped("POS", None, 0), "not known"),
    ("modifiers", "missing", extra("99214", 4), "no modifier 25"),
    ("prior-authorization", "missing", swapped("63", None, 0), "No prior authorization number"),
    ("prior-authorization", "fail", swapped("63", "PA-1", 0), "not the recorded one"),
    ("npi", "fail", swapped("56", "1234567890", 0), "is no NPI"),
    ("npi", "missing", swapped("76", None, 0), "attending"),
]


@pytest.mark.parametrize(("code", "verdict", "change", "words"), LINES)
def test_what_the_lines_lack(
    code: str, verdict: str, change: Callable[[list[Line]], list[Line]], words: str
) -> None:
    right = case(told(acts=[billing.enrolled()]))
    lines = list(sheet(right))
    found = checks(right, change(lines))[code]
    assert (found.verdict, words in found.reason) == (verdict, True), found
    assert found.fix
    assert checks(right, lines)[code].verdict == "pass"


def test_an_override_of_the_centre_does_not_bind_the_payer() -> None:
    anyway = billing.given()
    acts = [billing.overridden("aav5-nab", anyway)]
    found = case({**nab("1:900"), "infusions": [anyway], "acts": acts})
    assert checks(found)["nab"].verdict == "fail"
    assert "Waived" not in checks(found)["nab"].reason


def test_the_attending_clinician_is_named_with_the_infusion() -> None:
    nobody = case(told(infusions=[billing.given(attending_npi="")]))
    line = next(x for x in sheet(nobody) if x.fl == "76")
    assert (line.code, line.note) == (None, "No NPI of the attending clinician is recorded.")
    found = checks(nobody)["npi"]
    assert (found.verdict, found.fix) == (
        "missing",
        "Record the NPI of the attending clinician with the infusion.",
    )
    anyway = billing.given(attending_npi="")
    named = case(
        told(infusions=[anyway], acts=[story.act("attending", str(anyway.id), {"npi": "1245319599"}, 0)])
    )
    assert next(x for x in sheet(named) if x.fl == "76").code == "1245319599"
    assert checks(named)["npi"].verdict == "pass"


def test_policies_differ() -> None:
    high = nab("1:900")
    assert checks(case(high, "label-us"))["nab"].verdict == "pass"
    assert checks(case(high, "us-standard"))["nab"].verdict == "fail"
    assert "no conversion" not in checks(case(high, "ca-cda"))["nab"].reason
    assert checks(case(high, "ca-cda"))["nab"].verdict == "fail"
    office = told(infusions=[billing.given(place_of_service="11")])
    assert checks(case(office, "us-standard"))["place-of-service"].verdict == "fail"
    assert checks(case(office, "tx-medicaid"))["place-of-service"].verdict == "pass"


@pytest.mark.parametrize(
    ("minutes", "units", "caution"),
    [
        (59, None, False),
        (60, None, False),
        (61, "1", True),
        (90, "1", True),
        (91, "1", False),
        (151, "2", False),
    ],
)
def test_a_further_hour_only_above_sixty_minutes(minutes: int, units: str | None, caution: bool) -> None:
    found = case(told(infusions=[billing.given(minutes)]))
    lines = sheet(found)
    told_units = [x.code for x in lines if x.fl == "46" and x.line == 3]
    assert told_units == ([units] if units else [])
    check = checks(found)["administration-cpt"]
    assert check.verdict == "pass"
    assert ("31 minutes" in check.reason) == caution


def test_a_further_hour_without_an_end_is_not_known() -> None:
    found = case(told(infusions=[billing.given(ended_at=None)]))
    lines = [*sheet(found), Line(fl="44", code="96366", line=3)]
    assert checks(found, lines)["administration-cpt"].verdict == "missing"


def test_jz_says_that_nothing_was_discarded() -> None:
    partial = case(told(infusions=[billing.given(outcome="partial", volume_ml=Decimal(100))]))
    drug = next(x for x in sheet(partial) if x.code == "J1411")
    assert drug.modifiers == ()
    lines = [replace(x, modifiers=("JZ",)) if x.code == "J1411" else x for x in sheet(partial)]
    assert checks(partial, lines)["modifiers"].verdict == "fail"
    whole = case(told())
    both = [replace(x, modifiers=("JZ", "JW")) if x.code == "J1411" else x for x in sheet(whole)]
    assert checks(whole, both)["modifiers"].verdict == "fail"


def test_codes_count_on_their_dates() -> None:
    early: Case = replace(case(told()), on=date(2023, 3, 31))
    assert next(x.code for x in sheet(early) if x.fl == "44") is None
    lines = changed(sheet(early), "44", "J3590", line=1)
    assert "wrong code" not in checks(early, lines)["hcpcs"].reason
    assert checks(early, changed(sheet(early), "44", "J1411", line=1))["hcpcs"].verdict == "fail"
    first: Case = replace(case(told()), on=date(2023, 4, 1))
    assert checks(first, changed(sheet(first), "44", "J3590", line=1))["hcpcs"].verdict == "fail"
    assert checks(first)["hcpcs"].verdict == "pass"


def test_before_the_infusion_the_sheet_is_a_plan() -> None:
    plan = story.act("plan", "", {"infusion_on": story.day(0).isoformat()}, -5)
    found = case(told(infusions=[], acts=[plan]), on=-5)
    told_lines = {(x.fl, x.line): x for x in sheet(found)}
    assert told_lines["43", 1].code == "N400053015015ML144"
    assert told_lines["80", 0].code is None
    assert checks(found)["lot-ndc-volume"].verdict == "missing"


def test_the_sheet_field_by_field() -> None:
    found = sheet(case(told(acts=[billing.enrolled()])))
    assert [(x.fl, x.line, x.code) for x in found] == [
        ("POS", 0, "22"), ("4", 0, "0131"), ("6", 0, "2026-03-02 to 2026-03-02"), ("56", 0, "1234567893"),
        ("42", 1, "0636"), ("43", 1, "N400053015015ML144"), ("44", 1, "J1411"), ("45", 1, "2026-03-02"),
        ("46", 1, "1"), ("42", 2, "0260"), ("44", 2, "96365"), ("45", 2, "2026-03-02"), ("46", 2, "1"),
        ("63", 0, "PA-77"), ("67", 0, "D67"), ("76", 0, "1245319599"), ("80", 0, "sample-level"),
        ("80", 0, "LOT L12345"),
    ]  # fmt: skip
    inpatient = sheet(case(told(infusions=[billing.given(place_of_service="21")])))
    assert {x.fl: x.code for x in inpatient}["4"] == "0111" and any(x.fl == "71" for x in inpatient)


def test_another_pathway_without_codes_says_so() -> None:
    found = case(told(infusions=[]), "label-us", pathway="roctavian")
    assert checks(found)["hcpcs"].verdict == "missing"
    assert "ask the payer" in checks(found)["hcpcs"].fix
