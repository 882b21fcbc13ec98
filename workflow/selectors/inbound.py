"""Imports, the desk, and code maps in the public shape."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from patients.models import CodeMap, Inbound, InboundItem, QuarantineItem, TableMapping
from workflow.rules.cells import guarded
from workflow.selectors.shown import instant

DISPOSITIONS = (
    "result", "duplicate", "pending", "quarantine", "retract", "cancelled", "untracked", "rejected",
)  # fmt: skip
SHOWN_ITEMS = 1000
COLUMNS = ("where", "code", "value", "unit", "disposition", "reason", "detail", "raw")
TROUBLE = ("quarantine", "rejected")


def import_json(row: Inbound, *, items: bool) -> dict[str, Any]:
    """One import: counts, answers to its messages, and its first items."""
    counts = row.counts or _unread(row)
    messages = row.messages.order_by("index")[:SHOWN_ITEMS]
    body = {
        **counts,
        "state": row.state,
        "at": instant(row.at),
        "by": row.by,
        "messages": [
            {"index": m.index, "control_id": m.control_id, "ack": m.ack, "reason": m.reason or None}
            for m in messages
        ],
    }
    return {**body, "items": item_rows(row.items.order_by("number")[:SHOWN_ITEMS])} if items else body


def import_row(row: Inbound) -> dict[str, Any]:
    """One import in a list."""
    told = {**(row.counts or _unread(row)), "state": row.state, "at": instant(row.at), "by": row.by}
    told.pop("messages", None)
    return told


def _unread(row: Inbound) -> dict[str, Any]:
    """An import that nobody has read yet."""
    return {
        "id": str(row.pk),
        "source": row.source.code if row.source else None,
        "format": row.format,
        "file": row.file,
        "sha256": row.sha256,
        "bytes": row.size,
        "dry_run": False,
        "received": 0,
        **dict.fromkeys(DISPOSITIONS, 0),
        "reasons": {},
        "warnings": [],
    }


def item_rows(rows: Iterable[InboundItem]) -> list[dict[str, Any]]:
    return [row.body for row in rows]


def errors_csv(row: Inbound, *, raw: bool) -> Iterator[str]:
    """A line for each item that waits or was rejected, as text; cells cannot start a formula."""
    yield _line(COLUMNS)
    items = row.items.filter(disposition__in=TROUBLE).order_by("number").iterator(chunk_size=1000)
    page: list[InboundItem] = []
    for item in items:
        page.append(item)
        if len(page) == 1000:
            yield from _lines(page, raw)
            page = []
    yield from _lines(page, raw)


def _lines(items: Sequence[InboundItem], raw: bool) -> Iterator[str]:
    told = {i.body["quarantine"] for i in items if i.body["quarantine"]}
    texts = dict(QuarantineItem.objects.filter(pk__in=told).values_list("pk", "raw")) if raw else {}
    by_id = {str(pk): text for pk, text in texts.items()}
    for item in items:
        body = item.body
        where = " ".join(f"{k} {v}" for k, v in body["where"].items() if v not in (None, ""))
        detail = ", ".join(body["reasons"])
        yield _line(
            (where, body["code"]["code"], body["value_text"], body["unit_text"], body["disposition"], body["reason"],
             detail, by_id.get(body["quarantine"] or "", ""))
        )  # fmt: skip


def _line(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([guarded("" if c is None else str(c)) for c in cells])
    return text.getvalue()


def desk_row(row: QuarantineItem) -> dict[str, Any]:
    """One item of the desk: what was understood, the raw text, and what has been decided."""
    return {
        **row.body,
        "id": str(row.pk),
        "quarantine": str(row.pk),
        "state": row.state,
        "source": row.source.code if row.source else None,
        "import": str(row.inbound_id) if row.inbound_id else None,
        "patient": str(row.patient_id) if row.patient_id else None,
        "reason": row.reason,
        "reasons": row.reasons,
        "raw": row.raw,
        "received_at": instant(row.received_at),
        "resolved_at": instant(row.resolved_at),
        "resolved_by": row.resolved_by or None,
        "resolved_action": row.resolved_action or None,
        "resolved_reason": row.resolved_reason or None,
    }


def code_map_json(row: CodeMap) -> dict[str, Any]:
    factor = format(row.factor.normalize(), "f") if row.factor is not None else None
    return {
        "id": str(row.pk),
        "source": row.source.code,
        "system": row.system,
        "code": row.code,
        "unit": row.unit,
        "analyte": row.analyte,
        "factor": factor,
        "assay": row.assay,
        "value_rule": row.value_rule,
    }


def table_mapping_json(row: TableMapping) -> dict[str, Any]:
    names = ("name", "columns", "constants", "decimal", "date_formats", "key")
    return {"id": str(row.pk), "source": row.source.code, **{n: getattr(row, n) for n in names}}
