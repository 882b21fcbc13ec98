"""Audit: one sealed event per changed row with the right person, whichever way the row was written."""

from __future__ import annotations

import pghistory
import pytest
from django.apps import apps
from django.db import connection

from patients.access import as_owner
from patients.models import Patient, Site
from patients.selectors.audit import audit_drift
from tests.factories.people import PatientFactory
from workflow.models import Act

Events = apps.get_model("patients", "PatientSealedEvent")


def test_an_insert_and_an_update_leave_one_event_each(site: Site) -> None:
    patient = PatientFactory(site=site)
    with pghistory.context(user="someone"):
        Patient.objects.filter(pk=patient.pk).update(given_name="Kim")
    labels = list(
        Events.objects.filter(pgh_obj_id=patient.pk).order_by("pgh_id").values_list("pgh_label", flat=True)
    )
    assert labels == ["insert", "update"]
    assert Events.objects.latest("pgh_id").pgh_context["user"] == "someone"


def test_raw_sql_is_seen_too(site: Site) -> None:
    patient = PatientFactory(site=site)
    with connection.cursor() as cursor:
        cursor.execute("update patients_patient set given_name = 'Raw' where id = %s", [patient.pk])
    assert Events.objects.filter(pgh_obj_id=patient.pk, given_name="Raw").count() == 1


def test_acts_have_an_event_each(site: Site) -> None:
    patient = PatientFactory(site=site)
    events = apps.get_model("workflow", "ActSealedEvent").objects.filter(patient_id=patient.pk)
    assert events.count() == Act.objects.filter(patient_id=patient.pk).count() > 0


def test_a_changed_event_is_found(site: Site) -> None:
    patient = PatientFactory(site=site)
    assert list(audit_drift()) == []
    event = Events.objects.get(pgh_obj_id=patient.pk)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update patients_patientsealedevent set mrn = 'X' where pgh_id = %s", [event.pk])
        cursor.execute("set local session_replication_role = origin")
    assert list(audit_drift()) == [
        f"audit event patients_patientsealedevent {event.pk} was changed after it was written"
    ]


@pytest.mark.parametrize("secret", ["password", "last_login"])
def test_no_event_holds_a_password(secret: str) -> None:
    fields = {f.name for f in apps.get_model("patients", "UserSealedEvent")._meta.get_fields()}
    assert secret not in fields
