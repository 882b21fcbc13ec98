"""A finished table as a workbook, row by row; the same bytes for the same table. Text is never a formula."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from outcomes.rules.dataset_tables import Column, Table

SHEET_ROWS = 1_048_575
MADE = datetime(2000, 1, 1)
"""A workbook says when it was made; ours say the same always."""


def write(source: Path, target: Path, table: Table) -> int:
    """Writes `target` from a comma-separated file; returns how many rows it holds.

    A table with more rows than a sheet goes on in the next sheet.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    rows = 0
    with source.open(encoding="utf-8", newline="") as file, Workbook(str(target), options) as book:
        book.set_properties({"created": MADE, "title": table.title})
        lines = csv.reader(file)
        next(lines)
        sheet = _sheet(book, table, 1)
        for rows, cells in enumerate(lines, 1):
            number, at = divmod(rows - 1, SHEET_ROWS)
            if at == 0 and number:
                sheet = _sheet(book, table, number + 1)
            for place, (column, cell) in enumerate(zip(table.columns, cells, strict=True)):
                if cell:
                    _put(sheet, at + 1, place, column, cell)
    return rows


def _sheet(book: Workbook, table: Table, number: int) -> Worksheet:
    sheet: Worksheet = book.add_worksheet(table.name if number == 1 else f"{table.name} {number}")
    for place, name in enumerate(table.names):
        sheet.write_string(0, place, name)
    return sheet


def _put(sheet: Worksheet, row: int, place: int, column: Column, cell: str) -> None:
    if column.kind in ("integer", "number"):
        sheet.write_number(row, place, float(cell))
    elif column.kind == "boolean":
        sheet.write_boolean(row, place, cell == "true")
    else:
        sheet.write_string(row, place, cell)
