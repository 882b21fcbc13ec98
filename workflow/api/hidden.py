"""Fields that an auditor sees empty: what people typed, and numbers that may name a person."""

from __future__ import annotations

from typing import Any

FACT = frozenset({"note", "number", "source_id"})
RESULT = frozenset({"value_text", "source_id"})
DESK = frozenset({"raw", "text", "value_text", "resolved_reason"})
TASK = frozenset({"reason"})
CONTACT = frozenset({"note"})
COURSE = frozenset({"alternative_cause"})
INFUSION = frozenset({"premedication", "interruptions", "reactions", "vitals", "note"})


def infusion(body: dict[str, Any]) -> dict[str, Any]:
    """An infusion without what people typed: of its override and its void only people, gates and times stay."""
    told = {k: {**body[k], "reason": None} for k in ("override", "void") if body.get(k)}
    return {**body, **dict.fromkeys(INFUSION & set(body)), **told}


def gate(body: dict[str, Any]) -> dict[str, Any]:
    """A gate without the reason of an override."""
    if body["verdict"] != "waived":
        return body
    return {**body, "reason": "Waived by two clinicians; their reason is not shown."}
