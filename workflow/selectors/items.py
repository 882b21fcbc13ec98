"""A received item in the public shape: what was received, what was understood, what became of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from patients.data import catalog
from patients.readers.envelope import ResultEnvelope
from patients.readers.interpret import Interpreted
from patients.rules.units import ucum
from patients.rules.values import Value
from workflow.selectors.shown import instant


def item_json(
    item: Interpreted,
    disposition: str,
    reasons: tuple[str, ...],
    *,
    result: UUID | None = None,
    quarantine: UUID | None = None,
) -> dict[str, Any]:
    """Numbers are exact text; `unit` is UCUM; `*_text` is as received; null where nothing is said."""
    envelope, code = item.envelope, item.envelope.shown_code
    return {
        "where": dict(envelope.where),
        "disposition": disposition,
        "reason": reasons[0] if reasons else None,
        "reasons": list(reasons),
        "code": {"system": code.system, "code": code.code, "text": envelope.code_text or code.text},
        "analyte": item.analyte or None,
        **_value(item),
        "range": _span(envelope),
        "text": envelope.note or None,
        "status": item.status,
        "collected_at": _moment(envelope),
        "reference_low": envelope.reference_low or None,
        "reference_high": envelope.reference_high or None,
        "converted": _converted(item),
        "result": str(result) if result else None,
        "quarantine": str(quarantine) if quarantine else None,
    }


def rejected_json(reason: str, where: dict[str, Any]) -> dict[str, Any]:
    """An unreadable message or line as an item."""
    empty = dict.fromkeys(
        ("analyte", "value_text", "comparator", "value", "unit", "unit_text", "value_code", "titer", "range", "text",
         "status", "collected_at", "reference_low", "reference_high", "converted", "result", "quarantine")
    )  # fmt: skip
    code = {"system": "", "code": "", "text": ""}
    told = {"where": where, "disposition": "rejected", "reason": reason, "reasons": [reason], "code": code}
    return told | empty


def _value(item: Interpreted) -> dict[str, Any]:
    envelope, value = item.envelope, item.value or Value(text="")
    number = None if value.number is None else format(value.number, "f")
    unit = value.unit or envelope.unit
    titer = {"numerator": "1", "denominator": number, "comparator": value.comparator or None}
    return {
        "value_text": envelope.value,
        "comparator": value.comparator or None,
        "value": number,
        "unit": ucum(unit, catalog()) or None,
        "unit_text": envelope.unit,
        "value_code": value.code or None,
        "titer": titer if value.titer and number is not None else None,
    }


def _span(envelope: ResultEnvelope) -> dict[str, str] | None:
    return {"low": envelope.span[0], "high": envelope.span[1]} if envelope.span else None


def _moment(envelope: ResultEnvelope) -> str | None:
    told = envelope.collected
    if told is None:
        return None
    return instant(told) if isinstance(told, datetime) else told.isoformat()


def _converted(item: Interpreted) -> dict[str, str] | None:
    if item.number is None or not item.unit:
        return None
    return {"value": _plain(item.number), "unit": ucum(item.unit, catalog())}


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
