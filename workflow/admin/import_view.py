"""Imports and their items in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patients.models import Inbound, Patient
from workflow.admin import desk_view, marks
from workflow.rules import intake_words as words
from workflow.rules.desk import reason_words
from workflow.services.imports import Report


def line(row: Inbound) -> dict[str, Any]:
    """One import with its counts, and why it was refused or what is odd about it."""
    reasons = row.counts.get("reasons", {})
    return {
        "row": row,
        "source": row.source.code if row.source else "",
        "mark": marks.inbound(row.state),
        "format": words.FORMATS.get(row.format, row.format) if row.format != "auto" else "",
        "size": size(row.size),
        "received": row.counts.get("received", 0),
        "counts": counts(row.counts),
        "reasons": reason_lines(reasons),
        "warnings": row.counts.get("warnings", []),
        "refused": words.refused_words(next(iter(reasons), "")) if row.state == "rejected" else "",
    }


def counts(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every disposition that occurs, with its number."""
    return [
        {"code": code, "text": words.words(code, n), "count": n}
        for code in words.DISPOSITIONS
        if (n := told.get(code))
    ]


def reason_lines(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(reason_words(r), n) for r, n in sorted(reasons.items(), key=lambda pair: -pair[1])]


def size(count: int) -> str:
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.0f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def report(found: Report) -> dict[str, Any]:
    """What a trial run says."""
    return {
        "file": found.file,
        "format": words.FORMATS.get(found.format, found.format),
        "told": words.told(found.counts),
        "counts": counts(found.counts),
        "reasons": reason_lines(found.reasons),
        "warnings": [w for w in found.warnings if w != found.rejected],
        "rejected": found.rejected,
        "refused": words.refused_words(next(iter(found.reasons), "")) if found.rejected else "",
        "answers": [m for m in found.messages if m["ack"] != "AA"][:50],
        "items": [item(body, "UTC", None) for body in found.items],
        "received": found.received,
    }


def item(body: Mapping[str, Any], zone: str, patient: Patient | None) -> dict[str, Any]:
    """One item of an import: where it stood, what it said, what became of it."""
    code, where = body["code"], body["where"] or {}
    value = f"{body['value_text'] or ''} {body['unit_text'] or ''}".strip()
    read = f"{body['converted']['value']} {body['converted']['unit']}" if body["converted"] else ""
    return {
        "where": ", ".join(
            f"{word} {where[n]}" for n, word in desk_view.WHERE if where.get(n) not in (None, "")
        ),
        "mark": marks.disposition(body["disposition"]),
        "reasons": ", ".join(reason_words(r) for r in body["reasons"]),
        "what": code["text"] or desk_view.title(body["analyte"]) or code["code"] or "not told",
        "code": code["code"] if code["text"] else "",
        "value": value,
        "read": read if read != value else "",
        "collected": desk_view.moment(body["collected_at"], zone) if body["collected_at"] else "",
        "patient": patient,
        "quarantine": body["quarantine"],
    }
