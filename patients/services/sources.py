"""Sources of laboratory results and the layout of their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patients.errors import Fault, Invalid
from patients.models import Source, TableMapping
from patients.readers.rows import FIELDS

NEEDED = ("mrn", "value", "collected_at")


def save_table_mapping(
    *,
    source: Source,
    name: str,
    columns: Mapping[str, str],
    constants: Mapping[str, str],
    decimal: str,
    date_formats: Sequence[str],
    key: Sequence[str],
) -> TableMapping:
    """Saves how a source's tables are laid out; the same name again changes it. Raises Invalid, all faults at once."""
    faults = [
        Fault(f"/{part}/{field}", "unknown", f"Known fields: {', '.join(FIELDS)}.")
        for part, told in (("columns", columns), ("constants", constants), ("key", dict.fromkeys(key, "")))
        for field in told
        if field not in FIELDS
    ]
    given = {*columns, *constants}
    faults += [
        Fault("/columns", "required", f"Say which column holds {n}.") for n in NEEDED if n not in given
    ]
    if not given & {"loinc", "analyte", "code"}:
        faults.append(Fault("/columns", "required", "Say which column holds loinc, analyte or code."))
    if faults:
        raise Invalid.of(*faults)
    row, _ = TableMapping.objects.update_or_create(
        source=source,
        name=name,
        defaults={
            "site_id": source.site_id,
            "columns": dict(columns),
            "constants": dict(constants),
            "decimal": decimal,
            "date_formats": list(date_formats),
            "key": list(key),
        },
    )
    return row
