"""Row-level security on its own: what the database refuses whatever the code above it does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from patients import db
from patients.access import site_context
from patients.ids import new_id
from patients.models import Bleed, Patient, Site
from patients.models.audit import SealedEvent
from tests.factories.people import PatientFactory, make_site


def names(rows: list[tuple[Any, ...]]) -> set[str]:
    return {row[0] for row in rows}


def ask(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall()) if cursor.description else []


def bleed(patient: Patient, site: Site) -> Bleed:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Bleed(
        patient_id=patient.pk, site=site, recorded_site=site, recorded_at=at, by="t", onset_at=at,
        onset_on=date(2026, 1, 1), body_site="knee", joint=True, cause="unknown", treated=False,
    )  # fmt: skip


def test_every_table_with_a_site_has_row_level_security_and_a_policy(db_ready: None) -> None:
    tables = {m._meta.db_table for m in db.tenant_tables()}
    assert len(tables) > 30
    secured = names(ask("select relname from pg_class where relrowsecurity"))
    policed = names(ask("select tablename from pg_policies where policyname = 'custodian'"))
    assert tables - secured == set()
    assert tables - policed == set()


def test_every_patient_table_names_patient_and_site_together(db_ready: None) -> None:
    tables = {m._meta.db_table for m in db.patient_tables()}
    keyed = names(
        ask(
            "select conrelid::regclass::text from pg_constraint where conname like '%\\_custody' and contype = 'f'"
        )
    )
    assert tables - keyed == set()


def test_without_context_there_are_no_rows(site: Site) -> None:
    PatientFactory(site=site)
    assert Patient.objects.count() == 1
    with site_context([], by="nobody"):
        for model in db.tenant_tables():
            assert model._default_manager.count() == 0, model


def test_a_context_shows_its_own_site_only(site: Site) -> None:
    other = make_site("south")
    PatientFactory(site=site)
    theirs = PatientFactory(site=other)
    with site_context([site.pk], by="t"):
        assert set(Patient.objects.values_list("site__code", flat=True)) == {"north"}
        assert not Patient.objects.filter(pk=theirs.pk).exists()
        assert not Site.objects.filter(code="south").exists()


def test_a_fact_cannot_name_another_sites_patient(site: Site) -> None:
    other = make_site("south")
    theirs = PatientFactory(site=other)
    with site_context([site.pk], by="t"), pytest.raises(IntegrityError), transaction.atomic():
        bleed(theirs, site).save()


def test_a_fact_cannot_be_written_into_another_site(site: Site) -> None:
    other = make_site("south")
    theirs = PatientFactory(site=other)
    with (
        site_context([site.pk], by="t"),
        pytest.raises(ProgrammingError, match="row-level"),
        transaction.atomic(),
    ):
        bleed(theirs, other).save()


@pytest.mark.parametrize("verb", ["update {t} set id = id", "delete from {t}", "truncate {t}"])
def test_facts_and_events_are_never_changed(db_ready: None, verb: str) -> None:
    models = [m for m in [*db.tenant_tables()] if db.append_only(m) or issubclass(m, SealedEvent)]
    assert len(models) > 15
    for model in models:
        table = model._meta.db_table
        sql = verb.format(t=table).replace(
            "set id = id", f"set {model._meta.pk.column} = {model._meta.pk.column}"
        )
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            ask(sql)


def test_connections_start_as_the_application_role_and_reset_lands_there(db_ready: None) -> None:
    assert ask("select current_user") == [("daymark_app",)]
    with connection.cursor() as cursor:
        cursor.execute("reset role")
    assert ask("select current_user") == [("daymark_app",)]


def test_the_payer_role_reads_what_is_released_and_nothing_else(db_ready: None) -> None:
    verbs = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    granted = ask(
        "select t, v from (select tablename t from pg_tables where schemaname = 'public') a, unnest(%s::text[]) v"
        " where has_table_privilege('daymark_payer', quote_ident(t), v)",
        list(verbs),
    )
    tables = ("outcomes_publication", "outcomes_publishedrow", "patients_blob", "patients_blobpart")
    assert set(granted) == {(table, "SELECT") for table in tables}
    assert names(granted) <= names(ask("select relname from pg_class where relrowsecurity"))


def test_an_id_is_a_version_7_uuid_and_sorts_by_time() -> None:
    made = [new_id() for _ in range(200)]
    assert {i.version for i in made} == {7}
    assert [i.int >> 80 for i in made] == sorted(i.int >> 80 for i in made)
