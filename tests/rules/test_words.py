"""Words that people read instead of codes."""

from __future__ import annotations

import pytest

from patients.data import catalog
from patients.rules import words


def test_every_analyte_of_the_catalogue_has_a_name_of_its_own() -> None:
    assert set(words.ANALYTES) == set(catalog().analytes)
    assert len(set(words.ANALYTES.values())) == len(words.ANALYTES)


def test_an_unknown_code_stays_as_it_is() -> None:
    assert words.analyte("LXYZ") == "LXYZ"


@pytest.mark.parametrize(
    ("ucum", "text"),
    [
        ("{titer}", ""),
        ("[beth'U]/mL", "BU/mL"),
        ("[IU]/mL", "IU/mL"),
        ("U/L", "U/L"),
        ("{copies}/mL", "copies/mL"),
        ("{INR}", ""),
    ],
)
def test_a_unit_is_told_without_what_only_machines_read(ucum: str, text: str) -> None:
    assert words.unit(ucum) == text
