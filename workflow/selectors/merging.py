"""What a merge of two records would do, before anybody does it, and which records are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from patients.errors import NotFound
from patients.models import Patient
from workflow.models import Act
from workflow.rules import merging as rules
from workflow.rules.effects import Decision
from workflow.rules.facts import FACTS, History, PatientFacts, known
from workflow.rules.merging import Difference, Moved, Record, Refusal
from workflow.rules.records import joined
from workflow.selectors.decisions import Decided, decided, local_date
from workflow.selectors.facts import histories_of
from workflow.selectors.pins import differences
from workflow.selectors.shown import day


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`patient` merged into `into`: refusals, what differs, how many facts come over, and what would be decided.

    `repeated` counts results that are in both records and would count once. `changes` are lists of
    {"key", "old", "new"} by kind; there are none where one of the two does not stand for itself (`decided`).
    """

    patient: Patient
    into: Patient
    refusals: tuple[Refusal, ...]
    differences: tuple[Difference, ...]
    counts: Mapping[str, int]
    repeated: int = 0
    baselines: tuple[Moved, ...] = ()
    changes: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    decided: bool = False


def preview(patient: UUID, into: UUID, *, at: datetime | None = None) -> Preview:
    """What the merge would do as of today. Raises NotFound when one of the two is not in the caller's sites."""
    gone, stays = pair(patient, into)
    moment = at or timezone.now()
    today = local_date(moment, stays.site.timezone)
    told = histories_of([gone, stays])
    one, other = _record(gone, told[gone.pk], today), _record(stays, told[stays.pk], today)
    found = Preview(
        patient=gone, into=stays, refusals=rules.refusals(one, other), differences=rules.differences(one, other),
        counts={name: len(getattr(told[gone.pk], name)) for name in FACTS},
    )  # fmt: skip
    if gone.pk == stays.pk or one.merged_into or other.merged_into:
        return found
    before = decided(told[stays.pk], as_of=today)
    after = decided(joined(told[stays.pk], told[gone.pk], since=moment), as_of=today)
    return replace(
        found,
        repeated=_counted(one.facts) + _counted(before.facts) - _counted(after.facts),
        baselines=rules.moved_baselines(before.protocol, before.facts, after.facts),
        changes=_changes(before, after),
        decided=True,
    )


def pair(patient: UUID, into: UUID) -> tuple[Patient, Patient]:
    """Both records with their sites. Raises NotFound."""
    rows = {p.pk: p for p in Patient.objects.select_related("site", "pathway").filter(pk__in=[patient, into])}
    try:
        return rows[patient], rows[into]
    except KeyError as error:
        raise NotFound("There is no such patient.") from error


def _record(row: Patient, told: History, today: date) -> Record:
    return Record(
        code=row.code, site=str(row.site_id), name=f"{row.family_name}, {row.given_name}", born=row.birth_date, sex=row.sex,
        pathway=row.pathway.pathway, policy=row.pathway.policy, facts=known(told, as_of=today),
        merged_into=_code(row.merged_into), holds=merged_codes(row.pk),
    )  # fmt: skip


def _code(pk: UUID | None) -> str:
    return Patient.objects.values_list("code", flat=True).get(pk=pk) if pk else ""


def merged_codes(pk: UUID) -> tuple[str, ...]:
    """Codes of the records merged into one."""
    return tuple(Patient.objects.filter(merged_into=pk).order_by("code").values_list("code", flat=True))


def _counted(facts: PatientFacts) -> int:
    return len(facts.results)


def _changes(before: Decided, after: Decided) -> dict[str, list[dict[str, Any]]]:
    """What would be decided otherwise: gates, tasks, alerts and phase."""
    old, new = before.decision, after.decision
    kinds = {"gates": _gates, "tasks": _tasks, "alerts": _alerts, "phase": _phase}
    return {kind: differences(shown(old), shown(new)) for kind, shown in kinds.items()}


def _gates(decision: Decision) -> dict[str, Any]:
    return {g.code: {"title": g.title, "verdict": g.verdict, "reason": g.reason} for g in decision.gates}


def _tasks(decision: Decision) -> dict[str, Any]:
    return {
        t.key: {"title": t.title, "due_on": day(t.due_on), "ended_as": t.ended_as} for t in decision.tasks
    }


def _alerts(decision: Decision) -> dict[str, Any]:
    return {
        a.key: {"title": f"Safety alert {a.rule}", "state": a.state, "first_hit_on": day(a.first_hit_on)}
        for a in decision.alerts
    }


def _phase(decision: Decision) -> dict[str, Any]:
    return {"phase": {"title": "Phase", "phase": decision.phase}}


@dataclass(frozen=True, slots=True)
class Alias:
    """A merged record: into which one, when, why and by whom."""

    patient: Patient
    survivor: Patient
    act: Act


def aliases(sites: Sequence[UUID] | None = None, *, patient: UUID | None = None) -> list[Alias]:
    """Merged records of some sites, or one of them, newest merge first; three queries."""
    rows = Patient.objects.exclude(merged_into=None).select_related("site")
    rows = rows.filter(pk=patient) if patient else rows.filter(site__in=sites or ())
    gone = {str(p.pk): p for p in rows}
    acts = (
        Act.objects.filter(kind="merge", key__in=list(gone)).select_related("patient").order_by("recorded_at")
    )
    newest = {act.key: act for act in acts}
    found = [Alias(gone[key], act.patient, act) for key, act in newest.items()]
    return sorted(found, key=lambda a: a.act.recorded_at, reverse=True)
