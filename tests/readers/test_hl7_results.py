"""Each field of an observation message, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from patients.readers.envelope import Coding, PatientNumber
from patients.rules.codemaps import LOINC, Meaning, SourceRules
from tests.readers.messages import (
    HEADER,
    NAB,
    ORDER,
    PERSON,
    item,
    items,
    judged,
    meant,
    message,
    obx,
    parcels,
)

EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("letter", "status", "disposition", "reason"),
    [
        ("F", "final", "result", ""),
        ("V", "final", "result", ""),
        ("B", "final", "result", ""),
        ("U", "final", "result", ""),
        ("C", "corrected", "result", ""),
        ("A", "amended", "result", ""),
        ("P", "preliminary", "result", ""),
        ("S", "preliminary", "result", ""),
        ("R", "unverified", "quarantine", "status-unverified"),
        ("I", "pending", "pending", ""),
        ("O", "pending", "pending", ""),
        ("X", "cancelled", "cancelled", ""),
        ("N", "cancelled", "cancelled", "not-asked"),
        ("D", "entered_in_error", "retract", ""),
        ("W", "entered_in_error", "retract", ""),
        ("Z", "unknown", "quarantine", "status-unknown"),
        ("final", "unknown", "quarantine", "status-unknown"),
        ("f", "final", "result", ""),
        ("F^^HL70085", "final", "result", ""),
    ],
)
def test_each_status(letter: str, status: str, disposition: str, reason: str) -> None:
    found = judged(message(obx(status=letter)))
    assert (found.status, found.disposition, found.reason) == (status, disposition, reason)


@pytest.mark.parametrize("letter", ["F", "C", "P", "I", "O"])
def test_without_a_value_there_is_none_yet(letter: str) -> None:
    assert judged(message(obx("", status=letter))).disposition == "pending"


def test_u_without_a_value_makes_the_preliminary_one_final() -> None:
    assert judged(message(obx("", status="U"))).disposition == "promote"


@pytest.mark.parametrize(
    ("letter", "value", "status"),
    [
        ("F", "51", "final"), ("C", "51", "corrected"), ("P", "51", "preliminary"), ("A", "51", "preliminary"),
        ("S", "51", "preliminary"), ("S", "", "pending"), ("X", "", "cancelled"), ("", "51", "preliminary"),
        ("", "", "pending"), ("R", "51", "unverified"), ("Q", "51", "unknown"),
    ],
)  # fmt: skip
def test_the_status_of_the_order_only_where_the_observation_has_none(
    letter: str, value: str, status: str
) -> None:
    order = "|".join((ORDER.split("|") + [""] * 25)[:25] + [letter])
    assert item(message(obx(value, status=""), order=order)).status == status
    assert item(message(obx(value, status="F"), order=order)).status == "final"


@pytest.mark.parametrize("flag", ["C", "H", "HH", "L", "A", "N", ""])
def test_a_flag_is_stored_and_changes_nothing(flag: str) -> None:
    found = judged(message(obx(flag=flag)))
    assert (found.envelope.flag, found.status, found.disposition) == (flag, "final", "result")


@pytest.mark.parametrize(
    ("written", "spoken", "comparator", "number"),
    [
        ("^51", "51", "", "51"), ("<^10", "<10", "<", "10"), (">=^10", ">=10", ">=", "10"),
        ("<=^10.50", "<=10.50", "<=", "10.50"), ("=^51", "=51", "", "51"), ("51", "51", "", "51"),
    ],
)  # fmt: skip
def test_structured_numbers(written: str, spoken: str, comparator: str, number: str) -> None:
    found = judged(message(obx(written, kind="SN")))
    assert found.value is not None
    assert (found.envelope.value, found.envelope.spoken) == (written, spoken)
    assert (found.disposition, found.value.comparator, str(found.value.number)) == (
        "result",
        comparator,
        number,
    )


@pytest.mark.parametrize(
    ("written", "reason", "span"),
    [
        ("^100^-^200", "value-unparseable", ("100", "200")),
        ("^1^+", "sn-separator", None),
        ("^1^/^2", "sn-separator", None),
        ("^1^.^2", "sn-separator", None),
        ("^1^^2", "sn-separator", None),
        ("^2^:^100", "value-unparseable", None),
        ("^1^:^678", "unit-dimension", None),
        ("<>^5", "value-unparseable", None),
        ("<", "value-unparseable", None),
        ("1^5", "value-unparseable", None),
        ("1^^:^678", "value-unparseable", None),
    ],
)
def test_structured_values_that_are_no_number(
    written: str, reason: str, span: tuple[str, str] | None
) -> None:
    found = judged(message(obx(written, kind="SN")))
    assert (found.disposition, found.reason, found.envelope.span) == ("quarantine", reason, span)
    assert span is None or found.number is None


@pytest.mark.parametrize(
    ("kind", "written", "comparator", "number"),
    [
        ("SN", "^1^:^678", "", "678"), ("SN", "<^1^:^7", "<", "7"), ("SN", ">=^1^:^3212", ">=", "3212"),
        ("SN", "^678", "", "678"), ("ST", "1:678", "", "678"), ("ST", "<1:7", "<", "7"),
        ("ST", "1 : 678", "", "678"), ("NM", "678", "", "678"), ("TX", ">1:500", ">", "500"),
    ],
)  # fmt: skip
def test_titers(kind: str, written: str, comparator: str, number: str) -> None:
    for unit in ("", "titer", "{titer}"):
        found = judged(message(obx(written, kind=kind, code="NAB5^NAb^L", unit=unit), person=PERSON), NAB)
        assert found.value is not None
        assert (found.disposition, found.analyte, found.assay) == ("result", "AAV5_NAB", "clinical-study")
        assert (found.value.comparator, found.number, found.unit) == (comparator, Decimal(number), "{titer}")


@pytest.mark.parametrize(
    ("kind", "written", "disposition", "reason"),
    [
        ("NM", "51", "result", ""), ("NM", "051", "result", ""), ("NM", " 51 ", "result", ""),
        ("NM", ".5", "result", ""), ("NM", "51~52", "quarantine", "repeating-value"), ("NM", "51~", "result", ""),
        ("NM", "~51", "result", ""), ("NM", "99999999", "quarantine", "implausible"),
        ("NM", "51^52", "quarantine", "value-unparseable"), ("NM", "1e3", "quarantine", "value-unparseable"),
        ("NM", "1,234", "quarantine", "value-unparseable"), ("NM", "", "pending", ""),
        ("NM", '""', "pending", ""), ("NM", "20001", "quarantine", "implausible"),
        ("NM", "-1", "quarantine", "implausible"), ("ST", "51", "result", ""), ("ST", "<10", "result", ""),
        ("ST", "≤10", "result", ""), ("ST", "51 U/L", "result", ""), ("ST", "hemolysed", "quarantine", "value-unparseable"),
        ("ST", "51\\.br\\52", "quarantine", "value-unparseable"), ("TX", "folgt", "pending", ""),
        ("ST", "?", "pending", ""), ("ST", ".", "pending", ""), ("ST", "$", "pending", ""),
        ("ST", "TNP", "pending", ""), ("ST", "QNS", "pending", ""), ("ST", "***", "pending", ""),
        ("FT", "51", "result", ""), ("", "51", "result", ""), ("NR", "10^20", "quarantine", "value-unparseable"),
        ("DT", "20260301", "quarantine", "implausible"), ("CE", "10828004^Positive^SCT", "quarantine", "value-unparseable"),
        ("nm", "51", "result", ""), ("NA", "1^2^3", "quarantine", "value-unparseable"),
        ("NM", "٥١", "result", ""),
    ],
)  # fmt: skip
def test_values(kind: str, written: str, disposition: str, reason: str) -> None:
    found = judged(message(obx(written, kind=kind)))
    assert (found.disposition, found.reason) == (disposition, reason)


def test_a_range_value_is_kept_as_a_range() -> None:
    assert item(message(obx("10^20", kind="NR"))).span == ("10", "20")


def test_texts_keep_their_digits_and_lose_leading_zeros_in_the_number() -> None:
    found = judged(message(obx("072.50", code="29463-7^Weight^LN", unit="kg")))
    assert found.value is not None
    assert (found.envelope.value, str(found.value.number)) == ("072.50", "72.50")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("260385009^Negative^SCT", "negative"), ("260415000^Not detected^SCT", "negative"),
        ("10828004^Positive^SCT", "positive"), ("NEG^Negative^L", "negative"), ("^Non-Reactive", "negative"),
        ("^negativ", "negative"), ("^négatif", "negative"), ("POS", "positive"),
        ("X^irgendwas^L^260385009^^SCT", "negative"), ("LA6577-6^Negative^LN", "negative"),
        ("260373001^Detected^2.16.840.1.113883.6.96", "positive"), ("^Equivocal", "equivocal"),
    ],
)  # fmt: skip
def test_coded_values(written: str, code: str) -> None:
    found = judged(message(obx(written, kind="CWE", code="5196-1^HBsAg^LN", unit="")))
    assert found.value is not None
    assert (found.disposition, found.value.code, found.number) == ("result", code, None)
    assert found.envelope.value == written


@pytest.mark.parametrize(
    "written",
    [
        "260385009^Negative^SCT^10828004^Positive^SCT", "260385009^Positive^SCT", "10828004^Not detected^SCT",
        "260385009^Negative^SCT~10828004^Positive^SCT", "X^see comment^L",
    ],
)  # fmt: skip
def test_coded_values_that_contradict_themselves_wait(written: str) -> None:
    assert (
        judged(message(obx(written, kind="CE", code="5196-1^HBsAg^LN", unit=""))).disposition == "quarantine"
    )


@pytest.mark.parametrize(
    ("written", "rules", "reason", "code"),
    [
        ("0.4", NAB, "", "negative"), ("1.0", NAB, "", "positive"), ("<0.8", NAB, "", "negative"),
        ("<1.8", NAB, "qualitative-from-number", None),
    ],
)  # fmt: skip
def test_an_index_is_a_result_only_by_the_sites_rule(
    written: str, rules: SourceRules, reason: str, code: str | None
) -> None:
    found = judged(
        message(
            obx(written, kind="SN" if "<" not in written else "ST", code="HBSI^HBsAg^L", unit="S/CO").replace(
                "|SN|", "|NM|"
            )
        ),
        rules,
    )
    assert (found.reason, found.value and found.value.code) == (reason, code)
    bare = judged(message(obx(written, kind="ST", code="5196-1^HBsAg^LN", unit="S/CO")))
    assert bare.reason == "qualitative-from-number"


@pytest.mark.parametrize(
    ("written", "comparator", "number", "code"),
    [
        ("<10", "<", "10", None), ("<10 IU/mL", "<", "10", None), ("Not detected", "", None, "not_detected"),
        ("Target not detected", "", None, "not_detected"),
    ],
)  # fmt: skip
def test_viral_loads(written: str, comparator: str, number: str | None, code: str | None) -> None:
    found = judged(message(obx(written, kind="ST", code="42595-9^HBV^LN", unit="[IU]/mL")))
    assert found.value is not None and found.disposition == "result"
    assert (found.value.comparator, found.value.code) == (comparator, code)
    assert found.number == (None if number is None else Decimal(number))


@pytest.mark.parametrize("kind", ["ED", "RP", "ed"])
def test_attachments_are_no_results(kind: str) -> None:
    found = judged(message(obx("^application^pdf^Base64^JVBERi0=", kind=kind, unit="")))
    assert (found.disposition, found.reasons, found.envelope.attachment) == (
        "untracked",
        ("attachment",),
        True,
    )
    unknown = judged(
        message(obx("^application^pdf^Base64^JVBERi0=", kind=kind, code="PDF^Report^L", unit=""))
    )
    assert unknown.disposition == "untracked"


@pytest.mark.parametrize(
    ("code", "analyte", "disposition", "reason"),
    [
        ("1742-6^ALT^LN", "ALT", "result", ""), ("1742-6^ALT^LOINC", "ALT", "result", ""),
        ("1742-6^ALT^2.16.840.1.113883.6.1", "ALT", "result", ""), ("1742-6^ALT^http://loinc.org", "ALT", "result", ""),
        ("1742-6^ALT^ln", "ALT", "result", ""), ("ALT^ALT^L^1742-6^ALT^LN", "ALT", "result", ""),
        ("ALT^ALT^L^GPT^GPT^M^^^ALT^1742-6^ALT^LN", "ALT", "result", ""),
        ("1742-6^ALT^L", "", "quarantine", "unmapped-code"), ("1742-6", "", "quarantine", "unmapped-code"),
        ("TSH^Thyrotropin^LN", "", "quarantine", "unmapped-code"), ("1742-5^ALT^LN", "", "quarantine", "unmapped-code"),
        ("2345-7^Glucose^LN", "", "untracked", ""), ("GLU^Glucose^L", "", "untracked", ""),
        ("XYZ^thing^L", "", "quarantine", "unmapped-code"), ("", "", "quarantine", "unmapped-code"),
        ("XYZ^thing^L^2345-7^Glucose^LN", "", "untracked", ""), ("CH9^FIX^L", "FIX_CH", "quarantine", "unit-dimension"),
        ("1742-6^ALT^LN^1920-8^AST^LN", "", "quarantine", "unmapped-code"),
        ("CH9^FIX^L^3187-2^FIX^LN", "", "quarantine", "unmapped-code"),
        ("¹742-6^ALT^LN", "", "quarantine", "unmapped-code"), ("1742-²^ALT^LN", "", "quarantine", "unmapped-code"),
        ("1968-7^Bilirubin direct^LN", "", "untracked", ""),
    ],
)  # fmt: skip
def test_codes(code: str, analyte: str, disposition: str, reason: str) -> None:
    found = judged(message(obx(code=code)), NAB)
    assert (found.analyte, found.disposition, found.reason) == (analyte, disposition, reason)


def test_a_local_code_under_the_name_of_loinc_keeps_its_words() -> None:
    found = item(message(obx(code="TSH^Thyrotropin^LN")))
    assert found.codings == (Coding("LN", "TSH", "Thyrotropin"),)
    assert (found.code_text, found.loinc) == ("Thyrotropin", "")
    assert item(message(obx())).codings == (Coding(LOINC, "1742-6", "ALT"),)


def test_a_site_may_give_a_factor_for_a_unit() -> None:
    found = judged(message(obx("850", code="ALTN^ALT^L", unit="nkat/L")), NAB)
    assert (found.number, found.factor, found.unit) == (Decimal("51.00"), Decimal("0.06"), "U/L")
    assert judged(message(obx("850", code="ALTN^ALT^L", unit="U/L")), NAB).reason == "unmapped-code"


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("U/L", "U/L"), ("U/l^^L^U/L^^UCUM", "U/L"), ("U/L^^UCUM^x^^UCUM", "U/L"), ("U/L^unit^UCUM", "U/L"),
        ("^U/L", "U/L"), ("", ""), ('""', ""), ("10^3/uL", "10^3/uL"), ("x10^3/uL", "x10^3/uL"), ("10\\S\\3/uL", "10^3/uL"),
        (" U/L ", "U/L"), ("^^^U/L^^UCUM", "U/L"),
    ],
)  # fmt: skip
def test_units(written: str, unit: str) -> None:
    assert item(message(obx(unit=written))).unit == unit


@pytest.mark.parametrize(
    ("code", "value", "unit", "reason"),
    [
        ("1742-6", "51", "", "unit-unknown"), ("6301-6", "1.1", "", ""), ("6301-6", "1.1", "INR", ""),
        ("6301-6", "1.1", "ratio", ""), ("3187-2", "31", "1", "unit-dimension"), ("3187-2", "31", "ratio", "unit-dimension"),
        ("3187-2", "31", "%", ""), ("3187-2", "0.9", "BU", "unit-dimension"), ("1751-7", "4.1", "g/mL", "implausible"),
        ("1751-7", "41", "g/L", ""), ("777-3", "220", "10^3/uL", ""), ("777-3", "220", "furlong", "unit-unknown"),
        ("5196-1", "negative", "", ""), ("29463-7", "159.8", "[lb_av]", ""),
    ],
)  # fmt: skip
def test_units_of_analytes(code: str, value: str, unit: str, reason: str) -> None:
    assert judged(message(obx(value, kind="ST", code=f"{code}^x^LN", unit=unit))).reason == reason


def test_two_units_that_differ_wait() -> None:
    assert judged(message(obx("0.85 ukat/L", kind="ST", unit="U/L"))).reason == "unit-dimension"
    assert judged(message(obx("51 U/l", kind="ST", unit="U/L"))).disposition == "result"


@pytest.mark.parametrize(
    ("written", "low", "high"),
    [
        ("7-56", "7", "56"), ("7 - 56", "7", "56"), ("7 to 56", "7", "56"), ("7–56", "7", "56"), ("(7-56)", "7", "56"),
        ("<56", "", "56"), ("(<56)", "", "56"), ("<=56", "", "56"), ("≤ 56", "", "56"), (">7", "7", ""),
        ("0.5-1.2", "0.5", "1.2"), ("56-7", "", ""), ("M: 7-56, F: 7-40", "", ""), ("7-56~7-40", "", ""),
        ("70_105", "", ""), ("negative", "", ""), ("", "", ""), ("7-56 U/L", "", ""), ("-5-5", "", ""), ("7-", "", ""),
        ("7-56-80", "", ""), ("1,0-2,0", "", ""), ("9" * 400 + "-" + "9" * 401, "9" * 400, "9" * 401),
    ],
)  # fmt: skip
def test_reference_ranges(written: str, low: str, high: str) -> None:
    found = item(message(obx(range=written)))
    assert (found.reference_low, found.reference_high, found.reference_text) == (low, high, written)


def test_limits_are_converted_with_the_value() -> None:
    found = judged(message(obx("0.85", unit="ukat/L", range="0.1-0.6667")))
    assert (found.number, found.low, found.high, found.uln_source) == (
        Decimal("51.00"), Decimal("6.0"), Decimal("40.0020"), "result",
    )  # fmt: skip


def test_a_default_limit_is_flagged() -> None:
    rules = SourceRules(default_uln={"ALT": "40"})
    assert (judged(message(obx()), rules).high, judged(message(obx()), rules).uln_source) == (
        Decimal(40),
        "default",
    )
    assert judged(message(obx(range="7-56")), rules).uln_source == "result"
    assert judged(message(obx(range="70_105")), rules).uln_source == "default"
    assert (judged(message(obx())).high, judged(message(obx())).uln_source) == (None, "")


def test_a_default_limit_that_is_no_number_is_none() -> None:
    assert judged(message(obx()), SourceRules(default_uln={"ALT": "forty"})).high is None


def test_a_map_to_an_analyte_that_is_gone_maps_nothing() -> None:
    rules = SourceRules(meanings={("L", "X", ""): Meaning(analyte="GONE")})
    assert judged(message(obx(code="X^x^L")), rules).reason == "unmapped-code"


@pytest.mark.parametrize("written", ["0-0", "<0"])
def test_an_upper_limit_of_nothing_is_no_limit(written: str) -> None:
    assert judged(message(obx(range=written))).high is None


@pytest.mark.parametrize(
    ("written", "collected"),
    [
        ("20260301080000+0000", EIGHT), ("20260301090000+0100", EIGHT), ("20260301030000-0500", EIGHT),
        ("202603010800+0000", EIGHT), ("20260301080000.0000+0000", EIGHT),
        ("20260301080000.1234+0000", EIGHT + timedelta(microseconds=123400)), ("20260301", date(2026, 3, 1)),
        ("20260301080000", EIGHT), ("202603010800", EIGHT), ('"20260301"', date(2026, 3, 1)),
    ],
)  # fmt: skip
def test_times(written: str, collected: datetime | date) -> None:
    found = item(message(obx(at=written)))
    assert (found.collected, found.bad_time) == (collected, False)
    assert type(found.collected) is type(collected)


@pytest.mark.parametrize(
    "written",
    [
        "202603010800000", "20260301080", "2026", "202603", "2026030108", "DATE!", "20260230", "20261301",
        "20260301250000", "20260301086000", "2026-03-01T08:00:00Z", "2026-03-01", "20260301080000+9900",
        "20260301080000+0199", "00000000", "01.03.2026", "00010101000000+1400", "99991231235959-1400", "²0260301",
    ],
)  # fmt: skip
def test_times_that_cannot_be_used(written: str) -> None:
    found = judged(message(obx(at=written)))
    assert (found.disposition, found.reason, found.envelope.bad_time) == ("quarantine", "bad-timestamp", True)


@pytest.mark.parametrize(
    ("written", "collected"),
    [
        ("2026-03-01T08:00:00Z", EIGHT), ("2026-03-01T08:00:00", EIGHT), ("2026-03-01", date(2026, 3, 1)),
        ("2026-03-01 08:00", EIGHT), ("20260301080000", EIGHT),
    ],
)  # fmt: skip
def test_iso_text_where_the_source_may(written: str, collected: datetime | date) -> None:
    assert item(message(obx(at=written)), SourceRules(iso_times=True)).collected == collected
    for bad in ("2026-W09", "2026-03", "DATE!", "20260301080"):
        assert item(message(obx(at=bad)), SourceRules(iso_times=True)).bad_time


def test_the_zone_is_the_times_own_then_the_messages_then_the_sources() -> None:
    berlin = SourceRules(timezone="Europe/Berlin")
    bare = HEADER.replace("+0000", "")
    assert item(message(obx(at="20260301090000-0500")), berlin).collected == EIGHT + timedelta(hours=6)
    assert item(message(obx(at="20260301080000")), berlin).collected == EIGHT
    assert item(message(obx(at="20260301090000"), header=bare), berlin).collected == EIGHT
    assert item(message(obx(at="20260701100000"), header=bare), berlin).collected == datetime(
        2026, 7, 1, 8, tzinfo=UTC
    )
    absurd = HEADER.replace("+0000", "+9900")
    assert item(message(obx(at="20260301090000"), header=absurd), berlin).collected == EIGHT


def test_times_carry_a_fixed_offset() -> None:
    found = item(
        message(obx(at="20251026023000"), header=HEADER.replace("+0000", "")),
        SourceRules(timezone="Europe/Berlin"),
    )
    assert isinstance(found.collected, datetime) and isinstance(found.collected.tzinfo, timezone)


def test_the_time_of_the_observation_then_the_specimen_then_the_order() -> None:
    specimen = "SPM|1|||BLD|||||||||||||20260301090000+0000"
    assert item(message(obx(at="20260301100000+0000"), specimen)).collected == EIGHT + timedelta(hours=2)
    assert item(message(obx(), specimen)).collected == EIGHT + timedelta(hours=1)
    assert item(message(obx(), specimen + "^20260301093000+0000")).collected == EIGHT + timedelta(hours=1)
    assert item(message(obx(), specimen + "&x")).collected == EIGHT + timedelta(hours=1)
    assert item(message(obx())).collected == EIGHT
    untimed = "OBR|1||F100|PANEL"
    found = judged(message(obx(), order=untimed))
    assert (found.reason, found.envelope.collected) == ("bad-timestamp", None)


def test_the_first_time_that_is_given_counts_even_if_it_is_bad() -> None:
    assert judged(message(obx(at="DATE!"))).reason == "bad-timestamp"


@pytest.mark.parametrize(
    ("at", "reason"),
    [("20260311110000+0000", ""), ("20260311120001+0000", "future-timestamp"), ("19850516", "bad-timestamp"), ("19850517", "")],
)  # fmt: skip
def test_times_before_birth_and_after_tomorrow(at: str, reason: str) -> None:
    assert judged(message(obx(at=at))).reason == reason


def test_when_it_was_reported() -> None:
    order = "|".join((ORDER.split("|") + [""] * 22)[:22] + ["20260301110000+0000"])
    assert item(message(obx(reported="20260301103000+0000"), order=order)).reported_at == EIGHT + timedelta(
        hours=2.5
    )
    assert item(message(obx(), order=order)).reported_at == EIGHT + timedelta(hours=3)
    assert item(message(obx(reported="DATE!"))).reported_at == EIGHT + timedelta(hours=4)


@pytest.mark.parametrize(
    ("person", "numbers", "family", "born"),
    [
        (PERSON, (PatientNumber("4711", ("HOSP", "MR")),), "Doe", date(1985, 5, 17)),
        ("PID|1||4711", (PatientNumber("4711"),), "", None),
        ("PID|1||4711^^^HOSP&1.2.3&ISO^MR~99^^^SSA^SS||Doe", (
            PatientNumber("4711", ("HOSP", "1.2.3", "MR")), PatientNumber("99", ("SSA", "SS"))), "Doe", None),
        ("PID|1||~4711^^^HOSP~||Doe&van&von^Jane~Old^Jane||1985", (PatientNumber("4711", ("HOSP",)),), "Doe", None),
        ("PID|1||4711^^^HOSP||Doe||198505", (PatientNumber("4711", ("HOSP",)),), "Doe", None),
        ("PID|1||4711^^^HOSP||Doe||19851317", (PatientNumber("4711", ("HOSP",)),), "Doe", None),
        ("PID|1||4711^^^HOSP||Doe||19850517120000", (PatientNumber("4711", ("HOSP",)),), "Doe", date(1985, 5, 17)),
        ("PID|1||^^^HOSP||Doe", (), "Doe", None),
        ("PID|1||  4711 ^^^HOSP||O\\T\\Neil", (PatientNumber("4711", ("HOSP",)),), "O&Neil", None),
        ("", (), "", None),
        ("PID", (), "", None),
    ],
)  # fmt: skip
def test_whom_it_is_about(
    person: str, numbers: tuple[PatientNumber, ...], family: str, born: date | None
) -> None:
    found = item(message(obx(), person=person)).named
    assert (found.numbers, found.family_name, found.birth_date) == (numbers, family, born)
    assert not found.number_suffices


def test_each_patient_of_a_message_has_their_own_results_and_notes() -> None:
    other = "PID|2||4712^^^HOSP||Roe"
    found = items(
        message(obx(), "NTE|1||first", other, "NTE|1||about the person", ORDER, obx("30"), "NTE|1||second")
    )
    assert [i.named.numbers[0].value for i in found] == ["4711", "4712"]
    assert [i.note for i in found] == ["first", "second"]


def test_an_observation_before_any_order_of_the_second_patient() -> None:
    found = items(message(obx(), "PID|2||4712^^^HOSP||Roe", obx("30")))
    assert [i.named.numbers[0].value for i in found] == ["4711", "4712"]


def test_notes() -> None:
    found = items(
        message(
            "NTE|1||of the order",
            obx(),
            "NTE|1||one~two",
            "NTE|2||th\\T\\ree",
            "ORC|RE",
            "NTE|1||of the next order",
            ORDER,
            obx("3"),
        )
    )
    assert [i.note for i in found] == ["one\ntwo\nth&ree", ""]


def keyed(*segments: str, **more: Any) -> str:
    return item(message(*segments, **more)).source_id


def test_a_result_sent_again_keeps_its_identity() -> None:
    later = HEADER.replace("120000", "180000").replace("|M1|", "|M2|")
    again = keyed(
        obx("52", number="7", status="C", reported="20260302080000"),
        header=later,
        order=ORDER.replace("OBR|1", "OBR|9"),
    )
    assert again == keyed(obx())
    assert keyed(obx(at="20260301090000+0100")) == keyed(obx(at="20260301080000+0000"))
    assert keyed(obx(), order=ORDER.replace("F100^LAB", "F100^LAB^^")) == keyed(obx())


@pytest.mark.parametrize(
    "other",
    [
        {"order": ORDER.replace("F100^LAB", "F101^LAB")}, {"order": ORDER.replace("F100^LAB", "F100^OTHER")},
        {"order": ORDER.replace("0800", "0900")},
    ],
)  # fmt: skip
def test_another_order_or_time_is_another_result(other: dict[str, str]) -> None:
    assert keyed(obx(), **other) != keyed(obx())


def test_another_code_or_sub_id_is_another_result() -> None:
    assert (
        len(
            {
                keyed(obx()),
                keyed(obx(sub="1")),
                keyed(obx(code="1920-8^AST^LN")),
                keyed(obx(code="1742-6^ALT^L")),
            }
        )
        == 4
    )


def test_the_order_is_filler_then_placer_then_code_and_time() -> None:
    filler, placer, neither = (
        f"OBR|1|{p}|{f}|{c}|||20260301080000+0000"
        for p, f, c in [("P1", "F1", "X"), ("P1", "", "X"), ("", "", "X")]
    )
    assert keyed(obx(), order=filler) == keyed(obx(), order=filler.replace("P1", "P2").replace("|X|", "|Y|"))
    assert keyed(obx(), order=placer) == keyed(obx(), order=placer.replace("|X|", "|Y|"))
    assert keyed(obx(), order=placer) != keyed(obx(), order=placer.replace("P1", "P2"))
    assert keyed(obx(), order=neither) != keyed(obx(), order=neither.replace("|X|", "|Y|"))
    assert keyed(obx(), order=neither) != keyed(obx(), order=placer)


def test_equal_codes_are_told_apart_by_their_place_among_themselves() -> None:
    found = items(message(obx("1"), obx("30", code="1920-8^AST^LN"), obx("2")))
    assert len({i.source_id for i in found}) == 3
    again = items(message(obx("1"), obx("2"), obx("30", code="1920-8^AST^LN")))
    assert {i.source_id for i in again} == {i.source_id for i in found}
    assert again[1].source_id == found[2].source_id


def test_a_comment_of_the_same_code_does_not_shift_the_place() -> None:
    alone, commented = items(message(obx("51"))), items(message(obx("see note", kind="TX"), obx("51")))
    assert commented[1].source_id == alone[0].source_id
    assert commented[0].source_id != alone[0].source_id


def test_lines_of_one_text_are_one_item() -> None:
    found = items(
        message(
            obx("Liver", kind="TX", code="US^Liver^L"),
            obx("30"),
            obx("normal", kind="FT", code="US^Liver^L"),
            obx("other", kind="TX", code="US^Liver^L", sub="2"),
        )
    )
    assert [i.value for i in found] == ["Liver\nnormal", "30", "other"]
    assert found[0].raw.count("OBX|") == 2
    shorter = items(message(obx("Liver", kind="TX", code="US^Liver^L")))
    assert shorter[0].source_id == found[0].source_id


def test_texts_of_two_orders_are_two() -> None:
    assert len(items(message(obx("a", kind="TX"), ORDER.replace("F100", "F2"), obx("b", kind="TX")))) == 2


def test_where_an_item_stood() -> None:
    data = message(
        obx(number="7"),
        ORDER.replace("OBR|1", "OBR|2").replace("F100", "F2"),
        obx(number="1", code="1920-8^AST^LN"),
    )
    assert [i.where for i in items(data + data)] == [
        {"message": m, "obr": o, "obx": x, "segment": s, "code": c}
        for m in (1, 2) for o, x, s, c in [(1, "7", 4, "1742-6"), (2, "1", 6, "1920-8")]
    ]  # fmt: skip


def test_the_laboratory_and_the_method() -> None:
    found = item(message(obx(method="CHR^chromogenic") + "||||LAB&Central^x"))
    assert (found.method, found.lab, found.assay) == ("chromogenic", "LAB&Central", "")


OUL = HEADER.replace("ORU^R01^ORU_R01", "OUL^{0}^OUL_{0}")
SPECIMENS = tuple(f"SPM|{n}|||BLD|||||||||||||2026030{n}080000+0000" for n in (1, 2))
UNTIMED = tuple(f"OBR|{n}||F{n}|PANEL" for n in (1, 2))


def order_of(kind: str) -> list[str]:
    """The segments of a message of two specimens, one order each."""
    pairs = list(zip(SPECIMENS, UNTIMED, [obx("1"), obx("2")], strict=True))
    if kind == "R24":
        return [s for specimen, order, result in pairs for s in (order, specimen, result)]
    return [s for specimen, order, result in pairs for s in (specimen, order, result)]


@pytest.mark.parametrize("kind", ["R22", "R23", "R24"])
def test_unsolicited_specimen_messages(kind: str) -> None:
    found = items(message(*order_of(kind), header=OUL.format(kind), order=""))
    assert [(i.value, i.collected) for i in found] == [("1", EIGHT), ("2", EIGHT + timedelta(days=1))]


def test_the_specimen_of_a_result_message_follows_its_order() -> None:
    found = items(message(UNTIMED[0], obx("1"), SPECIMENS[0], UNTIMED[1], obx("2"), SPECIMENS[1], order=""))
    assert [i.collected for i in found] == [EIGHT, EIGHT + timedelta(days=1)]


def test_an_analyser_names_nobody() -> None:
    found = judged(message(*order_of("R22")[:3], header=OUL.format("R22"), person="", order=""))
    assert (found.envelope.named.numbers, found.envelope.named.family_name) == ((), "")
    assert meant(found.envelope, stranger="patient-unmatched").reason == "patient-unmatched"


def test_the_same_message_with_another_time_has_the_same_digest() -> None:
    one = parcels(message(obx()))[0]
    later = parcels(message(obx(), header=HEADER.replace("120000", "180000")).replace(b"\r", b"\r\n"))[0]
    assert later.digest == one.digest and (one.control_id, one.sender) == ("M1", ("LIS", "LAB"))
    assert parcels(message(obx(), header=HEADER.replace("|M1|", "|M2|")))[0].digest != one.digest
    assert parcels(message(obx("52")))[0].digest != one.digest


def test_a_comma_where_the_source_writes_so() -> None:
    rules = SourceRules(decimal=",")
    found = judged(message(obx("1,2", code="1975-2^BILI^LN", unit="mg/dL", range="0,1-1,2")), rules)
    assert (found.number, found.high) == (Decimal("1.2"), Decimal("1.2"))
    assert (
        judged(message(obx("1.2", code="1975-2^BILI^LN", unit="mg/dL")), rules).reason == "value-unparseable"
    )
    assert (
        judged(message(obx("1,2", code="1975-2^BILI^LN", unit="mg/dL", range="0.1-1.200")), rules).high
        is None
    )
