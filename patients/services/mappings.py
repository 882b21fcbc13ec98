"""Column maps of a source's tables: checked whole, every fault at once, before anything is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from patients.errors import Fault, Invalid
from patients.models import Source, TableMapping
from patients.readers.rows import FIELDS

NEEDED = ("mrn", "value", "collected_at")
NAMES_THE_TEST = ("loinc", "analyte", "code")
SAMPLE = datetime(2024, 2, 29, 13, 45)


def save_table_mapping(
    *,
    source: Source,
    name: str,
    columns: Mapping[str, str],
    constants: Mapping[str, str],
    decimal: str = ".",
    date_formats: Sequence[str] = (),
    key: Sequence[str] = (),
) -> TableMapping:
    """Saves how a source's tables are laid out under a name (again: changes it).

    `columns` is field → header (empty: the headers are the field names), `constants` field → text for every
    row, `date_formats` as of strptime, `key` the fields that identify a row without `source_id`.
    Raises Invalid naming every fault.
    """
    faults = [*_unknown(columns, constants, key), *_lacking(columns, constants), *_twice(columns)]
    faults += _dates(date_formats)
    if faults:
        raise Invalid.of(*faults)
    row, _ = TableMapping.objects.update_or_create(
        source=source, name=name.strip(),
        defaults={
            "site_id": source.site_id, "columns": dict(columns), "constants": dict(constants), "decimal": decimal,
            "date_formats": list(date_formats), "key": list(key),
        },
    )  # fmt: skip
    return row


def _unknown(columns: Mapping[str, str], constants: Mapping[str, str], key: Sequence[str]) -> Iterator[Fault]:
    for pointer, names in (("columns", columns), ("constants", constants), ("key", key)):
        odd = sorted(set(names) - set(FIELDS))
        if odd:
            text = f"There is no field {', '.join(odd)}; known are {', '.join(FIELDS)}."
            yield Fault(f"/{pointer}", "unknown-field", text)


def _lacking(columns: Mapping[str, str], constants: Mapping[str, str]) -> Iterator[Fault]:
    """Fields without which no row says anything; without columns the file's own header decides."""
    if not columns:
        return
    given = {*columns, *constants}
    for name in NEEDED:
        if name not in given:
            yield Fault(f"/columns/{name}", "required", f"Say which column holds {name}.")
    if not given & set(NAMES_THE_TEST):
        yield Fault("/columns/code", "required", "Say which column names the test: loinc, analyte or code.")


def _twice(columns: Mapping[str, str]) -> Iterator[Fault]:
    headers = list(columns.values())
    for name, header in columns.items():
        if headers.count(header) > 1:
            yield Fault(f"/columns/{name}", "twice", f"The column “{header}” is given more than once.")


def _dates(formats: Sequence[str]) -> Iterator[Fault]:
    for number, form in enumerate(formats):
        if not _dated(form):
            text = f"“{form}” is no form of a date; write for example %d.%m.%Y %H:%M."
            yield Fault(f"/date_formats/{number}", "invalid", text)


def _dated(form: str) -> bool:
    """Whether day, month and year survive writing and reading in this form."""
    try:
        return datetime.strptime(SAMPLE.strftime(form), form).date() == SAMPLE.date()
    except ValueError:
        return False
