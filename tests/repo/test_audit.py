"""Audit: one sealed event per changed row with the right person, whichever way the row was written."""

from __future__ import annotations

import io

import pghistory
import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils import timezone

from patients.access import as_owner
from patients.ids import new_id
from patients.models import Patient, Site, Source
from patients.selectors.audit import audit_drift
from patients.services import sites
from tests.factories.people import PatientFactory, make_staff
from workflow.models import Act
from workflow.services import imports

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


def changes(before: int, model: str) -> list[tuple[str, str]]:
    """Change and person of each event after a number, of one table."""
    events = apps.get_model(*model.split(".")).objects.filter(pgh_id__gt=before).order_by("pgh_id")
    return [(e.pgh_label, (e.pgh_context or {}).get("user", "")) for e in events]


def last(model: str) -> int:
    newest = apps.get_model(*model.split(".")).objects.order_by("-pgh_id").first()
    return newest.pk if newest else 0


def test_each_row_of_a_bulk_write_has_its_event(site: Site) -> None:
    people = [PatientFactory(site=site) for _ in range(3)]
    patients, acts = last("patients.PatientSealedEvent"), last("workflow.ActSealedEvent")
    with pghistory.context(user="bulk"):
        assert Patient.objects.filter(pk__in=[p.pk for p in people]).update(given_name="Kim") == 3
        Patient.objects.bulk_update([Patient(pk=p.pk, given_name="Lee") for p in people[:2]], ["given_name"])
        first = Act.objects.filter(patient=people[0]).first()
        assert first is not None
        copies = [
            Act(**{f.attname: getattr(first, f.attname) for f in Act._meta.concrete_fields}) for _ in range(4)
        ]
        for copy in copies:
            copy.pk = new_id()
        Act.objects.bulk_create(copies)
    assert changes(patients, "patients.PatientSealedEvent") == [("update", "bulk")] * 5
    assert changes(acts, "workflow.ActSealedEvent") == [("insert", "bulk")] * 4


def test_a_form_of_the_admin_names_the_person(site: Site, client: Client) -> None:
    patient = PatientFactory(site=site)
    client.force_login(make_staff(site, "coordinator", "ana"))
    before = last("patients.AttestationSealedEvent")
    sent = {"code": "steroid-plan", "on": "2026-01-05", "value": "yes"}
    assert client.post(f"/admin/patients/{patient.pk}/attestation/", sent).status_code == 302
    assert changes(before, "patients.AttestationSealedEvent") == [("insert", "ana")]


def test_an_import_in_the_background_names_who_gave_the_file(site: Site) -> None:
    patient = PatientFactory(site=site)
    sites.create_source(code="lab", site=site)
    text = "mrn,family_name,loinc,value,unit,collected_at,reference_high,source_id\n" + "".join(
        f"{patient.mrn},{patient.family_name},1742-6,{20 + n},U/L,2026-01-0{n}T08:00:00Z,40,a{n}\n"
        for n in (1, 2, 3)
    )
    results, source = last("patients.ResultSealedEvent"), Source.objects.get(code="lab")
    imports.keep(
        name="a.csv",
        stream=io.BytesIO(text.encode()),
        site=site.pk,
        source=source,
        by="ana",
        at=timezone.now(),
        queued=True,
    )
    assert imports.run_queued() == 1
    assert changes(results, "patients.ResultSealedEvent") == [("insert", "ana")] * 3
