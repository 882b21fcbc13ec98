"""The rows that a decision stands for, and those that are stored: the same when nothing has drifted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson
from django.db import connection

from workflow.models import Alert, GateDecision, TaskDue
from workflow.models.pathway import DerivedRow
from workflow.rules.effects import Alert as AlertEffect
from workflow.rules.effects import Decision
from workflow.rules.effects import Task as TaskEffect
from workflow.rules.version import RULES_VERSION
from workflow.selectors import shown
from workflow.selectors.decisions import site_midnight

MODELS: dict[str, type[DerivedRow]] = {"gate": GateDecision, "task": TaskDue, "alert": Alert}


@dataclass(frozen=True, slots=True)
class Row:
    """One derived row: its table, its key and the columns that hold what was decided."""

    kind: str
    key: str
    id: UUID
    columns: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        told = orjson.dumps(self.columns, default=str, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(RULES_VERSION.encode() + told).hexdigest()


def derived_rows(patient: UUID, decision: Decision, timezone: str) -> Iterable[Row]:
    """The rows that a decision stands for. Ids follow from patient and key, so links survive a rebuild."""
    for gate in decision.gates:
        columns = {
            "verdict": gate.verdict,
            "blocking": gate.blocking,
            "valid_until": gate.valid_until,
            "payload": shown.gate_json(gate),
        }
        yield Row("gate", gate.code, uuid5(patient, f"gate:{gate.code}"), columns)
    for task in decision.tasks:
        yield Row("task", task.key, task_id(patient, task.key), _task_columns(task, timezone))
    for alert in decision.alerts:
        columns = {
            "rule": alert.rule,
            "state": alert.state,
            "first_hit_on": alert.first_hit_on,
            "raised_on": alert.raised_on,
            "superseded_evidence": alert.superseded_evidence,
            "merged_into": alert.merged_into,
            "payload": _alert_payload(alert),
        }
        yield Row("alert", alert.key, alert.id, columns)


def task_id(patient: UUID, key: str) -> UUID:
    """The id of a patient's task: it follows from its key, so links to it survive a rebuild."""
    return uuid5(patient, f"task:{key}")


def _task_columns(task: TaskEffect, timezone: str) -> dict[str, Any]:
    return {
        "kind": task.kind,
        "title": task.title,
        "opens_on": task.opens_on,
        "due_on": task.due_on,
        "closes_on": task.closes_on,
        "missed_on": task.missed_on,
        "opens_at": site_midnight(task.opens_on, timezone),
        "due_at": site_midnight(task.due_on, timezone),
        "closes_at": site_midnight(task.closes_on + timedelta(days=1), timezone),
        "missed_at": site_midnight(task.missed_on, timezone),
        "booked_on": task.booked_on,
        "ended_as": task.ended_as,
        "ended_on": task.ended_on,
        "assignee": task.assignee,
        "snoozed_until": task.snoozed_until,
        "payload": _task_payload(task),
    }


def _task_payload(task: TaskEffect) -> dict[str, Any]:
    """The parts of a task's JSON form that do not depend on the day it is looked at."""
    return {
        "obligations": list(task.obligations),
        "fulfilled_by": list(task.fulfilled_by),
        "analytes": list(task.analytes),
        "why": task.why,
        "mandatory": task.mandatory,
        "reason": task.ended_reason,
        "progress": {"have": task.have, "need": task.need},
        "contacts": shown.contacts_json(task),
    }


def _alert_payload(alert: AlertEffect) -> dict[str, Any]:
    payload = shown.alert_json(alert)
    for hit, row in zip(alert.hits, payload["hits"], strict=True):
        row["lineage"] = str(hit.lineage)
    return payload


def stored_fingerprints(patients: Sequence[UUID]) -> dict[UUID, dict[tuple[str, str], str]]:
    """Fingerprints of the stored rows per patient, by kind and key, in one query."""
    parts = [
        f"select patient_id, '{kind}', key, fingerprint from \"{model._meta.db_table}\" where patient_id = any(%s)"
        for kind, model in MODELS.items()
    ]
    found: dict[UUID, dict[tuple[str, str], str]] = {pk: {} for pk in patients}
    with connection.cursor() as cursor:
        cursor.execute(" union all ".join(parts), [list(patients)] * len(MODELS))
        for patient, kind, key, fingerprint in cursor.fetchall():
            found[patient][kind, key] = fingerprint
    return found
