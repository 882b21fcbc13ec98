"""The stored data set as CSV and Parquet beside PostgreSQL's own COPY of the same cells, and the memory it takes.

Wall times on a shared machine are noisy: medians of several turns, one after the other, and a margin of 25 %.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from outcomes.services import dataset_rows, subject_codes
from patients import access
from patients.models import Patient
from tests.bench.exports import package
from tests.disclosure.conftest import COPIES, TOKEN
from tests.exports.conftest import CONTRACT, NOW, TODAY, Cohort
from tests.factories.clones import clone

MARGIN = 1.25
MOST = {"csv": 2.0 * MARGIN, "parquet": 2.5 * MARGIN, "mib": 150.0}
AT_LEAST_NOT_ABSURD = {"csv": 6.0, "parquet": 12.0, "mib": 150.0}
"""At 1,000 patients, where opening files and the noise of other work weigh most."""


def measure(cohort: Cohort, patients: int, folder: Path, count: int = 5) -> dict[str, float]:
    """Ratios to COPY, and the growth of this process in MiB while the rows are written."""
    sites = [cohort.north.pk, cohort.south.pk]
    with access.site_context(sites, by="bench"):
        subject_codes.draw(CONTRACT)
    dataset_rows.freshen(CONTRACT, TODAY, sites=sites, by="bench")
    found = package(CONTRACT, folder, TODAY, NOW, count=count)
    assert found["subjects"] == patients
    floor = found["copy"]
    return {"csv": found["csv"] / floor, "parquet": found["parquet"] / floor, "mib": found["csv_mib"]}


def _grow(cohort: Cohort, patients: int) -> None:
    """The crowd, and as many more copies of its first patient as are missing."""
    with access.everywhere(by="test"):
        there = Patient.objects.count()
    if there < patients:
        clone(cohort.patients[f"{TOKEN}-24"], patients - there, first=COPIES + there)


def test_a_thousand_patients(crowd: Cohort, tmp_path: Path) -> None:
    _grow(crowd, 1000)
    found = measure(crowd, 1000, tmp_path)
    assert {name: value for name, value in found.items() if value > AT_LEAST_NOT_ABSURD[name]} == {}


@pytest.mark.slow
@pytest.mark.parametrize("patients", [10_000, 100_000])
def test_full_sizes(crowd: Cohort, tmp_path: Path, patients: int) -> None:
    _grow(crowd, patients)
    found = measure(crowd, patients, tmp_path, count=3)
    assert {name: value for name, value in found.items() if value > MOST[name]} == {}
