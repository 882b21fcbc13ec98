"""The filters of the audit's lists, as texts of an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from patients.errors import Fault, Invalid
from patients.models import Site
from workflow.selectors import audit_log
from workflow.selectors.audit_log import Wanted

IDS = ("object", "patient")
INSTANTS = ("since", "until")
EVENT_FILTERS = ("table", "change", "site", "by", *IDS, *INSTANTS)
READ_FILTERS = ("patient", "by", *INSTANTS)
REFUSAL_FILTERS = ("by", *INSTANTS)


def wanted_of(given: Mapping[str, str]) -> Wanted:
    """What the filters ask for. Raises Invalid naming every one that cannot be read."""
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, text in given.items():
        try:
            found[name] = READERS.get(name, str)(text)
        except (ValueError, LookupError):
            faults.append(Fault(f"/{name}", "invalid", f"“{text[:64]}” is no {NOUNS[name]}."))
    if faults:
        raise Invalid.of(*faults)
    return Wanted(**found)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _table(text: str) -> str:
    if text not in audit_log.tables():
        raise LookupError(text)
    return text


def _site(code: str) -> UUID:
    found = Site.objects.filter(code=code).values_list("pk", flat=True).first()
    if found is None:
        raise LookupError(code)
    return found


READERS: dict[str, Callable[[str], Any]] = {
    "table": _table, "site": _site, "object": UUID, "patient": UUID, "since": _instant, "until": _instant,
}  # fmt: skip
NOUNS = {
    "table": "audited table", "site": "site of yours", "object": "id", "patient": "id", "since": "instant",
    "until": "instant",
}  # fmt: skip
