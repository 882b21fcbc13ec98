"""Our tables in a real spreadsheet program: no cell is run, and each shows the text that was written."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from outcomes.files import workbook
from outcomes.files.tables import TableFile
from outcomes.rules.dataset_tables import DICTIONARY
from outcomes.rules.export_cells import line, text

SOFFICE = shutil.which("soffice")
HOSTILE = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", " =1+1", "=HYPERLINK(\"http://x.example\")", "=cmd|' /C calc'!A0",
    "=WEBSERVICE(\"http://x.example\")", "a\n=1+1", "\u00a0=1+1", "＝1+1", "'=1+1", '"=1+1"', "met", "1e5", "é",
)  # fmt: skip
CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1"
RUN = "CSV:44,34,76,1,,0,false,true,false,false,false,-1,true"
"""How a CSV is opened: UTF-8, and what looks like a formula is one."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SOFFICE, reason="LibreOffice is not installed; apt-get install libreoffice-calc"),
]


def opened(file: Path, how: str) -> str:
    """The file as the program understands it, saved as something else."""
    out = file.parent / f"{how[:3]}-{file.name}"
    asked = [
        str(SOFFICE),
        f"-env:UserInstallation=file://{file.parent}/home",
        "--headless",
        "--convert-to",
        how,
    ]
    asked += [f"--infilter={RUN}"] if file.suffix == ".csv" else []
    subprocess.run([*asked, "--outdir", str(out), str(file)], capture_output=True, timeout=120, check=True)
    [made] = out.iterdir()
    return made.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same table as CSV and as workbook; and a file that is not guarded."""
    found = tmp_path_factory.mktemp("sheets")
    table, wide = TableFile(found, DICTIONARY), len(DICTIONARY.columns)
    for word in HOSTILE:
        table.write(line([text(word)] * wide), 1)
    table.close()
    workbook.write(table.path, found / "book.xlsx", DICTIONARY)
    (found / "naive.csv").write_text(line(["=1+1"]) * 3)
    return found


@pytest.mark.parametrize("name", [f"{DICTIONARY.name}.csv", "book.xlsx"])
def test_no_cell_is_run(folder: Path, name: str) -> None:
    assert formulas(folder / name) == 0


def test_a_workbook_shows_what_was_written(folder: Path) -> None:
    with (folder / f"{DICTIONARY.name}.csv").open(newline="", encoding="utf-8") as written:
        wanted = list(csv.reader(written))
    assert list(csv.reader(opened(folder / "book.xlsx", CSV).splitlines())) == wanted


def test_this_way_of_looking_finds_formulas(folder: Path) -> None:
    assert formulas(folder / "naive.csv") == 3


def formulas(file: Path) -> int:
    return opened(file, "fods").count("table:formula=")
