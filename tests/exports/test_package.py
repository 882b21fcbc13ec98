"""The command's folder: what others read in it, and that the same question gives the same bytes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.exports.conftest import CONTRACT, Cohort

FIXED = {"as_of": "2027-03-01", "as_known_at": "2027-03-01T10:59:00Z"}


def exported(out: Path, *, contract: str = CONTRACT, formats: str = "csv,parquet,xlsx", **more: Any) -> Path:
    """A folder written by the command."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in more.items()]
    call_command(
        "export_milestones", f"--contract={contract}", f"--formats={formats}", f"--out={out}", *options
    )
    return out


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("export"), **FIXED)


def test_look(folder: Path) -> None:
    for p in sorted(folder.iterdir()):
        print(p.name, p.stat().st_size)
    for t in ("milestones", "criteria", "bleeds", "factor_use", "fix_activity"):
        print((folder / f"{t}.csv").read_text()[:1500])
    print((folder / "datapackage.json").read_text()[:1800])
