"""How a source writes, as plain values for the readers; and which source sent a message."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from patients.models import CodeMap, Source, TableMapping
from patients.readers.rows import Mapped
from patients.rules.codemaps import Meaning, SourceRules


def rules_of(source: Source) -> SourceRules:
    """The source's rules with its whole code map."""
    rows = CodeMap.objects.filter(source=source)
    return SourceRules(
        meanings={
            (m.system, m.code, m.unit): Meaning(
                analyte=m.analyte, factor=m.factor, assay=m.assay, value_rule=m.value_rule
            )
            for m in rows
        },
        decimal=source.decimal,
        timezone=source.timezone,
        iso_times=source.iso_times,
        default_uln=source.default_uln,
        mrn_authorities=frozenset(source.mrn_authorities),
    )


def mapped(source: Source, name: str) -> Mapped | None:
    """A saved column map of the source by name ("" is the public field names); None for an unknown one."""
    if not name:
        return Mapped(timezone=source.timezone)
    row = TableMapping.objects.filter(source=source, name=name).first()
    if row is None:
        return None
    return Mapped(
        columns=row.columns,
        constants=row.constants,
        date_formats=tuple(row.date_formats),
        key=tuple(row.key),
        decimal=row.decimal,
        timezone=source.timezone,
    )


def sender_of(sites: Iterable[UUID], application: str, facility: str) -> Source | None:
    """The one source of these sites that is configured for a sender; None when there is none, or two."""
    if not application and not facility:
        return None
    found = Source.objects.filter(site__in=list(sites), sending_app=application, sending_facility=facility)
    rows = list(found[:2])
    return rows[0] if len(rows) == 1 else None
