"""Rows of the quarantine desk: put there by intake, and taken off when the reason has gone by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models

from patients.models import Inbound, QuarantineItem, Result, ResultHead, Source
from patients.readers import wire
from patients.readers.envelope import Named, ResultEnvelope
from patients.readers.interpret import Interpreted
from patients.rules import keys
from patients.rules.versions import FINAL
from workflow.rules.gates.common import NO_DOUBT
from workflow.selectors.items import item_json
from workflow.services.door import Entry
from workflow.services.facts import moment

CONFLICT, REPETITION = "final-changed-without-correction", "duplicate-suspect"
OF_A_RESULT = NO_DOUBT
SETTLED = FINAL | {"entered_in_error", "cancelled"}


def put(
    entry: Entry,
    item: Interpreted,
    source: Source | None,
    inbound: Inbound | None,
    lineage: UUID | None,
    *,
    reasons: tuple[str, ...] = (),
    result: Result | None = None,
) -> tuple[QuarantineItem, bool]:
    """The item's row on the desk, and whether it is new: an item that was there before is a repetition."""
    collected = item.envelope.collected
    row, made = QuarantineItem.objects.get_or_create(
        site_id=entry.pathway.site_id,
        content_key=content_key(item.envelope, source, str(entry.record)),
        defaults={
            **columns(item, source, inbound, reasons or item.reasons),
            "patient_id": result.patient_id if result else entry.record,
            "lineage": lineage,
            "collected_on": moment(collected, entry.timezone)[1] if collected else None,
            "received_at": entry.recorded_at,
            "result": result.pk if result else None,
        },
    )
    entry.changed = entry.changed or made
    return row, made


def put_stranger(
    item: Interpreted, source: Source | None, inbound: Inbound | None, site: UUID, at: Any
) -> tuple[QuarantineItem, bool]:
    """The same for an item whose patient is not known."""
    return QuarantineItem.objects.get_or_create(
        site_id=site,
        content_key=content_key(item.envelope, source, ""),
        defaults={**columns(item, source, inbound, item.reasons), "received_at": at},
    )


def columns(
    item: Interpreted, source: Source | None, inbound: Inbound | None, reasons: tuple[str, ...]
) -> dict[str, Any]:
    """What a row says of the item itself."""
    code = item.envelope.shown_code
    return {
        "source": source,
        "inbound": inbound,
        "person": person_key(source, item.envelope.named),
        "where": dict(item.envelope.where),
        "system": code.system[:128],
        "code": code.code[:128],
        "analyte": item.analyte,
        "reason": reasons[0],
        "reasons": list(reasons),
        "raw": item.envelope.raw,
        "body": item_json(item, "quarantine", reasons),
        "envelope": wire.to_json(item.envelope),
    }


def person_key(source: Source | None, named: Named) -> str:
    """Equal for items that name the same person; "" when nobody is named."""
    if not named.numbers:
        return ""
    numbers = sorted((n.value, *n.authorities) for n in named.numbers)
    return keys.content_hash(
        (source.code if source else "", numbers, named.family_name, named.birth_date or "")
    )


TOLD = (
    "analyte", "value", "unit", "collected", "reported_at", "reference_low", "reference_high", "assay", "lab",
    "status", "source", "source_id",
)  # fmt: skip


def content_key(envelope: ResultEnvelope, source: Source | None, patient: str) -> str:
    """Equal for one item received again."""
    codes = [(c.system, c.code) for c in envelope.codings]
    told = [getattr(envelope, name) or "" for name in TOLD]
    people = [] if patient else [(n.value, *n.authorities) for n in envelope.named.numbers]
    return keys.content_hash((source.code if source else "", patient, people, codes, *told))


def settle(moved: Mapping[Entry, tuple[Mapping[UUID, ResultHead], Mapping[UUID, Result]]]) -> None:
    """Takes off the desk what waits about these results (heads, standing versions) for a reason that no longer holds."""
    entries = {lineage: entry for entry, (heads, _) in moved.items() for lineage in heads}
    for row in QuarantineItem.objects.filter(lineage__in=list(entries), state="waiting"):
        assert row.lineage is not None
        entry = entries[row.lineage]
        heads, standing = moved[entry]
        if not _holds(row, heads[row.lineage], standing.get(row.lineage)):
            resolve([row], entry, "settled", "A later report settled it.")


def _holds(row: QuarantineItem, head: ResultHead, standing: Result | None) -> bool:
    if row.reason == REPETITION:
        return head.suspect
    if row.reason == CONFLICT:
        return head.conflict
    return standing is None or standing.status not in SETTLED


def resolve(rows: Any, entry: Entry, action: str, reason: str, *, state: str = "resolved") -> None:
    """Ends the waiting of rows of one patient; the patient is decided again."""
    entry.changed = True
    end(rows, at=entry.recorded_at, by=entry.by, action=action, reason=reason, state=state)


def end(rows: Any, *, at: Any, by: str, action: str, reason: str, state: str = "resolved") -> None:
    """The same without a patient."""
    ids = [row.pk for row in rows]
    QuarantineItem.objects.filter(models.Q(pk__in=ids), state="waiting").update(
        state=state, resolved_at=at, resolved_by=by, resolved_action=action, resolved_reason=reason
    )
