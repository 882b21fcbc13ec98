"""Units: exact conversion, units of another kind of measurement, values that nobody can have."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.data import catalog
from patients.rules.units import Converted, convert


def converted(analyte: str, number: str, unit: str) -> Converted:
    return convert(catalog().analytes[analyte], Decimal(number), unit, catalog())


@pytest.mark.parametrize(
    ("analyte", "number", "unit", "expected"),
    [
        ("ALT", "51", "U/L", "51"),
        ("ALT", "51", "U/l", "51"),
        ("ALT", "51", "IU/L", "51"),
        ("ALT", "51", "IE/L", "51"),
        ("ALT", "51", "[iU]/L", "51"),
        ("ALT", "0.85", "ukat/L", "51.00"),
        ("ALT", "0.85", "µkat/L", "51.00"),
        ("ALT", "0.85", "μkat/L", "51.00"),
        ("ALT", "850", "nkat/L", "51.00"),
        ("TBIL", "1.2", "mg/dL", "1.2"),
        ("TBIL", "17.1", "umol/L", "1"),
        ("TBIL", "34.2", "µmol/L", "2"),
        ("TBIL", "34.2", "mcmol/l", "2"),
        ("FIX_OS", "31.6", "%", "31.6"),
        ("FIX_OS", "0.316", "IU/mL", "31.600"),
        ("FIX_CH", "0.316", "kIU/L", "31.600"),
        ("FIX_OS", "31.6", "U/dL", "31.6"),
        ("FIX_INH", "0.6", "BU", "0.6"),
        ("FIX_INH", "0.6", "BU/mL", "0.6"),
        ("FIX_INH", "0.6", "[beth'U]", "0.6"),
        ("INR", "1.1", "", "1.1"),
        ("INR", "1.1", "{INR}", "1.1"),
        ("ALB", "41", "g/L", "4.1"),
        ("HGB", "140", "g/L", "14"),
        ("PLT", "220", "10*9/L", "220"),
        ("PLT", "220", "K/uL", "220"),
        ("PLT", "220", "G/l", "220"),
        ("PLT", "220000", "{cells}/uL", "220"),
        ("WEIGHT", "72.50", "kg", "72.50"),
        ("WEIGHT", "72500", "g", "72.5"),
        ("WEIGHT", "160", "[lb_av]", "72.5747792"),
    ],
)
def test_to_the_canonical_unit(analyte: str, number: str, unit: str, expected: str) -> None:
    found = converted(analyte, number, unit)
    assert found.fault is None
    assert found.number == Decimal(expected)
    assert found.unit == catalog().analytes[analyte].unit


def test_trailing_zeros_are_kept() -> None:
    assert str(converted("WEIGHT", "72.50", "kg").number) == "72.50"


@pytest.mark.parametrize(
    ("analyte", "unit", "fault"),
    [
        ("FIX_OS", "BU", "unit-dimension"),
        ("ALT", "mg/dL", "unit-dimension"),
        ("FIX_OS", "1", "unit-dimension"),
        ("FIX_OS", "ratio", "unit-dimension"),
        ("TBIL", "furlong", "unit-unknown"),
        ("TBIL", "?mol/L", "unit-unknown"),
        ("TBIL", "�mol/L", "unit-unknown"),
        ("ALT", "", "unit-unknown"),
        ("WEIGHT", "", "unit-unknown"),
    ],
)
def test_another_unit_waits(analyte: str, unit: str, fault: str) -> None:
    found = converted(analyte, "1", unit)
    assert (found.fault, found.number) == (fault, None)


@pytest.mark.parametrize(
    ("analyte", "number", "unit", "fault"),
    [
        ("ALT", "20000", "U/L", None),
        ("ALT", "20000.1", "U/L", "implausible"),
        ("ALT", "-1", "U/L", "implausible"),
        ("ALB", "4.1", "g/mL", "implausible"),
        ("FIX_OS", "400", "%", None),
        ("FIX_OS", "401", "%", "implausible"),
        ("WEIGHT", "24.9", "kg", "implausible"),
        ("WEIGHT", "25", "kg", None),
        ("WEIGHT", "300", "kg", None),
        ("WEIGHT", "300.1", "kg", "implausible"),
        ("ALT", "9" * 40, "U/L", "implausible"),
        ("HBV_DNA", "9" * 40, "IU/mL", "implausible"),
    ],
)
def test_the_plausible_band(analyte: str, number: str, unit: str, fault: str | None) -> None:
    assert converted(analyte, number, unit).fault == fault


UNITS = [(a.code, unit) for a in catalog().analytes.values() for unit in a.factors]


@given(st.sampled_from(UNITS), st.decimals(min_value=0, max_value=99999, places=3, allow_nan=False))
def test_the_factor_is_kept_and_explains_the_number(pair: tuple[str, str], number: Decimal) -> None:
    """Number x factor, or number / factor, to eight places: nothing is lost on the way through a float."""
    code, unit = pair
    analyte = catalog().analytes[code]
    multiply, factor = analyte.factors[unit]
    found = convert(analyte, number, unit, catalog())
    assert found.factor == factor
    assert found.number is not None
    exact = number * factor if multiply else number / factor
    assert abs(found.number - exact) <= Decimal("0.000000005")


@given(st.sampled_from(UNITS), st.decimals(allow_nan=False, allow_infinity=False))
def test_no_number_breaks_a_conversion(pair: tuple[str, str], number: Decimal) -> None:
    found = convert(catalog().analytes[pair[0]], number, pair[1], catalog())
    assert found.fault is not None or found.number is not None
