"""Writes what a decision says into the read models, by key: deciding twice changes nothing."""

from __future__ import annotations

from datetime import datetime

from workflow.models import Pathway
from workflow.models.pathway import DerivedRow
from workflow.rules.effects import Decision
from workflow.rules.version import RULES_VERSION
from workflow.selectors.decisions import Decided, decided, local_date
from workflow.selectors.derived import MODELS, Row, derived_rows, stored_fingerprints
from workflow.selectors.facts import history
from workflow.services import ledger


def decide(pathway: Pathway, *, at: datetime) -> Decision:
    """Decides one patient for the site's date at `at` and stores it; the pathway row must be locked."""
    today = local_date(at, pathway.site.timezone)
    result = decided(history(pathway.patient_id), as_of=today)
    rows = list(derived_rows(pathway.patient_id, result.decision, pathway.site.timezone))
    fresh = _store(pathway, rows)
    _store_pathway(pathway, result, at)
    new_alerts = [r.id for r in fresh if r.kind == "alert" and r.columns["state"] == "open"]
    ledger.alert_notices(pathway, new_alerts, at=at)
    return result.decision


def _store(pathway: Pathway, rows: list[Row]) -> list[Row]:
    """Inserts, updates and removes only what differs. Returns the rows that were not there before."""
    stored = stored_fingerprints([pathway.patient_id])[pathway.patient_id]
    fresh = [r for r in rows if (r.kind, r.key) not in stored]
    changed = [r for r in rows if stored.get((r.kind, r.key), r.fingerprint) != r.fingerprint]
    kept = {(r.kind, r.key) for r in rows}
    for kind, model in MODELS.items():
        _upsert(model, pathway, [r for r in (*fresh, *changed) if r.kind == kind])
        gone = [key for k, key in stored if k == kind and (k, key) not in kept]
        if gone:
            model._default_manager.filter(patient_id=pathway.patient_id, key__in=gone).delete()
    return fresh


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
