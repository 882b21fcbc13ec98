"""XLSX workbooks of results: the first visible sheet, as the rows of a table."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import BinaryIO, cast

from openpyxl import load_workbook
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from patients.readers.envelope import Parcel, Unreadable
from patients.readers.rows import MAX_COLUMNS, MAX_ROWS, Mapped, parcels

MAX_UNPACKED, MAX_RATIO = 512 * 1024 * 1024, 100
MAX_PACKED = 50 * 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0"
FAILED_CELL = re.compile(rb"""\bt=["']e["']""")
BROKEN = (
    CalamineError, zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, TypeError, LookupError,
    ArithmeticError, AttributeError, SyntaxError, RuntimeError,
)  # fmt: skip
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def read(stream: BinaryIO, mapping: Mapped, decimal: str = ".") -> Iterator[Parcel]:
    """Runs of rows; numbers are written with the map's decimal sign, else `decimal`, the source's.

    Raises Unreadable: encrypted, too-large (also when it would unpack to too much), unknown-format, unreadable.
    """
    with closing(rows(stream, mapping.decimal or decimal)) as lines:
        yield from parcels(lines, mapping)


def rows(stream: BinaryIO, decimal: str = ".") -> Generator[Sequence[str], None, None]:
    """The rows of the first visible sheet as text, the header first. Raises Unreadable."""
    data = stream.read(MAX_PACKED + 1)
    failed_cells = _check(data)
    try:
        sheet = _sheet(CalamineWorkbook.from_filelike(io.BytesIO(data)))
        cells = _with_failed_cells(data, sheet.name) if failed_cells else sheet.iter_rows()
        for row in cells:
            yield [_text(cell, decimal) for cell in row]
    except BROKEN as error:
        raise Unreadable("unreadable", f"is no workbook that can be read: {error}") from error


def _check(data: bytes) -> bool:
    """Whether a cell holds an error. Raises Unreadable for what is not to be opened."""
    if len(data) > MAX_PACKED:
        raise Unreadable("too-large", "is a workbook of more than 50 MB")
    if data.startswith(OLE):
        locked = ENCRYPTED in data
        raise Unreadable(
            "encrypted" if locked else "unknown-format",
            "is protected by a password" if locked else "is an old XLS file; save it as XLSX or CSV",
        )
    try:
        return _unpacked(zipfile.ZipFile(io.BytesIO(data)), len(data))
    except BROKEN as error:
        raise Unreadable("unreadable", f"is no workbook that can be read: {error}") from error


def _unpacked(archive: zipfile.ZipFile, packed: int) -> bool:
    """Unpacks every part once: a part that is larger than it claims is broken. Whether a cell holds an error."""
    parts = archive.infolist()
    size = sum(p.file_size for p in parts)
    if size > MAX_UNPACKED or size > MAX_RATIO * max(packed, 10_000):
        raise Unreadable("too-large", f"would unpack to {size:,} bytes")
    if any(p.flag_bits & 1 for p in parts):
        raise Unreadable("encrypted", "is protected by a password")
    if not any(p.filename.lower().startswith("xl/workbook.") for p in parts):
        raise Unreadable("unknown-format", "is an archive, but no XLSX workbook")
    found = [_holds_error(archive, part) for part in parts]
    return any(found)


def _holds_error(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    found, tail = False, b""
    with archive.open(part) as unpacked:
        while chunk := unpacked.read(1 << 20):
            found = found or FAILED_CELL.search(tail + chunk) is not None
            tail = chunk[-8:]
    return found


def _with_failed_cells(data: bytes, name: str) -> Iterable[Iterable[object]]:
    """The rows by the slower reader, which tells a cell that holds an error from an empty one."""
    sheet = load_workbook(io.BytesIO(data), read_only=True, data_only=True)[name]
    return cast("Iterable[Iterable[object]]", sheet.iter_rows(values_only=True))


def _sheet(workbook: CalamineWorkbook) -> CalamineSheet:
    shown = [
        m.name
        for m in workbook.sheets_metadata
        if m.visible == SheetVisibleEnum.Visible and m.typ == SheetTypeEnum.WorkSheet
    ]
    if not shown:
        raise Unreadable("unreadable", "has no visible sheet")
    sheet = workbook.get_sheet_by_name(shown[0])
    if sheet.total_width > MAX_COLUMNS or sheet.total_height > MAX_ROWS + 1:
        raise Unreadable("too-large", f"has {sheet.total_height:,} rows and {sheet.total_width:,} columns")
    return sheet


def _text(cell: object, decimal: str) -> str:
    """A cell as a person sees it: numbers with the 15 digits that a workbook holds, dates in ISO form."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return format(Decimal(format(cell, ".15g")), "f").replace(".", decimal)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell.total_seconds())
    return "" if cell is None else str(cell).replace("\x00", "\ufffd")
