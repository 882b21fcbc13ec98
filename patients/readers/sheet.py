"""XLSX workbooks of results: the first visible sheet, as the rows of a table."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from patients.readers.envelope import Parcel, Unreadable
from patients.readers.rows import MAX_COLUMNS, MAX_ROWS, Mapped, parcels

MAX_UNPACKED, MAX_RATIO = 512 * 1024 * 1024, 100
MAX_PACKED = 50 * 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def read(stream: BinaryIO, mapping: Mapped) -> Iterator[Parcel]:
    """Runs of rows. Raises Unreadable: encrypted, too-large (also when it would unpack to too much), unreadable."""
    data = stream.read(MAX_PACKED + 1)
    _check(data)
    try:
        sheet = _sheet(CalamineWorkbook.from_filelike(io.BytesIO(data)))
        yield from parcels(sheet, mapping)
    except (CalamineError, zipfile.BadZipFile, OSError) as error:
        raise Unreadable("unreadable", f"is no workbook that can be read: {error}") from error


def _check(data: bytes) -> None:
    if len(data) > MAX_PACKED:
        raise Unreadable("too-large", "is a workbook of more than 50 MB")
    if data.startswith(OLE):
        locked = ENCRYPTED in data
        raise Unreadable(
            "encrypted" if locked else "unknown-format",
            "is protected by a password" if locked else "is an old XLS file; save it as XLSX or CSV",
        )
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except zipfile.BadZipFile as error:
        raise Unreadable("unreadable", f"is no workbook that can be read: {error}") from error
    unpacked = sum(p.file_size for p in parts)
    if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(len(data), 10_000):
        raise Unreadable("too-large", f"would unpack to {unpacked:,} bytes")
    if any(p.flag_bits & 1 for p in parts):
        raise Unreadable("encrypted", "is protected by a password")


def _sheet(workbook: CalamineWorkbook) -> Iterator[list[str]]:
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
    return ([_text(cell) for cell in row] for row in sheet.iter_rows())


def _text(cell: object) -> str:
    """A cell as a person sees it: numbers with the 15 digits that a workbook holds, dates in ISO form."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return format(cell, ".15g") if abs(cell) < 1e15 else str(cell)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell.total_seconds())
    return str(cell)
