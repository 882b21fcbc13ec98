"""A patient moves with the whole history, or is deleted and leaves a tombstone that the seals still verify."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from patients import db
from patients.access import site_context
from patients.errors import Conflict, Forbidden, Invalid
from patients.ids import new_id
from patients.models import Blob, ErasedEvent, Erasure, Inbound, Patient, Result, Site
from patients.models.audit import SealedEvent
from patients.selectors.audit import audit_drift
from patients.services import seals, sites
from tests.factories.people import PatientFactory, make_site
from tests.services.ready import DAY0, given, ready_patient
from workflow import data
from workflow.models import Act, Pathway
from workflow.rules.retention import parse_retention, refusal
from workflow.selectors.drift import drift
from workflow.services import custody, imports, infusions


@pytest.fixture
def south(site: Site) -> Site:
    return make_site("south", timezone="America/New_York")


def rows_of(patient: UUID, site: UUID) -> dict[str, int]:
    """How many rows about the patient name the site, by table; audit included."""
    found = {}
    with connection.cursor() as cursor:
        for model in [m for m in db._models() if db._has(m, "patient") and db._has(m, "site")]:
            cursor.execute(
                f'select count(*) from "{model._meta.db_table}" where patient_id = %s and site_id = %s',
                [patient, site],
            )
            found[model._meta.label] = cursor.fetchone()[0]
    return {label: n for label, n in found.items() if n}


def test_a_patient_moves_with_the_history_and_the_earlier_site_sees_nothing(site: Site, south: Site) -> None:
    patient = ready_patient(site)
    before = rows_of(patient.pk, site.pk)
    results = set(Result.objects.values_list("pk", "recorded_site", "recorded_at"))
    with site_context([site.pk], by="ana"):
        word = custody.offer(patient=patient.pk, reason="moves house", by="ana")
        with pytest.raises(Invalid):
            custody.take_over(site=site, word=word, mrn="", by="ana")
    with site_context([south.pk], by="sol"):
        assert not Patient.objects.exists()
        moved = custody.take_over(site=south, word=word.upper() + " ", mrn="S-9", by="sol")
        assert (moved.site, moved.mrn, moved.code) == (south, "S-9", patient.code)
        assert set(Result.objects.values_list("pk", "recorded_site", "recorded_at")) == results
        assert Act.objects.get(kind="transfer").by == "sol"
        assert Pathway.objects.get().site == south
        assert list(drift()) == []
        with pytest.raises(Invalid):
            custody.take_over(site=south, word=word, mrn="", by="sol")
    with site_context([site.pk], by="ana"):
        for model in db.tenant_tables():
            if db._has(model, "patient"):
                assert not model._default_manager.filter(patient_id=patient.pk).exists(), model
    after = rows_of(patient.pk, south.pk)
    assert {k: after[k] for k in before if not k.endswith("SealedEvent")}.keys() == {
        k for k in before if not k.endswith("SealedEvent")
    }
    assert all(after[k] >= n for k, n in before.items() if k.endswith("SealedEvent"))
    assert rows_of(patient.pk, site.pk) == {} and list(audit_drift()) == []


def test_an_offer_ends_with_a_later_one_with_time_and_at_a_number_in_use(site: Site, south: Site) -> None:
    patient, other = PatientFactory(site=site), PatientFactory(site=south, mrn="TAKEN")
    first = custody.offer(patient=patient.pk, reason="r", by="ana")
    second = custody.offer(patient=patient.pk, reason="r", by="ana")
    with pytest.raises(Invalid):
        custody.take_over(site=south, word=first, mrn="", by="sol")
    with pytest.raises(Invalid):
        custody.take_over(
            site=south, word=second, mrn="", by="sol", at=timezone.now() + timedelta(days=14, seconds=5)
        )
    with pytest.raises(Conflict):
        custody.take_over(site=south, word=second, mrn=other.mrn, by="sol")
    assert custody.take_over(site=south, word=second, mrn="FREE", by="sol").site == south
    assert PatientFactory(site=site).code == "north-0002", "the number of who moved away is not given again"


@pytest.mark.parametrize("view", ["another site", "none"])
def test_without_the_site_in_view_nobody_is_moved_or_deleted(site: Site, south: Site, view: str) -> None:
    """The functions ask for themselves, whoever calls them."""
    patient = PatientFactory(site=site).pk
    word = custody.offer(patient=patient, reason="r", by="ana")
    third = make_site("third").pk
    calls = (
        ("select daymark_transfer(%s, %s, '', now())", [custody._hashed(word), south.pk]),
        ("select daymark_erase(%s, %s, 'x', 'x', 'x', 'x', now())", [new_id(), patient]),
    )
    with site_context([third] if view == "another site" else [], by="t"), connection.cursor() as cursor:
        for statement, asked in calls:
            with pytest.raises(DatabaseError, match="not in view"), transaction.atomic():
                cursor.execute(statement, asked)
    assert Patient.objects.get(pk=patient).site == site


ASKED = {"ground": "recorded-in-error", "reason": "entered twice"}


def imported(site: Site, *people: Patient) -> Inbound:
    source = sites.create_source(code=f"lab{len(people)}", site=site)
    head = "mrn,family_name,loinc,value,unit,collected_at,reference_high,source_id\n"
    text = head + "".join(
        f"{p.mrn},{p.family_name},1742-6,30,U/L,2026-01-02T08:00:00Z,40,x{p.mrn}\n" for p in people
    )
    kept = imports.keep(
        name="f.csv", stream=io.BytesIO(text.encode()), site=site.pk, source=source, by="t", at=timezone.now()
    )
    imports.run(inbound=kept)
    return kept


def test_a_deleted_record_leaves_a_tombstone_and_the_seals_verify(site: Site) -> None:
    patient, other = PatientFactory(site=site), PatientFactory(site=site)
    own, shared = imported(site, patient), imported(site, patient, other)
    seals.seal()
    custody.ask_erasure(patient=patient.pk, fields=ASKED, by="cleo")
    with pytest.raises(Forbidden):
        custody.erase(patient=patient.pk, by="cleo")
    told = custody.erase(patient=patient.pk, by="adam")
    assert (told.erased, told.basis, told.by, told.reason) == (
        patient.pk,
        "recorded-in-error",
        "cleo, adam",
        "entered twice",
    )
    assert told.counts["patients_result"] == 2 and told.kept == [str(shared.pk)]
    for model in db._models():
        if db._has(model, "patient"):
            assert not model._default_manager.filter(patient_id=patient.pk).exists(), model
    assert not Patient.objects.filter(pk=patient.pk).exists()
    assert Inbound.objects.get(pk=own.pk).blob is None and Inbound.objects.get(pk=shared.pk).blob is not None
    assert Blob.objects.count() == 1 and Result.objects.filter(patient=other).count() == 1
    assert ErasedEvent.objects.filter(erasure=told.pk).count() > 8
    for model in (
        m
        for m in db._models()
        if issubclass(m, SealedEvent) and not m._meta.label.startswith("patients.Erasure")
    ):
        names = [f.attname for f in model._meta.concrete_fields if f.name not in ("digest", "pgh_context")]
        assert patient.family_name not in str(list(model._default_manager.values_list(*names))), model
    assert list(audit_drift()) == []
    assert seals.seal() is not None and list(audit_drift()) == [] == list(drift())


def test_nobody_deletes_what_must_be_kept(site: Site) -> None:
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=timezone.now())
    for ground, told in (
        ("recorded-in-error", "has been infused"), ("retention-over", "must be kept until 2056"),
        ("ordered", "reference"), ("nosuch", "Known grounds"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=told):
            custody.ask_erasure(patient=patient.pk, fields={**ASKED, "ground": ground}, by="cleo")
    with pytest.raises(Conflict, match="Nobody has asked"):
        custody.erase(patient=patient.pk, by="adam")
    custody.ask_erasure(
        patient=patient.pk, fields={**ASKED, "ground": "ordered", "reference": "AZ 1/26"}, by="cleo"
    )
    with pytest.raises(Conflict, match="too long ago"):
        custody.erase(patient=patient.pk, by="adam", at=timezone.now() + timedelta(days=15))
    custody.erase(patient=patient.pk, by="adam")
    assert Erasure.objects.get().reason == "entered twice; AZ 1/26"


@pytest.mark.parametrize(
    ("last_on", "why"), [(date(1996, 3, 2), ""), (date(1996, 3, 3), "2026-03-03"), (date(1996, 2, 29), "")]
)
def test_the_time_ends_on_the_same_day_of_a_later_year(last_on: date, why: str) -> None:
    ground = data.retention().grounds["retention-over"]
    told = refusal(ground, last_on=last_on, infused=True, reference="", today=DAY0)
    assert why in told and bool(told) == bool(why)


def test_a_faulty_retention_file_names_each_fault() -> None:
    broken: dict[str, Any] = {"code": "retention", "grounds": {"x": {"years": "six", "more": 1}}}
    file, faults = parse_retention(broken)
    assert file is None
    assert {"version", "grounds.x.years", "grounds.x.title", "grounds.x.source", "grounds.x.more"} <= {
        f.key for f in faults
    }
