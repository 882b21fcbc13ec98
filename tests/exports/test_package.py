"""The command's folder: what others read in it, and that the same question gives the same bytes."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import frictionless
import openpyxl
import pandas
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from outcomes.rules.dataset_tables import LIMITED, tables
from tests.exports.conftest import CONTRACT, Cohort

FIXED = {"as_of": "2027-03-01", "as_known_at": "2027-03-01T10:59:00Z"}
COLUMNS = (
    "contract_id,contract_version,subject_id,site_code,month,target_day,window_open_day,window_close_day,verdict,"
    "verdict_reason,attested,assessment_version,fix_one_stage_iu_dl,fix_one_stage_day,fix_chromogenic_iu_dl,"
    "fix_chromogenic_day,fix_contaminated_excluded,abr_all,abr_treated,abr_spontaneous,abr_joint,"
    "abr_window_start_day,abr_window_end_day,observed_days,bleeds_all,bleeds_treated,baseline_abr_all,"
    "baseline_observed_days,abr_change_pct,factor_use_iu_per_kg_year,factor_use_prophylaxis_iu_per_kg_year,"
    "baseline_factor_use_iu_per_kg_year,off_prophylaxis,back_on_prophylaxis_day,payer_at_milestone,"
    "refund_pct_at_risk,refund_pct_triggered,as_of,as_known_at,pathway_version,schema_version"
)
DATES = (
    "target_on,window_open_on,window_close_on,fix_one_stage_on,fix_chromogenic_on,abr_window_start_on,"
    "abr_window_end_on,back_on_prophylaxis_on"
)


def exported(out: Path, *, contract: str = CONTRACT, formats: str = "csv", **more: Any) -> Path:
    """A folder written by the command."""
    told = {"contract": contract, "formats": formats, "out": out, **more}
    call_command(
        "export_milestones", *(f"--{name.replace('_', '-')}={value}" for name, value in told.items())
    )
    return out


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "datapackage.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def folder(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("export"), formats="csv,parquet,xlsx", **FIXED)


def test_the_columns_are_those_of_schema_version_1(folder: Path) -> None:
    def head(name: str) -> str:
        return (folder / f"{name}.csv").read_text(encoding="utf-8").split("\n")[0]

    assert head("milestones") == f"{COLUMNS},{DATES}"
    assert head("criteria") == (
        "contract_id,subject_id,month,criterion,metric,assay,value,unit,comparator,threshold,baseline,verdict,"
        "reason,upper_limit,evidence_days"
    )
    assert (
        head("bleeds") == "subject_id,onset_day,site_class,joint,cause,life_threatening,treated,same_bleed_as"
    )
    assert head("factor_use") == "subject_id,day,product,iu,iu_per_kg,weight_kg,reason"
    assert head("fix_activity") == (
        "subject_id,day,assay,value_iu_dl,contaminated,days_since_factor,used_for_month"
    )
    assert head("dictionary") == "file,column,type,unit,description,source"


def test_every_column_is_in_the_dictionary(folder: Path) -> None:
    told = [(row["file"], row["column"]) for row in rows(folder, "dictionary") if row["file"] != "dictionary"]
    assert told == [(t.name, c) for t in tables(LIMITED) for c in t.names]
    assert all(row["description"] and row["source"] for row in rows(folder, "dictionary"))


def test_frictionless_finds_the_package_valid_hashes_included(folder: Path) -> None:
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["fieldName", "message"])
    assert len(report.tasks) == 16


def test_duckdb_pandas_and_openpyxl_read_the_same_rows(folder: Path) -> None:
    for table in tables(LIMITED):
        expected = rows(folder, table.name)
        assert expected, table.name
        csv_path, parquet_path = folder / f"{table.name}.csv", folder / f"{table.name}.parquet"
        counted = "select count(*), count(distinct subject_id) from"
        in_csv = duckdb.sql(f"{counted} read_csv('{csv_path}')").fetchall()[0]
        assert in_csv == duckdb.sql(f"{counted} read_parquet('{parquet_path}')").fetchall()[0]
        assert in_csv == (len(expected), len({r["subject_id"] for r in expected}))
        frame = pandas.read_csv(csv_path, dtype=str, keep_default_na=False)
        assert frame.to_dict("records") == expected
        assert len(pandas.read_parquet(parquet_path)) == len(expected)
        sheet = openpyxl.load_workbook(folder / f"{table.name}.xlsx", read_only=True).active
        cells = list(sheet.iter_rows(values_only=True))
        assert [str(c) for c in cells[0]] == list(table.names)
        assert [[_text(c) for c in row] for row in cells[1:]] == [
            [_number(v) for v in row.values()] for row in expected
        ]


def _text(cell: Any) -> str:
    """A workbook's cell as the text of the comma-separated file: numbers by value."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else _number(str(cell))


