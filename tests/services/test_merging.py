"""Two records of one person become one, nothing is lost or counted twice, and undoing gives back what was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from outcomes.selectors.status import patient_status
from patients.models import ResultHead, Site
from tests.factories.people import PatientFactory
from tests.services.ready import DAY0, NOON, ready_patient
from workflow.models import Alert, GateDecision, Pathway, TaskDue
from workflow.selectors.drift import drift
from workflow.services import facts, intake, merging

AT = NOON - timedelta(days=1)
REASON = {"reason": "entered twice", "by": "adam", "at": AT}


def status(patient: UUID) -> dict[str, Any]:
    return {**patient_status(patient, as_of=DAY0), "as_known_at": ""}


def stored(patient: UUID) -> list[Any]:
    """Everything derived that is kept of a record, but for counters and instants of deciding."""
    found: list[Any] = []
    for model in (GateDecision, TaskDue, Alert):
        found += sorted(
            model._default_manager.filter(patient_id=patient).values_list("id", "key", "fingerprint")
        )
    found += Pathway.objects.filter(pk=patient).values_list(
        "pathway_version",
        "policy_version",
        "phase",
        "ready",
        "blocked_by",
        "planned_on",
        "day0",
        "next_change_on",
    )
    heads = ResultHead.objects.filter(patient_id=patient).order_by("lineage")
    return [*found, *heads.values_list("lineage", "result", "active", "suspect")]


def drifted() -> list[str]:
    return [line for line in drift() if "not decided again" not in line]


def alt(value: str, on: int = -8, **more: Any) -> dict[str, Any]:
    day = DAY0 + timedelta(days=on)
    return {
        "analyte": "ALT", "value": value, "unit": "U/L", "collected_at": f"{day}T08:00:00Z", "reference_high": "40", **more,
    }  # fmt: skip


def test_merged_then_undone_both_are_what_they_were(site: Site) -> None:
    stays, gone = ready_patient(site, without="ALT"), PatientFactory(site=site, at=AT)
    intake.record_results(patient=gone.pk, items=[alt("25")], by="t", at=AT)
    facts.record(
        patient=gone.pk, kind="bleeds", by="t", at=AT,
        data={"onset_at": "2026-01-02", "site": "knee", "joint": True, "cause": "unknown", "treated": False},
    )  # fmt: skip
    before = [(status(p.pk), stored(p.pk)) for p in (stays, gone)]
    merging.merge(patient=gone.pk, into=stays.pk, **REASON)
    whole = status(stays.pk)
    assert whole != before[0][0] and drifted() == []
    assert {g["code"]: g["verdict"] for g in whole["gates"]}["liver-enzymes"] != {
        g["code"]: g["verdict"] for g in before[0][0]["gates"]
    }["liver-enzymes"]
    assert not TaskDue.objects.filter(patient=gone).exists()
    merging.undo(patient=gone.pk, **REASON)
    assert [(status(p.pk), stored(p.pk)) for p in (stays, gone)] == before
    assert drifted() == []
