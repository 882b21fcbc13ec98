"""What a reported text says: comparator and number, titer, coded meaning, nothing yet, or a fault."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.data import catalog
from patients.rules.qualitative import MEANINGS, NO_VALUE, meaning
from patients.rules.values import CODED, COMPARATORS, Value, parse_value


def read(text: str, analyte: str = "ALT", decimal: str = ".") -> Value:
    return parse_value(text, catalog().analytes[analyte], decimal=decimal)


@pytest.mark.parametrize(
    ("text", "comparator", "number"),
    [
        ("1:678", "", "678"),
        ("1 : 678", "", "678"),
        ("678", "", "678"),
        ("678.2", "", "678.2"),
        ("<1:7", "<", "7"),
        ("< 1:7", "<", "7"),
        ("<18.5", "<", "18.5"),
        ("≥1:3212", ">=", "3212"),
        (">= 1:3212", ">=", "3212"),
        ("≤1:678", "<=", "678"),
        ("unter 1:900", "<", "900"),
        ("über 1:900", ">", "900"),
        ("greater than 1:900", ">", "900"),
    ],
)
def test_titers(text: str, comparator: str, number: str) -> None:
    value = read(text, "AAV5_NAB")
    assert (value.comparator, value.number, value.titer) == (comparator, Decimal(number), True)
    assert (value.text, value.fault, value.code) == (text, None, None)


@pytest.mark.parametrize(
    ("text", "code"),
    [("negative", "negative"), ("ND", "not_detected"), ("n.d.", "not_detected"), ("Positive", "positive")],
)
def test_titers_in_words(text: str, code: str) -> None:
    value = read(text, "AAV5_NAB")
    assert (value.code, value.number, value.fault) == (code, None, None)


@pytest.mark.parametrize(
    ("text", "comparator", "number", "unit"),
    [
        ("51", "", "51", ""),
        (" 51 ", "", "51", ""),
        ("051", "", "51", ""),
        ("51.0", "", "51.0", ""),
        ("<10", "<", "10", ""),
        ("<= 10", "<=", "10", ""),
        ("=<10", "<=", "10", ""),
        ("=51", "", "51", ""),
        ("less than 10", "<", "10", ""),
        ("51 U/L", "", "51", "U/L"),
        (">1000 U/L", ">", "1000", "U/L"),
        ("-3", "", "-3", ""),
        (".5", "", "0.5", ""),
        ("<.5", "<", "0.5", ""),
    ],
)
def test_numbers(text: str, comparator: str, number: str, unit: str) -> None:
    value = read(text)
    assert (value.comparator, str(value.number), value.unit, value.fault) == (comparator, number, unit, None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hemolysed", "value-unparseable"),
        ("10-20", "value-unparseable"),
        ("51 apples", "value-unparseable"),
        ("1.2.3", "value-unparseable"),
        ("1e3", "value-unparseable"),
        ("5.", "value-unparseable"),
        ("le\u017fs than 5", "value-unparseable"),
        ("\u0130nférieur à 5", "value-unparseable"),
        ("NaN", "value-unparseable"),
        ("negative", "value-unparseable"),
        ("1,5", "value-unparseable"),
        ("1:40", "unit-dimension"),
        ("99999999", "implausible"),
        ("9999999.99", "implausible"),
    ],
)
def test_what_is_no_number_of_this_analyte_waits(text: str, fault: str) -> None:
    assert read(text).fault == fault


def test_99999_is_a_number() -> None:
    assert read("99999").fault is None


def test_the_comma_only_where_the_source_writes_so() -> None:
    assert read("1,5", decimal=",").number == Decimal("1.5")
    assert read("1.5", decimal=",").fault == "value-unparseable"


@pytest.mark.parametrize(
    "text", ["", "   ", "?", "folgt", "Pending", "TNP", "QNS", "***", "not done", "$", "."]
)
def test_no_value_yet(text: str) -> None:
    value = read(text)
    assert (value.no_value, value.number, value.code, value.fault) == (True, None, None, None)


@pytest.mark.parametrize("text", ["<0.8", "0.8", "0.8 S/CO"])
def test_an_index_is_no_serology(text: str) -> None:
    """A signal-to-cut-off ratio is never read as negative or positive."""
    value = read(text, "HBSAG")
    assert value.fault is not None and value.code is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Not detected", "not_detected"),
        ("Target not detected", "not_detected"),
        ("<10 IU/mL, not detected", "not_detected"),
        ("nicht nachweisbar", "not_detected"),
        ("Not detected.", "not_detected"),
        ("not detected (<10 IU/mL)", "not_detected"),
        ("nicht nachweisbar, < 20 Kopien/ml", "not_detected"),
        ("Detected", "detected"),
        ("Target detected, below quantification", "detected"),
        ("Detected <20 copies/mL", "detected"),
        ("equivocal", "equivocal"),
    ],
)
def test_viral_loads_in_words(text: str, code: str) -> None:
    value = read(text, "HBV_DNA")
    assert (value.code, value.number) == (code, None)


@pytest.mark.parametrize(
    "text",
    [
        "not detected previously; now 500 IU/mL",
        "previously not detected, now detected",
        "detected previously, now not detected",
        "not detected; HIV-2 detected",
        "not detected, 500 IU/mL",
        "not detected, repeat sample positive",
        "not detected > 500 IU/mL",
        "not detected in plasma only",
        "HIV-2 RNA not detected",
        "detected?",
    ],
)
@pytest.mark.parametrize("analyte", ["HBV_DNA", "HCV_RNA", "HIV_RNA", "HBSAG", "AAV5_NAB"])
def test_a_sentence_that_says_more_than_one_thing_waits(text: str, analyte: str) -> None:
    value = read(text, analyte)
    assert (value.fault, value.code, value.number) == ("value-unparseable", None, None)


@pytest.mark.parametrize(
    ("text", "analyte", "code"),
    [
        ("HBV DNA not detected", "HBV_DNA", "not_detected"),
        ("HBV DNA: <10 IU/mL, not detected.", "HBV_DNA", "not_detected"),
        ("HIV-1 RNA detected", "HIV_RNA", "detected"),
        ("HBsAg non-reactive", "HBSAG", "negative"),
        ("HBV DNA not detected", "", None),
        ("HCV RNA not detected", "HBV_DNA", None),
        ("HIV-2 RNA not detected", "HIV_RNA", None),
        ("HBV DNA not detected, HCV RNA detected", "HBV_DNA", None),
    ],
)
def test_a_report_may_name_its_own_analyte(text: str, analyte: str, code: str | None) -> None:
    assert meaning(text, analyte) == code


def test_below_quantification_is_not_not_detected() -> None:
    value = read("<10 IU/mL", "HBV_DNA")
    assert (value.comparator, value.number, value.unit, value.code) == ("<", Decimal(10), "IU/mL", None)


@pytest.mark.parametrize("kind", sorted(CODED))
def test_each_kind_of_analyte_takes_its_own_words_only(kind: str) -> None:
    analyte = next(a for a in catalog().analytes.values() if a.kind == kind)
    for code, words in MEANINGS.items():
        for word in words:
            found = parse_value(word, analyte)
            assert found.code == (code if code in CODED[kind] else None), word
            assert (found.fault is None) == (code in CODED[kind]), word


def test_no_word_means_a_value_and_none() -> None:
    assert not NO_VALUE & {word for words in MEANINGS.values() for word in words}


@given(
    st.sampled_from(sorted(COMPARATORS)),
    st.sampled_from(["", " ", "  "]),
    st.decimals(min_value=0, max_value=99998, places=2, allow_nan=False),
    st.sampled_from(["", " ", "   "]),
)
def test_comparator_number_and_blanks_in_any_form(word: str, gap: str, number: Decimal, around: str) -> None:
    value = read(f"{around}{word.capitalize()}{gap}{number}{around}")
    assert (value.comparator, value.number, value.fault) == (COMPARATORS[word], number, None)


@given(st.text(max_size=40), st.sampled_from(sorted(catalog().analytes)))
def test_any_text_gets_exactly_one_reading(text: str, analyte: str) -> None:
    value = read(text, analyte)
    readings = [value.no_value, value.number is not None, value.code is not None, value.fault is not None]
    assert value.text == text
    assert sum(readings) == 1 or (value.number is not None and value.fault is not None)