def _number(text: str) -> str:
    return str(Decimal(text).normalize() + 0) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def test_decimals_stay_exact_in_parquet(folder: Path) -> None:
    read = pq.read_table(folder / "milestones.parquet")
    found = read.column("abr_all").to_pylist()
    told = [Decimal(r["abr_all"]) if r["abr_all"] else None for r in rows(folder, "milestones")]
    assert found == told and any(found)


def test_the_counts_of_the_manifest_are_the_rows_of_the_files(folder: Path) -> None:
    told = {r["path"]: r["row_count"] for r in manifest(folder)["resources"]}
    assert told["dictionary.csv"] == len(rows(folder, "dictionary"))
    for table in tables(LIMITED):
        assert told[f"{table.name}.csv"] == told[f"{table.name}.parquet"] == len(rows(folder, table.name))
    assert manifest(folder)["subjects"] == 4


def test_every_patient_has_each_month_once_sorted_by_subject(folder: Path) -> None:
    found = [(r["subject_id"], int(r["month"])) for r in rows(folder, "milestones")]
    subjects = sorted({subject for subject, _ in found})
    assert found == [(s, m) for s in subjects for m in (3, 6, 12, 24, 36, 60)]


def test_pending_rows_hold_no_measure(folder: Path) -> None:
    pending = [r for r in rows(folder, "milestones") if r["verdict"] == "pending"]
    measured = [
        c for c in COLUMNS.split(",") if c.startswith(("fix_", "abr_", "factor_", "observed", "bleeds_"))
    ]
    assert pending and all(not row[c] for row in pending for c in measured)


def test_the_same_question_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = exported(tmp_path, formats="xlsx,parquet,csv", **FIXED)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        p.name: p.read_bytes() for p in again.iterdir()
    }


def test_stored_and_live_lines_are_the_same(folder: Path, tmp_path: Path) -> None:
    """Asked for today and now the lines come from the store; with an instant before they are decided live."""
    stored = exported(tmp_path)
    for table in tables(LIMITED):
        told, live = rows(stored, table.name), rows(folder, table.name)
        assert [{**r, "as_known_at": ""} for r in told] == [{**r, "as_known_at": ""} for r in live]
    assert manifest(stored)["as_known_at"] == "2027-03-01T11:00:00Z"


def test_other_formats_alone_leave_no_table_as_csv(cohort: Cohort, tmp_path: Path) -> None:
    names = {p.name for p in exported(tmp_path, formats="parquet", **FIXED).iterdir()}
    assert names == {*(f"{t.name}.parquet" for t in tables(LIMITED)), "dictionary.csv", "datapackage.json"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"contract": "nosuch"}, "no contract"),
        ({"as_known_at": "2099-01-01T00:00:00Z"}, "future"),
        ({"profile": "safe_harbor"}, "Fewer than 11"),
        ({"by": "nobody"}, "no user"),
    ],
    ids=["contract", "future", "few", "requester"],
)
def test_what_cannot_be_made_exits_2_and_leaves_nothing(
    cohort: Cohort, tmp_path: Path, more: dict[str, str], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as raised:
        exported(tmp_path / "out", **more)
    assert raised.value.returncode == 2
    assert not list((tmp_path / "out").glob("*"))


def test_a_folder_with_files_of_another_export_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    exported(tmp_path, **FIXED)
    with pytest.raises(CommandError, match=r"milestones\.csv"):
        exported(tmp_path, profile="aggregate", **FIXED)


def test_a_determination_lets_few_subjects_out(cohort: Cohort, tmp_path: Path) -> None:
    out = exported(tmp_path, profile="safe_harbor", determination="ED-7", **FIXED)
    assert manifest(out)["determination"] == "ED-7"
    assert {r["site_code"] for r in rows(out, "milestones")} == {""}
    assert list(rows(out, "milestones")[0]) == COLUMNS.split(",")
