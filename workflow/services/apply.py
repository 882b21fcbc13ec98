"""Writes what a decision says into the read models, by key: deciding twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

TOGETHER = 25
"""Patients whose facts are all held in memory at once: hundreds of results each."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between the rows that are decided and those that are stored."""

    fresh: list[Row]
    changed: list[Row]
    gone: list[tuple[str, str]]


def decide(pathway: Pathway, *, at: datetime) -> Decision:
    """Decides one patient for the site's date at `at` and stores it; the pathway row must be locked, with its patient and site at hand."""
    return decide_all({pathway: at})[0]


def decide_all(pathways: Mapping[Pathway, datetime]) -> list[Decision]:
    """The same for several patients, each at its own instant, many of them in as many statements as one takes."""
    moments = list(pathways.items())
    parts = (dict(moments[n : n + TOGETHER]) for n in range(0, len(moments), TOGETHER))
    return [decision for part in parts for decision in _decide_some(part)]


def _decide_some(pathways: Mapping[Pathway, datetime]) -> list[Decision]:
    histories = histories_of([p.patient for p in pathways])
    stored = stored_fingerprints([p.patient_id for p in pathways])
    decisions, changes = [], {}
    for pathway, at in pathways.items():
        today = local_date(at, pathway.site.timezone)
        result = decided(histories[pathway.patient_id], as_of=today)
        rows = list(derived_rows(pathway.patient_id, result.decision, pathway.site.timezone))
        changes[pathway] = _changes(rows, stored[pathway.patient_id])
        decisions.append(result)
    closed = _closed(changes.values())
    _store(changes)
    for result, (pathway, at) in zip(decisions, pathways.items(), strict=True):
        _store_pathway(pathway, result, at)
        asked = {alert.id: alert.asked_at for alert in result.decision.alerts}
        new = {r.id: asked[r.id] for r in changes[pathway].fresh if _is_open(r)}
        again = [r.id for r in changes[pathway].changed if r.id in closed]
        ledger.alert_notices(pathway, new, again, at=at)
    return [result.decision for result in decisions]


def withdraw(pathway: Pathway, *, at: datetime) -> None:
    """Takes back what was decided under a record that is now decided under another one; the row must be locked."""
    for model in MODELS.values():
        model._default_manager.filter(patient_id=pathway.patient_id).delete()
    pathway.phase, pathway.ready, pathway.blocked_by = MERGED, False, []
    pathway.planned_on = pathway.day0 = pathway.next_change_on = None
    pathway.decided_at = at
    pathway.decided_seq += 1
    pathway.save()


def _changes(rows: Sequence[Row], stored: Mapping[tuple[str, str], str]) -> Changes:
    kept = {(r.kind, r.key) for r in rows}
    return Changes(
        fresh=[r for r in rows if (r.kind, r.key) not in stored],
        changed=[r for r in rows if (r.kind, r.key) in stored and stored[r.kind, r.key] != r.fingerprint],
        gone=[(kind, key) for kind, key in stored if (kind, key) not in kept],
    )


def _closed(changes: Iterable[Changes]) -> set[UUID]:
    """Alerts that need a decision now and were closed before."""
    open_now = [r.id for c in changes for r in c.changed if _is_open(r)]
    closed = Alert.objects.filter(id__in=open_now).exclude(state="open") if open_now else Alert.objects.none()
    return set(closed.values_list("id", flat=True))


def _is_open(row: Row) -> bool:
    return row.kind == "alert" and row.columns["state"] == "open"


def _store(changes: Mapping[Pathway, Changes]) -> None:
    """Inserts, updates and removes only what differs."""
    for kind, model in MODELS.items():
        rows = [
            (pathway, row)
            for pathway, found in changes.items()
            for row in (*found.fresh, *found.changed)
            if row.kind == kind
        ]
        if rows:
            _upsert(model, rows)
        for pathway, found in changes.items():
            gone = [key for k, key in found.gone if k == kind]
            if gone:
                model._default_manager.filter(patient_id=pathway.patient_id, key__in=gone).delete()


def _upsert(model: type[DerivedRow], rows: Sequence[tuple[Pathway, Row]]) -> None:
    objects = [
        model(
            id=row.id,
            patient_id=pathway.patient_id,
            site_id=pathway.site_id,
            key=row.key,
            fingerprint=row.fingerprint,
            derived_by=RULES_VERSION,
            **row.columns,
        )
        for pathway, row in rows
    ]
    updated = ["key", "fingerprint", "derived_by", *rows[0][1].columns]
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
