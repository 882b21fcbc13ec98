"""`verify` finds nothing after any number of random facts, and finds what somebody changed behind its back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from patients.models import ResultHead, Site
from patients.selectors.audit import digest_drift
from tests.factories.people import PatientFactory
from tests.services.random_facts import START, Storyteller, count_of, infuse_unchecked
from workflow.models import GateDecision, TaskDue
from workflow.selectors.drift import drift
from workflow.services import sweep

CREATED = datetime(2025, 11, 1, tzinfo=UTC)


def tell(site: Site, patients: int, events: int, monkeypatch: Any) -> int:
    told = 0
    for number in range(patients):
        patient = PatientFactory(site=site, at=CREATED)
        if number % 2:
            infuse_unchecked(patient.pk, monkeypatch)
        Storyteller(patient.pk, seed=number).tell(events)
        told += count_of(patient.pk)
    return told


def drifted() -> list[str]:
    """Drift apart from dates that came meanwhile."""
    return [line for line in drift() if "not decided again since" not in line]


def test_nothing_drifts_after_random_facts(site: Site, monkeypatch: Any) -> None:
    assert tell(site, patients=6, events=60, monkeypatch=monkeypatch) > 200
    assert drifted() == []
    assert list(digest_drift()) == []
    sweep.redecide()
    assert list(drift()) == []


@pytest.mark.slow
def test_nothing_drifts_after_10_000_random_facts(site: Site, monkeypatch: Any) -> None:
    tell(site, patients=40, events=250, monkeypatch=monkeypatch)
    assert drifted() == []
    assert list(digest_drift()) == []


def test_a_row_changed_behind_its_back_is_found(site: Site) -> None:
    patient = PatientFactory(site=site)
    GateDecision.objects.filter(patient_id=patient.pk, key="age").update(fingerprint="x")
    GateDecision.objects.filter(patient_id=patient.pk, key="weight").delete()
    assert drifted() == [
        f"patient {patient.pk}: gate age differs",
        f"patient {patient.pk}: gate weight is missing",
    ]


def test_a_task_or_head_that_should_not_be_there_is_found(site: Site, monkeypatch: Any) -> None:
    patient = PatientFactory(site=site, at=CREATED)
    infuse_unchecked(patient.pk, monkeypatch)
    task = TaskDue.objects.filter(patient_id=patient.pk).first()
    assert task is not None
    task.id, task.key = patient.pk, "invented"
    task.save(force_insert=True)
    Storyteller(patient.pk, seed=1).result()
    ResultHead.objects.filter(patient_id=patient.pk).update(active=False)
    found = "\n".join(drifted())
    assert "task invented should not be there" in found or "points to another version" in found


def test_an_overdue_next_change_is_found_and_mended_by_the_sweep(site: Site) -> None:
    patient = PatientFactory(site=site, at=START - timedelta(days=400))
    from workflow.models import Pathway

    Pathway.objects.filter(pk=patient.pk).update(next_change_on=(START - timedelta(days=300)).date())
    assert any("not decided again" in line for line in drift())
    sweep.redecide()
    assert list(drift()) == []
