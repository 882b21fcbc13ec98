"""Results in the public shape: what counts now, and all versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from patients.data import catalog
from patients.models import Result, ResultHead
from patients.rules.units import ucum
from workflow.selectors.shown import instant, number


def result_rows(heads: Sequence[ResultHead]) -> list[dict[str, Any]]:
    """The version that counts of each result (or the last one, when none does), in the order of the heads."""
    lineages = [h.lineage for h in heads]
    versions: dict[Any, list[Result]] = {}
    for row in Result.objects.filter(lineage__in=lineages).order_by("recorded_at", "id"):
        versions.setdefault(row.lineage, []).append(row)
    found = []
    for head in heads:
        row = next(r for r in versions[head.lineage] if r.pk == head.result)
        body = _row(row, versions[head.lineage].index(row) + 1)
        found.append({**body, "active": head.active and not head.suspect, "duplicate_suspect": head.suspect})
    return found


def version_rows(rows: Iterable[Result]) -> list[dict[str, Any]]:
    """Versions of one result, oldest recorded first; `active` marks the one that counts."""
    rows = list(rows)
    heads = {h.lineage: h for h in ResultHead.objects.filter(lineage__in={r.lineage for r in rows})}
    return [
        {
            **_row(row, index),
            "active": heads[row.lineage].active and heads[row.lineage].result == row.pk,
            "duplicate_suspect": heads[row.lineage].suspect,
        }
        for index, row in enumerate(rows, start=1)
    ]


def _row(row: Result, version: int) -> dict[str, Any]:
    titer = row.unit == "{titer}" and row.value is not None
    return {
        "id": str(row.pk),
        "version": version,
        "analyte": row.analyte,
        "code": {
            "system": "http://loinc.org" if row.loinc else "",
            "code": row.loinc or row.analyte,
            "text": "",
        },
        "disposition": "result",
        "value_text": row.value_text,
        "comparator": row.comparator or None,
        "value": row.number_text or _exact(row.value),
        "unit": (ucum(row.unit_text, catalog()) if row.number_text and row.unit_text else row.unit) or None,
        "unit_text": row.unit_text,
        "value_code": row.code or None,
        "titer": _titer(row) if titer else None,
        "converted": {"value": _exact(row.value), "unit": row.unit} if row.value is not None else None,
        "text": row.note or None,
        "status": row.status,
        "collected_at": row.collected_on.isoformat() if row.precision == "day" else instant(row.collected_at),
        "collected_on": row.collected_on.isoformat(),
        "reported_at": instant(row.reported_at),
        "recorded_at": instant(row.recorded_at),
        "by": row.by,
        "reference_low": _exact(row.reference_low),
        "reference_high": _exact(row.reference_high),
        "uln_source": row.uln_source or None,
        "assay": row.assay or None,
        "lab": row.lab or None,
        "source": row.source or None,
        "source_id": row.source_id or None,
    }


def _titer(row: Result) -> dict[str, Any]:
    return {"numerator": "1", "denominator": _exact(row.value), "comparator": row.comparator or None}


def _exact(value: Decimal | None) -> str | None:
    return number(value.normalize()) if value is not None else None
