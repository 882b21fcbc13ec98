"""XLSX workbooks of results: the first visible sheet, as the rows of a table."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import BinaryIO, cast

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from patients.readers.envelope import Parcel, Unreadable
from patients.readers.rows import MAX_COLUMNS, Mapped, parcels

MAX_UNPACKED, MAX_RATIO = 512 * 1024 * 1024, 100
LARGE = 64 * 1024 * 1024
MAX_PACKED = 50 * 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0"
MAX_AT_ONCE = 2_000_000
PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,3})(\d{1,9})["']""")
CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
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
    slowly = _check(data)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for row in _row_by_row(data, _name(book)) if slowly else _at_once(book):
            yield [_text(cell, decimal) for cell in row]
    except BROKEN as error:
        raise Unreadable("unreadable", f"is no workbook that can be read: {error}") from error


def _check(data: bytes) -> bool:
    """Whether only the slower reader will do. Raises Unreadable for what is not to be opened."""
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
    """Unpacks every part once: a part that is larger than it claims is broken. Whether to read slowly."""
    parts = archive.infolist()
    size = sum(p.file_size for p in parts)
    if size > MAX_UNPACKED or size > MAX_RATIO * max(packed, 10_000):
        raise Unreadable("too-large", f"would unpack to {size:,} bytes")
    if any(p.flag_bits & 1 for p in parts):
        raise Unreadable("encrypted", "is protected by a password")
    if not any(p.filename.lower() == "xl/workbook.xml" for p in parts):
        raise Unreadable("unknown-format", "is an archive, but no XLSX workbook")
    extents = [_extent(archive, part) for part in parts]
    return size > LARGE or any(e.failed or e.unplaced or e.rows * e.columns > MAX_AT_ONCE for e in extents)


@dataclass(slots=True)
class _Extent:
    """What a part says of its cells: the last row and column named, errors, cells that name no place."""

    rows: int = 0
    columns: int = 0
    failed: bool = False
    unplaced: int = 0


def _extent(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> _Extent:
    extent, rest = _Extent(), b""
    with archive.open(part) as unpacked:
        while chunk := unpacked.read(1 << 20):
            text, mark, rest = (rest + chunk).rpartition(b">")
            rest = rest[-1024:]
            _look(text + mark, extent)
    return extent


def _look(text: bytes, extent: _Extent) -> None:
    places = PLACE.findall(text)
    extent.rows = max(extent.rows, max((int(row) for _, row in places), default=0))
    extent.columns = max(extent.columns, max((_column(c) for c in {c for c, _ in places}), default=0))
    extent.failed = extent.failed or FAILED_CELL.search(text) is not None
    extent.unplaced += len(CELL.findall(text)) > sum(1 for column, _ in places if column)


def _column(letters: bytes) -> int:
    """The number of a column: "A" is 1, "AA" is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _name(book: CalamineWorkbook) -> str:
    """The first visible sheet."""
    shown = (
        m.name
        for m in book.sheets_metadata
        if m.visible == SheetVisibleEnum.Visible and m.typ == SheetTypeEnum.WorkSheet
    )
    name = next(shown, None)
    if name is None:
        raise Unreadable("unreadable", "has no visible sheet")
    return name


def _at_once(book: CalamineWorkbook) -> Iterable[Iterable[object]]:
    """The rows by the fast reader, which makes room for every cell up to the last one."""
    sheet = book.get_sheet_by_name(_name(book))
    if sheet.total_width > MAX_COLUMNS:
        raise Unreadable("too-large", f"has {sheet.total_width:,} columns; at most {MAX_COLUMNS:,} are read")
    return cast("Iterable[Iterable[object]]", sheet.iter_rows())


def _row_by_row(data: bytes, name: str) -> Iterable[Iterable[object]]:
    """The rows by the slower reader: it holds one at a time, and tells an error in a cell from an empty one.

    Loaded with the first workbook that needs it: it brings numpy and half a second.
    """
    from openpyxl import load_workbook

    sheet = load_workbook(io.BytesIO(data), read_only=True, data_only=True)[name]
    sheet.reset_dimensions()
    return cast("Iterable[Iterable[object]]", sheet.iter_rows(values_only=True))


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
