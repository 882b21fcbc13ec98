"""The mapping of results without a database: what each column becomes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from patients.data import catalog
from patients.models import Result
from patients.models.observations import RESULT_STATUSES
from workflow.api.fhir.exact_json import dumps
from workflow.api.fhir.observations import exact, observation
from workflow.rules import fhir_codes as codes


def result(**changes: Any) -> Result:
    at = datetime(2027, 2, 26, 7, 0, tzinfo=UTC)
    columns = {
        "id": UUID(int=1), "lineage": UUID(int=2), "patient_id": UUID(int=3), "analyte": "ALT", "status": "final",
        "value": Decimal("31.00000000"), "value_text": "31", "unit": "U/L", "unit_text": "U/L",
        "factor": Decimal("1.00000000"), "collected_at": at, "collected_on": at.date(), "recorded_at": at,
        **changes,
    }  # fmt: skip
    return Result(**columns)


def shown(**changes: Any) -> dict[str, Any]:
    row = result(**changes)
    return observation(row, catalog().analytes[row.analyte], 1)


DIGITS = [
    ("72.50", "72.50000000", 1, "72.50"),
    ("72,50", "72.50000000", 1, "72.50"),
    ("< 010", "10.00000000", 1, "10"),
    ("0.030", "0.03000000", 1, "0.030"),
    ("1:1", "1.00000000", 1, "1"),
    ("1:640", "640.00000000", 1, "640"),
    ("100000", "100000.00000000", 1, "100000"),
    ("50 ukat/L", "3000.00000000", 60, "3000"),
    ("17.1", "1.00000000", "0.05847953", "1"),
    ("about thirty", "30.00000000", None, "30"),
]


@pytest.mark.parametrize(("text", "stored", "factor", "sent"), DIGITS, ids=[d[0] for d in DIGITS])
def test_digits(text: str, stored: str, factor: Any, sent: str) -> None:
    """Reported digits are kept; a converted value is the stored one, without the zeros of its column."""
    row = result(value_text=text, value=Decimal(stored), factor=None if factor is None else Decimal(factor))
    assert dumps(exact(row)) == sent


@pytest.mark.parametrize("comparator", ["<", "<=", ">", ">="])
def test_comparators(comparator: str) -> None:
    assert shown(comparator=comparator)["valueQuantity"]["comparator"] == comparator
    titer = shown(analyte="AAV5_NAB", unit="{titer}", comparator=comparator)["valueRatio"]
    assert titer["denominator"]["comparator"] == comparator and titer["numerator"] == {"value": 1}


@pytest.mark.parametrize("status", RESULT_STATUSES)
def test_states(status: str) -> None:
    row = shown(status=status, reference_high=Decimal(45))
    assert row["status"] in codes.OBSERVATION_STATUSES
    hidden = status in ("pending", "cancelled", "entered_in_error")
    assert ("valueQuantity" in row, "referenceRange" in row) == (not hidden, not hidden)
    assert ("dataAbsentReason" in row) == hidden


@pytest.mark.parametrize("code", sorted(codes.VALUES))
def test_coded_values(code: str) -> None:
    value = shown(analyte="HBSAG", value=None, code=code, value_text="words", unit="")["valueCodeableConcept"]
    assert (value["coding"][0]["code"], value["text"]) == (codes.VALUES[code][0], "words")


def test_text_stays_text_and_nothing_is_said_to_be_nothing() -> None:
    assert shown(value=None, value_text="see comment")["valueString"] == "see comment"
    absent = shown(value=None, value_text=" ")["dataAbsentReason"]
    assert absent["coding"][0]["code"] == "unknown"


def test_reference_limits() -> None:
    low, high = Decimal("5.00000000"), Decimal("45.50000000")
    both = shown(reference_low=low, reference_high=high, uln_source="result")["referenceRange"]
    assert dumps([{n: limit["value"] for n, limit in both[0].items()}]) == '[{"low":5,"high":45.5}]'
    default = shown(reference_high=high, uln_source="default")["referenceRange"][0]
    assert "Default" in default["text"] and "low" not in default
    assert "referenceRange" not in shown()


def test_times() -> None:
    assert shown()["effectiveDateTime"] == "2027-02-26T07:00:00Z"
    on = date(2027, 2, 26)
    assert shown(precision="day", collected_on=on)["effectiveDateTime"] == "2027-02-26"
    assert "issued" not in shown()


@pytest.mark.parametrize("analyte", sorted(catalog().analytes))
def test_every_analyte_has_codes_a_category_and_a_ucum_unit(analyte: str) -> None:
    known = catalog().analytes[analyte]
    row = shown(analyte=analyte, unit=known.unit)
    systems = [c["system"] for c in row["code"]["coding"]]
    assert systems == ([codes.LOINC] if known.loinc else []) + [codes.ANALYTES]
    assert row["category"][0]["coding"][0]["code"] in codes.CATEGORY_WORDS
    unit = codes.ucum(known.unit)
    assert "IU/" not in unit.replace("[IU]/", ""), "UCUM has the international unit in brackets"


def test_a_converted_value_keeps_only_the_analytes_own_loinc() -> None:
    own = [
        c["code"] for c in shown(analyte="PLT", loinc="26515-7", factor=Decimal("0.001"))["code"]["coding"]
    ]
    assert own == ["777-3", "PLT"]


def test_a_number_is_never_written_with_an_exponent_or_through_a_float() -> None:
    numbers = [Decimal("1E+3"), Decimal("0.00000001"), Decimal("0.1000000000000000055"), 7, True, None]
    assert dumps(numbers) == "[1000,0.00000001,0.1000000000000000055,7,true,null]"
    with pytest.raises(TypeError):
        dumps({"value": object()})
