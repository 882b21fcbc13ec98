"""Reads a CSV file of results: bytes to one envelope a row, or the reason why the file cannot be read.

Headers are the public field names unless a mapping says which column holds which field.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from patients.readers.envelope import ResultEnvelope

FIELDS = (
    "mrn", "family_name", "birth_date", "loinc", "analyte", "code", "value", "unit", "collected_at",
    "reported_at", "reference_low", "reference_high", "assay", "lab", "status", "source_id",
)  # fmt: skip
MAX_COLUMNS, MAX_CELL, MAX_ROWS = 1024, 32 * 1024, 1_000_000


class Unreadable(Exception):
    """The whole file is rejected: `reason` is unreadable, bad-header or too-large."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A saved column map: field → header, fields that are the same in every row, and how dates are written."""

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    date_formats: Sequence[str] = ()
    timezone: str = "UTC"


def read(data: bytes, mapping: Mapped) -> Iterator[ResultEnvelope]:
    """Envelopes in the order of rows (numbered from 1). Raises Unreadable for the file as a whole."""
    rows = csv.reader(io.StringIO(_decoded(data), newline=""), strict=True)
    try:
        header = next(rows, None)
        positions = _positions(header, mapping)
        for number, row in enumerate(rows, start=1):
            if number > MAX_ROWS:
                raise Unreadable("too-large", f"more than {MAX_ROWS} rows")
            if any(cell.strip() for cell in row):
                yield _envelope(number, row, positions, mapping)
    except csv.Error as error:
        raise Unreadable("unreadable", f"is no CSV: {error}") from error


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _without_nul(data.decode("utf-16", errors="strict"))
    try:
        return _without_nul(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _without_nul(data.decode("cp1252", errors="replace"))


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise Unreadable("unreadable", "holds NUL characters")
    return text


def _positions(header: list[str] | None, mapping: Mapped) -> dict[str, int]:
    """Column number of each field."""
    names = [cell.strip() for cell in header or []]
    if not names or len(names) > MAX_COLUMNS:
        raise Unreadable("bad-header", f"needs a header of 1 to {MAX_COLUMNS} columns")
    if len(set(names)) != len(names):
        raise Unreadable("bad-header", "names a column twice")
    wanted = mapping.columns or {name: name for name in FIELDS if name in names}
    missing = [column for column in wanted.values() if column not in names]
    if missing or not wanted:
        raise Unreadable("bad-header", f"has no column {', '.join(missing) or 'with a known name'}")
    return {name: names.index(column) for name, column in wanted.items()}


def _envelope(number: int, row: list[str], positions: Mapping[str, int], mapping: Mapped) -> ResultEnvelope:
    if any(len(cell) > MAX_CELL for cell in row):
        raise Unreadable("too-large", f"row {number} holds a cell of more than {MAX_CELL} characters")
    cells = {n: row[p].strip() if p < len(row) else "" for n, p in positions.items()} | dict(
        mapping.constants
    )
    collected, bad = _moment(cells.get("collected_at", ""), mapping)
    reported, _ = _moment(cells.get("reported_at", ""), mapping)
    born, _ = _moment(cells.get("birth_date", ""), mapping)
    code = cells.get("analyte") or cells.get("code", "")
    return ResultEnvelope(
        analyte=code,
        loinc=cells.get("loinc", ""),
        value=cells.get("value", ""),
        unit=cells.get("unit", ""),
        collected=collected,
        bad_time=bad,
        reported_at=reported if isinstance(reported, datetime) else None,
        reference_low=cells.get("reference_low", ""),
        reference_high=cells.get("reference_high", ""),
        assay=cells.get("assay", ""),
        lab=cells.get("lab", ""),
        status=cells.get("status", ""),
        source_id=cells.get("source_id", ""),
        mrn=cells.get("mrn", ""),
        family_name=cells.get("family_name", ""),
        birth_date=born if not isinstance(born, datetime) else born.date(),
        where={"row": number},
        raw=_raw(row),
    )


def _raw(row: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()


def _moment(text: str, mapping: Mapped) -> tuple[datetime | date | None, bool]:
    """An instant (local times are the source's), a date alone, or None; True when the text is unreadable."""
    if not text:
        return None, False
    for form in mapping.date_formats:
        try:
            return _zoned(
                datetime.strptime(text, form), mapping, dated=not any(c in form for c in ("%H", "%I"))
            ), False
        except ValueError:
            continue
    try:
        if len(text) == 10:
            return date.fromisoformat(text), False
        return _zoned(datetime.fromisoformat(text), mapping, dated=False), False
    except ValueError:
        return None, True


def _zoned(moment: datetime, mapping: Mapped, *, dated: bool) -> datetime | date:
    if dated:
        return moment.date()
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(mapping.timezone))
