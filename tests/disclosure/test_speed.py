"""The stored data set as CSV and Parquet beside PostgreSQL's own COPY of the same cells, and the memory it takes.

Wall times on a shared machine are noisy: medians of several turns, one after the other, and a margin of 25 %.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from django.db import connection

from outcomes.files import parquet
from outcomes.rules.dataset_tables import LIMITED, Table, tables
from outcomes.services import dataset_files, dataset_rows, export_folder, export_run, subject_codes
from patients import access
from patients.models import Patient
from tests.disclosure.conftest import COPIES, TOKEN
from tests.exports.conftest import CONTRACT, NOW, TODAY, Cohort
from tests.factories.clones import clone

MARGIN = 1.25
MOST = {"csv": 2.0 * MARGIN, "parquet": 2.5 * MARGIN, "mib": 150.0}
AT_LEAST_NOT_ABSURD = {"csv": 6.0, "parquet": 12.0, "mib": 150.0}
"""At 1,000 patients, where opening files and the noise of other work weigh most."""
TYPES = {"string": "text", "integer": "int", "number": "numeric", "boolean": "boolean", "date": "date"}


def turns(count: int, *works: Callable[[], Any]) -> list[float]:
    """Median seconds of each, taken in turn."""
    took: list[list[float]] = [[] for _ in works]
    for _ in range(count):
        for times, work in zip(took, works, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [median(times) for times in took]


def measure(cohort: Cohort, patients: int, folder: Path, count: int = 5) -> dict[str, float]:
    """Ratios to COPY, and the growth of this process in MiB while the rows are written."""
    fields = {"contract": CONTRACT, "profile": LIMITED, "formats": ["csv"], "as_of": TODAY}
    row = export_folder._row(fields, "bench", NOW)
    asked, sites = export_run.asked_of(row), row.site_ids
    with access.site_context(sites, by="bench"):
        subject_codes.draw(CONTRACT)
    start = time.perf_counter()
    dataset_rows.freshen(CONTRACT, TODAY, sites=sites, by="bench")
    fresh = time.perf_counter() - start

    def write() -> dataset_files.Package:
        return dataset_files.write(folder, asked, sites, lambda done, total: None)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    package = write()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert package.subjects == patients
    flat = [_flat(folder, table) for table in tables(LIMITED)]
    floor, ours = turns(count, lambda: [_copied(name, folder) for name in flat], write)
    columns = [(folder / f"{t.name}.csv", folder / f"{t.name}.parquet", t) for t in tables(LIMITED)]
    parquets = turns(count, lambda: [parquet.write(*c) for c in columns])[0] + ours
    rows = sum(package.row_counts.values())
    print(
        f"\n{patients} patients, {rows} rows: COPY {floor:.3f} s, CSV {ours:.3f} s ({ours / floor:.2f}x),"
        f" Parquet {parquets:.3f} s ({parquets / floor:.2f}x), +{grown:.0f} MiB; lines decided anew in {fresh:.1f} s"
    )
    return {"csv": ours / floor, "parquet": parquets / floor, "mib": grown}


def _flat(folder: Path, table: Table) -> str:
    """The same cells in a plain table with types."""
    name = f"flat_{table.name}"
    columns = ", ".join(f'"{c.name}" {TYPES.get(c.kind, "timestamptz")}' for c in table.columns)
    with connection.cursor() as cursor:
        cursor.execute(f"drop table if exists {name}")
        cursor.execute(f"create temp table {name} ({columns})")
        with (folder / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
            next(file)
            with cursor.copy(f"copy {name} from stdin (format csv)") as copy:
                while data := file.read(1 << 20):
                    copy.write(data)
        cursor.execute(f"analyze {name}")
    return name


def _copied(name: str, folder: Path) -> None:
    statement = f"copy {name} to stdout (format csv, header)"
    with (
        connection.cursor() as cursor,
        (folder / "floor.csv").open("wb") as file,
        cursor.copy(statement) as copy,
    ):
        for data in copy:
            file.write(data)


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
