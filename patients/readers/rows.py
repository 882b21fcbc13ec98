"""Rows of a table to envelopes: which column holds which field, and how the source writes dates."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from patients.readers.envelope import Coding, Named, Parcel, PatientNumber, ResultEnvelope, Unreadable
from patients.readers.moments import BadTime, formed_moment, iso_moment, zone_of
from patients.rules.codemaps import LOINC, normal_system

FIELDS = (
    "mrn", "family_name", "birth_date", "loinc", "analyte", "code", "system", "value", "unit", "collected_at",
    "reported_at", "reference_low", "reference_high", "assay", "lab", "status", "source_id",
)  # fmt: skip
MAX_COLUMNS, MAX_CELL, MAX_ROWS, RUN = 1024, 32 * 1024, 1_000_000, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A saved column map: field → header, fields that are the same in every row, how dates are written.

    `key` names the fields that identify a row where the table has no `source_id`.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    date_formats: Sequence[str] = ()
    key: Sequence[str] = ()
    decimal: str = ""
    timezone: str = "UTC"


def parcels(rows: Iterable[Sequence[str]], mapping: Mapped) -> Iterator[Parcel]:
    """Runs of rows (numbered from 1 below the header). Raises Unreadable for the file as a whole."""
    lines = iter(rows)
    positions = _positions(next((row for row in lines if any(cell.strip() for cell in row)), None), mapping)
    run: list[ResultEnvelope] = []
    for number, row in enumerate(lines, start=1):
        if number > MAX_ROWS:
            raise Unreadable("too-large", f"has more than {MAX_ROWS:,} rows")
        if any(cell.strip() for cell in row):
            run.append(_envelope(number, row, positions, mapping))
        if len(run) >= RUN:
            yield Parcel(items=tuple(run))
            run = []
    if run:
        yield Parcel(items=tuple(run))


def _positions(header: Sequence[str] | None, mapping: Mapped) -> dict[str, int]:
    """Column number of each field."""
    names = [cell.strip() for cell in header or []]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise Unreadable("bad-header", "has no header line")
    if len(names) > MAX_COLUMNS:
        raise Unreadable("too-large", f"has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    wanted = mapping.columns or {name: name for name in FIELDS if name in names}
    missing = sorted({c for c in wanted.values() if c not in names} | _lacking(wanted, mapping))
    if missing:
        raise Unreadable("bad-header", f"has no column {', '.join(missing)}")
    twice = sorted({c for c in wanted.values() if names.count(c) > 1})
    if twice:
        raise Unreadable("bad-header", f"has more than one column {', '.join(twice)}")
    return {name: names.index(column) for name, column in wanted.items()}


def _lacking(wanted: Mapping[str, str], mapping: Mapped) -> set[str]:
    """Fields without which no row says anything."""
    given = {*wanted, *mapping.constants}
    lacking = {name for name in ("mrn", "value", "collected_at") if name not in given}
    return lacking if given & {"loinc", "analyte", "code"} else lacking | {"loinc, analyte or code"}


def _envelope(
    number: int, row: Sequence[str], positions: Mapping[str, int], mapping: Mapped
) -> ResultEnvelope:
    if any(len(cell) > MAX_CELL for cell in row):
        raise Unreadable("too-large", f"row {number} holds a cell of more than {MAX_CELL:,} characters")
    cells = {n: row[p].strip() if p < len(row) else "" for n, p in positions.items()}
    cells |= {n: v for n, v in mapping.constants.items() if not cells.get(n)}
    get = cells.get
    collected, bad = _moment(get("collected_at", ""), mapping)
    reported, _ = _moment(get("reported_at", ""), mapping)
    return ResultEnvelope(
        analyte=get("analyte", ""),
        codings=_codings(cells),
        value=get("value", ""),
        unit=get("unit", ""),
        decimal=mapping.decimal,
        collected=collected,
        bad_time=bad,
        reported_at=reported if isinstance(reported, datetime) else None,
        reference_low=get("reference_low", ""),
        reference_high=get("reference_high", ""),
        assay=get("assay", ""),
        lab=get("lab", ""),
        status=get("status", ""),
        source_id=get("source_id", "") or _key(cells, mapping),
        named=_named(cells, mapping),
        where={"row": number},
        raw=_raw(row),
    )


def _codings(cells: Mapping[str, str]) -> tuple[Coding, ...]:
    """The LOINC code and the laboratory's own code, whichever are given."""
    loinc, code, system = (cells.get(n, "") for n in ("loinc", "code", "system"))
    found = [Coding(normal_system(LOINC, loinc), loinc)] if loinc else []
    return (*found, *((Coding(normal_system(system, code), code),) if code else ()))


def _named(cells: Mapping[str, str], mapping: Mapped) -> Named:
    born, _ = _moment(cells.get("birth_date", ""), mapping)
    number = cells.get("mrn", "")
    return Named(
        numbers=(PatientNumber(number),) if number else (),
        family_name=cells.get("family_name", ""),
        birth_date=born.date() if isinstance(born, datetime) else born,
    )


def _key(cells: Mapping[str, str], mapping: Mapped) -> str:
    """The identity of a row without an id of its own: the map's key fields, else what names the measurement."""
    names = mapping.key or ("mrn", "loinc", "analyte", "code", "collected_at", "assay")
    return hashlib.sha256("\x1f".join(cells.get(n, "") for n in names).encode()).hexdigest()


def _raw(row: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()


def _moment(text: str, mapping: Mapped) -> tuple[datetime | date | None, bool]:
    """An instant (local times are the source's), a date alone, or None; True when the text is unreadable."""
    if not text:
        return None, False
    zone = zone_of(mapping.timezone)
    for form in mapping.date_formats:
        try:
            return formed_moment(text, form, zone), False
        except BadTime:
            continue
    try:
        return iso_moment(text, zone), False
    except BadTime:
        return None, True
