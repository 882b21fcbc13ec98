"""Every received item gets one disposition, the primary reason first; see the order in `interpret`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.data import catalog
from patients.readers.envelope import Coding, ResultEnvelope
from patients.readers.interpret import STATUSES, Interpreted, interpret
from patients.rules.codemaps import SourceRules, normal_system

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAIN = ResultEnvelope(analyte="ALT", value="51", unit="U/L", collected=datetime(2026, 3, 1, 8, tzinfo=UTC))
BORN = date(1985, 5, 17)


def read(*, decimal: str = ".", loinc: str | None = None, **changes: Any) -> Interpreted:
    if loinc is not None:
        changes["codings"] = (Coding(normal_system("LN", loinc), loinc),)
    rules = SourceRules(decimal=decimal)
    return interpret(replace(PLAIN, **changes), catalog(), now=NOW, born=BORN, rules=rules)


def test_a_plain_result() -> None:
    found = read(reference_low="10", reference_high="40")
    assert (found.disposition, found.reasons, found.analyte, found.status) == ("result", (), "ALT", "final")
    assert (found.number, found.unit, found.factor) == (Decimal(51), "U/L", Decimal(1))
    assert (found.low, found.high) == (Decimal(10), Decimal(40))


def test_the_limits_come_in_the_unit_of_the_value() -> None:
    found = read(value="0.85", unit="ukat/L", reference_high="0.6667")
    assert (found.number, found.high) == (Decimal("51"), Decimal("40.002"))


@pytest.mark.parametrize("text", ["", "see note", "10-40", "NaN", "Infinity", "<40"])
def test_a_limit_in_prose_is_no_limit(text: str) -> None:
    found = read(reference_high=text)
    assert (found.disposition, found.high) == ("result", None)


@pytest.mark.parametrize(
    ("changes", "disposition", "reasons"),
    [
        ({"analyte": "XYZ"}, "quarantine", ("unmapped-code",)),
        ({"analyte": "", "loinc": "nonsense"}, "quarantine", ("unmapped-code",)),
        ({"analyte": "", "loinc": "1742-5"}, "quarantine", ("unmapped-code",)),
        ({"analyte": ""}, "quarantine", ("unmapped-code",)),
        ({"analyte": "", "loinc": "2345-7"}, "untracked", ()),
        ({"unit": "furlong"}, "quarantine", ("unit-unknown",)),
        ({"unit": ""}, "quarantine", ("unit-unknown",)),
        ({"unit": "mg/dL"}, "quarantine", ("unit-dimension",)),
        ({"value": "hemolysed"}, "quarantine", ("value-unparseable",)),
        ({"value": "99999999"}, "quarantine", ("implausible",)),
        ({"value": "20001"}, "quarantine", ("implausible",)),
        ({"collected": None}, "quarantine", ("bad-timestamp",)),
        ({"bad_time": True}, "quarantine", ("bad-timestamp",)),
        ({"collected": date(1985, 5, 16)}, "quarantine", ("bad-timestamp",)),
        ({"collected": BORN}, "result", ()),
        ({"collected": NOW + timedelta(hours=24)}, "result", ()),
        ({"collected": NOW + timedelta(hours=24, seconds=1)}, "quarantine", ("future-timestamp",)),
        ({"collected": date(2026, 3, 3)}, "result", ()),
        ({"collected": date(2026, 3, 4)}, "quarantine", ("future-timestamp",)),
        ({"status": "R"}, "quarantine", ("status-unverified",)),
        ({"status": "Z"}, "quarantine", ("status-unknown",)),
        ({"status": "R", "unit": "furlong", "bad_time": True}, "quarantine",
         ("status-unverified", "unit-unknown", "bad-timestamp")),
        ({"value": ""}, "pending", ()),
        ({"value": "folgt"}, "pending", ()),
        ({"value": "QNS", "unit": "furlong"}, "pending", ()),
        ({"status": "I"}, "pending", ()),
        ({"value": "", "bad_time": True}, "pending", ()),
        ({"status": "X"}, "cancelled", ()),
        ({"status": "N"}, "cancelled", ("not-asked",)),
        ({"status": "D"}, "retract", ()),
        ({"status": "entered-in-error", "value": "hemolysed", "unit": "furlong"}, "retract", ()),
        ({"status": "W", "collected": None}, "retract", ("bad-timestamp",)),
        ({"status": "D", "barred": ("charset-unknown",)}, "quarantine", ("charset-unknown",)),
    ],
)  # fmt: skip
def test_dispositions(changes: dict[str, Any], disposition: str, reasons: tuple[str, ...]) -> None:
    found = read(**changes)
    assert (found.disposition, found.reasons) == (disposition, reasons)
    assert found.reason == (reasons[0] if reasons else "")


def test_a_loinc_code_names_the_analyte() -> None:
    assert read(analyte="", loinc="1742-6").analyte == "ALT"


def test_our_own_code_may_be_in_small_letters() -> None:
    assert read(analyte=" alt ").analyte == "ALT"


def test_an_inhibitor_sent_under_the_activity_code_waits() -> None:
    """One public catalogue lists the inhibitor titer (BU) under the code of the activity."""
    found = read(analyte="", loinc="3187-2", value="0.9", unit="BU")
    assert (found.analyte, found.disposition, found.reason) == ("FIX_OS", "quarantine", "unit-dimension")


@pytest.mark.parametrize(
    ("text", "comparator", "number"),
    [("1:21", "", "21"), ("<1:7", "<", "7"), ("<18.5", "<", "18.5"), ("≥1:3212", ">=", "3212")],
)
def test_a_titer_needs_no_unit(text: str, comparator: str, number: str) -> None:
    found = read(analyte="AAV5_NAB", value=text, unit="")
    assert found.value is not None
    assert (found.disposition, found.value.comparator, found.number) == (
        "result",
        comparator,
        Decimal(number),
    )
    assert found.unit == "{titer}"


def test_one_stage_and_chromogenic_activity_stay_apart() -> None:
    assert read(analyte="", loinc="3187-2", unit="%").analyte == "FIX_OS"
    assert read(analyte="", loinc="3188-0", unit="%").analyte == "FIX_CH"


def test_a_unit_written_into_the_value_is_the_unit() -> None:
    found = read(value="31.6 %", analyte="FIX_OS", unit="")
    assert (found.disposition, found.number, found.unit) == ("result", Decimal("31.6"), "IU/dL")


def test_the_comma_of_a_source_that_writes_so() -> None:
    assert read(value="1,2", analyte="TBIL", unit="mg/dL", decimal=",").number == Decimal("1.2")
    assert read(value="1,2", analyte="TBIL", unit="mg/dL").reason == "value-unparseable"


def test_texts_are_kept_word_for_word() -> None:
    found = read(value=" < 051 ", unit="U/l")
    assert (found.envelope.value, found.envelope.unit) == (" < 051 ", "U/l")
    assert found.value is not None and found.value.text == " < 051 "


@pytest.mark.parametrize("text", sorted(STATUSES))
def test_status_letters_in_any_case_and_with_blanks(text: str) -> None:
    assert read(status=f" {text.upper()} ").disposition == read(status=text).disposition


REASONS = {
    "unmapped-code", "unit-unknown", "unit-dimension", "implausible", "bad-timestamp", "future-timestamp",
    "value-unparseable", "qualitative-from-number", "status-unverified", "status-unknown",
}  # fmt: skip


@given(
    analyte=st.one_of(st.sampled_from(sorted(catalog().analytes)), st.text(max_size=8)),
    loinc=st.sampled_from(["", "1742-6", "2345-7", "x"]),
    value=st.one_of(
        st.text(max_size=12), st.decimals().map(str), st.sampled_from(["negative", "<1:7", "<10"])
    ),
    unit=st.one_of(st.sampled_from(["", "U/L", "%", "BU", "mg/dL"]), st.text(max_size=6)),
    status=st.one_of(st.sampled_from(sorted(STATUSES)), st.text(max_size=4)),
    reference_high=st.one_of(st.just("40"), st.text(max_size=6), st.decimals().map(str)),
    collected=st.one_of(
        st.none(), st.dates(), st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1))
    ),
)
def test_whatever_arrives_gets_one_disposition(**changes: Any) -> None:
    """No input is an error, and a reason stands on the closed list."""
    found = read(**changes)
    assert found.disposition in ("result", "pending", "quarantine", "retract", "cancelled", "untracked")
    waits = found.disposition == "quarantine"
    assert set(found.reasons) <= REASONS | {"not-asked"} and (not waits or found.reasons)
    assert waits or not found.reasons or found.disposition in ("retract", "cancelled")
    if found.disposition == "result":
        assert (found.number is None) != (found.value is None or found.value.code is None)
