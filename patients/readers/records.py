"""Tables whose headers are field names, as CSV or XLSX: one record a row, texts as written, nothing decided."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from patients.readers import files, sheet, table
from patients.readers.envelope import Unreadable
from patients.readers.rows import MAX_CELL

MAX_RECORDS = 100_000


@dataclass(frozen=True, slots=True)
class Record:
    """Row `number` (from 1 below the header): its cells that hold something, by field, trimmed.

    `stray` says that there is text beyond the last column, as when a separator stands inside a value.
    """

    number: int
    cells: Mapping[str, str]
    raw: str
    stray: bool = False


def records(stream: BinaryIO, *, known: Collection[str], needed: Collection[str]) -> Iterator[Record]:
    """The rows that hold something. Raises Unreadable for the file as a whole, also for an unknown column."""
    form = files.sniffed(stream)
    if form not in ("csv", "xlsx"):
        raise Unreadable("unknown-format", "is no table: send CSV or XLSX")
    with closing(table.rows(stream) if form == "csv" else sheet.rows(stream)) as lines:
        names = _names(next((row for row in lines if any(cell.strip() for cell in row)), ()), known, needed)
        for number, row in enumerate(lines, start=1):
            _bounded(number, row)
            if any(cell.strip() for cell in row):
                yield _record(number, row, names)


def _bounded(number: int, row: Sequence[str]) -> None:
    if number > MAX_RECORDS:
        raise Unreadable("too-large", f"has more than {MAX_RECORDS:,} rows; send it in parts")
    if any(len(cell) > MAX_CELL for cell in row):
        raise Unreadable("too-large", f"row {number} holds a cell of more than {MAX_CELL:,} characters")


def _names(header: Sequence[str], known: Collection[str], needed: Collection[str]) -> list[str]:
    names = [cell.strip() for cell in header]
    while names and not names[-1]:
        names.pop()
    missing = [n for n in needed if n not in names]
    unknown = [n for n in names if n not in known]
    twice = sorted({n for n in names if names.count(n) > 1})
    for told, wrong in (("has no column", missing), ("has more than one column", twice)):
        if wrong:
            raise Unreadable("bad-header", f"{told} {', '.join(wrong)}")
    if unknown:
        shown = ", ".join(n or "(without a name)" for n in unknown)
        raise Unreadable("bad-header", f"has unknown columns: {shown}; known are {', '.join(sorted(known))}")
    return names


def _record(number: int, row: Sequence[str], names: Sequence[str]) -> Record:
    cells = {name: text for name, cell in zip(names, row, strict=False) if (text := cell.strip())}
    stray = any(cell.strip() for cell in row[len(names) :])
    raw = io.StringIO()
    csv.writer(raw, lineterminator="").writerow(row)
    return Record(number, cells, raw.getvalue(), stray)
