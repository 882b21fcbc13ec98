"""Writes what a decision says into the read models, by key: deciding twice changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from workflow.models import Alert, Pathway
from workflow.models.pathway import MERGED, DerivedRow
from workflow.rules.effects import Decision
from workflow.rules.version import RULES_VERSION
from workflow.selectors.decisions import Decided, decided, local_date
from workflow.selectors.derived import MODELS, Row, derived_rows, stored_fingerprints
from workflow.selectors.facts import histories_of
from workflow.services import ledger


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between the rows that are decided and those that are stored."""

    fresh: list[Row]
    changed: list[Row]
    gone: list[tuple[str, str]]


def decide(pathway: Pathway, *, at: datetime) -> Decision:
    """Decides one patient for the site's date at `at` and stores it; the pathway row must be locked, with its patient and site at hand."""
    today = local_date(at, pathway.site.timezone)
    history = histories_of([pathway.patient])[pathway.patient_id]
    result = decided(history, as_of=today)
    changes = _changes(
        pathway, list(derived_rows(pathway.patient_id, result.decision, pathway.site.timezone))
    )
    new, again = _opened(pathway, changes)
    _store(pathway, changes)
    _store_pathway(pathway, result, at)
    asked = {alert.id: alert.asked_at for alert in result.decision.alerts}
    ledger.alert_notices(pathway, {pk: asked[pk] for pk in new}, again, at=at)
    return result.decision


def withdraw(pathway: Pathway, *, at: datetime) -> None:
    """Takes back what was decided under a record that is now decided under another one; the row must be locked."""
    for model in MODELS.values():
        model._default_manager.filter(patient_id=pathway.patient_id).delete()
    pathway.phase, pathway.ready, pathway.blocked_by = MERGED, False, []
    pathway.planned_on = pathway.day0 = pathway.next_change_on = None
    pathway.decided_at = at
    pathway.decided_seq += 1
    pathway.save()


def _changes(pathway: Pathway, rows: list[Row]) -> Changes:
    stored = stored_fingerprints([pathway.patient_id])[pathway.patient_id]
    kept = {(r.kind, r.key) for r in rows}
    return Changes(
        fresh=[r for r in rows if (r.kind, r.key) not in stored],
        changed=[r for r in rows if stored.get((r.kind, r.key), r.fingerprint) != r.fingerprint],
        gone=[(kind, key) for kind, key in stored if (kind, key) not in kept],
    )


def _opened(pathway: Pathway, changes: Changes) -> tuple[list[UUID], list[UUID]]:
    """Alerts that need a decision and did not before: those of new rows, and those that were closed."""
    new = [r.id for r in changes.fresh if _is_open(r)]
    changed = [r.id for r in changes.changed if _is_open(r)]
    if not changed:
        return new, []
    closed = Alert.objects.filter(patient_id=pathway.patient_id, id__in=changed).exclude(state="open")
    return new, list(closed.values_list("id", flat=True))


def _is_open(row: Row) -> bool:
    return row.kind == "alert" and row.columns["state"] == "open"


def _store(pathway: Pathway, changes: Changes) -> None:
    """Inserts, updates and removes only what differs."""
    for kind, model in MODELS.items():
        _upsert(model, pathway, [r for r in (*changes.fresh, *changes.changed) if r.kind == kind])
        gone = [key for k, key in changes.gone if k == kind]
        if gone:
            model._default_manager.filter(patient_id=pathway.patient_id, key__in=gone).delete()


def _upsert(model: type[DerivedRow], pathway: Pathway, rows: list[Row]) -> None:
    if not rows:
        return
    objects = [
        model(
            id=r.id,
            patient_id=pathway.patient_id,
            site_id=pathway.site_id,
            key=r.key,
            fingerprint=r.fingerprint,
            derived_by=RULES_VERSION,
            **r.columns,
        )
        for r in rows
    ]
    updated = ["key", "fingerprint", "derived_by", *rows[0].columns]
    model._default_manager.bulk_create(
        objects, update_conflicts=True, unique_fields=["id"], update_fields=updated
    )


def _store_pathway(pathway: Pathway, result: Decided, at: datetime) -> None:
    decision, facts, protocol = result.decision, result.facts, result.protocol
    pathway.pathway_version = protocol.pathway_version
    pathway.policy, pathway.policy_version = protocol.policy, protocol.policy_version
    pathway.phase = decision.phase
    pathway.ready = decision.ready
    pathway.blocked_by = list(decision.blocked_by)
    pathway.planned_on = facts.planned_on
    pathway.day0 = facts.day0
    pathway.decided_for = decision.today
    pathway.decided_at = at
    pathway.decided_seq += 1
    pathway.next_change_on = decision.next_change_on
    pathway.derived_by = RULES_VERSION
    pathway.save()
