"""The chain of seals: whoever changes, removes, adds or swaps audit rows behind the back of the triggers is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from patients import guards
from patients.access import as_owner, everywhere
from patients.models import Patient, Seal, SealPart, Site, SiteSetting
from patients.rules import chain
from patients.selectors.audit import audit_drift, head
from patients.services import seals
from tests.factories.people import PatientFactory, make_site
from workflow.models import Act

TABLE = "patients_patientsealedevent"
Events = apps.get_model("patients", "PatientSealedEvent")


@contextmanager
def tampering() -> Iterator[Any]:
    """A superuser with all triggers asleep."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        yield cursor
        cursor.execute("set local session_replication_role = origin")


@pytest.fixture
def sealed(site: Site) -> list[int]:
    """Numbers of three sealed events of three patients."""
    for _ in range(3):
        PatientFactory(site=site)
    assert seals.seal() is not None
    assert list(audit_drift()) == []
    return list(Events.objects.order_by("pgh_id").values_list("pgh_id", flat=True))


def test_every_new_row_is_in_one_seal(sealed: list[int]) -> None:
    rows = sum(p["rows"] for s in Seal.objects.all() for p in s.parts_told)
    assert rows == sum(m._default_manager.count() for m in guards.sealed_models()) > 10
    assert seals.seal() is None
    Patient.objects.update(given_name="Kim")
    second = seals.seal()
    assert second is not None and second.number == 2 and second.previous == Seal.objects.get(number=1).hash
    assert head() == (2, second.hash)
    assert list(audit_drift()) == []


def test_a_changed_row_is_named(sealed: list[int]) -> None:
    with tampering() as cursor:
        cursor.execute(f"update {TABLE} set mrn = 'X' where pgh_id = %s", [sealed[1]])
    assert list(audit_drift()) == [f"audit event {TABLE} {sealed[1]} was changed after it was written"]


def test_a_changed_row_with_a_new_digest_is_named(sealed: list[int]) -> None:
    with tampering() as cursor:
        cursor.execute(f"update {TABLE} set mrn = 'X' where pgh_id = %s", [sealed[1]])
        cursor.execute(
            f"update {TABLE} t set digest = sha256(convert_to((to_jsonb(t) - 'digest' - 'site_id')::text, 'UTF8'))"
            " where pgh_id = %s",
            [sealed[1]],
        )
    assert list(audit_drift()) == [f"audit event {TABLE} {sealed[1]} {chain.CHANGED}"]


def test_a_deleted_row_is_named(sealed: list[int]) -> None:
    with tampering() as cursor:
        cursor.execute(f"delete from {TABLE} where pgh_id = %s", [sealed[0]])
    assert list(audit_drift()) == [f"audit event {TABLE} {sealed[0]} {chain.MISSING}"]


def test_two_swapped_rows_are_named(sealed: list[int]) -> None:
    first, second = sealed[:2]
    with tampering() as cursor:
        for old, new in ((first, 0), (second, first), (0, second)):
            cursor.execute(f"update {TABLE} set pgh_id = %s where pgh_id = %s", [new, old])
        cursor.execute(
            f"update {TABLE} t set digest = sha256(convert_to((to_jsonb(t) - 'digest' - 'site_id')::text, 'UTF8'))"
        )
    assert list(audit_drift()) == [f"audit event {TABLE} {n} {chain.CHANGED}" for n in (first, second)]


def test_a_row_put_in_later_is_named(site: Site) -> None:
    PatientFactory(site=site)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("select nextval(pg_get_serial_sequence(%s, 'pgh_id'))", [TABLE])
        unused = cursor.fetchone()[0]
    PatientFactory(site=site)
    seals.seal()
    columns = [c for c in guards.sealed_columns()[TABLE] if c != "pgh_id"]
    copied = ", ".join(f'"{c}"' for c in [*columns, "site_id"])
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            f"insert into {TABLE} (pgh_id, {copied}) select %s, {copied} from {TABLE} where pgh_id = %s",
            [unused, unused + 1],
        )
    assert list(audit_drift()) == [f"audit event {TABLE} {unused} {chain.ADDED}"]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("update patients_seal set at = at + interval '1 day' where number = 1", "seal 1 was changed after it was written"),
        ("update patients_seal set signature = repeat('0', 128) where number = 1", "seal 1 has a signature that does not fit"),
        ("update patients_seal set previous = repeat('1', 64) where number = 2", "seal 2 does not follow seal 1"),
        ("update patients_sealpart set members = '' where seal_id = 1 and relation = '{t}'", "the list of seal 1 for {t} was changed after it was written"),
        ("delete from patients_sealpart where seal_id = 1 and relation = '{t}'", "a seal's list for {t} after row 0 is missing"),
        ("with gone as (delete from patients_sealpart where seal_id = 1) delete from patients_seal where number = 1", "seal 1 is missing"),
    ],
    ids=["moved in time", "unsigned", "unchained", "list emptied", "list removed", "link removed"],
)  # fmt: skip
def test_a_tampered_seal_is_named(sealed: list[int], statement: str, fault: str) -> None:
    Patient.objects.update(given_name="Kim")
    seals.seal()
    with tampering() as cursor:
        cursor.execute(statement.format(t=TABLE))
    assert fault.format(t=TABLE) in list(audit_drift())


def test_old_seals_verify_after_the_key_is_changed(sealed: list[int], settings: Any) -> None:
    old = settings.SEAL_KEYS[0]
    settings.SEAL_KEYS = ["a new secret", old]
    Patient.objects.update(given_name="Kim")
    assert seals.seal() is not None
    assert list(audit_drift()) == []
    settings.SEAL_KEYS = ["a new secret", f"public:{Seal.objects.get(number=1).key}"]
    assert list(audit_drift()) == []
    settings.SEAL_KEYS = ["a new secret"]
    assert [line for line in audit_drift() if "which SEAL_KEY does not name" in line]


LEFT_BY_OTHER_TESTS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid not in (pg_backend_pid(), %s)
"""


@pytest.mark.django_db(transaction=True)
def test_rows_of_an_open_transaction_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their numbers are lower than those of rows committed meanwhile: sealing past them would lose them."""
    with everywhere(by="t"):
        site, south = make_site("north"), make_site("south")
    monkeypatch.setattr(seals, "PATIENCE", 0.1)
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute(LEFT_BY_OTHER_TESTS, [connection.connection.info.backend_pid])
        other.execute("update patients_site set name = 'Early' where id = %s", [south.pk])
        with everywhere(by="t"):
            PatientFactory(site=site)
        assert seals.seal() is None
        other.commit()
        other.execute(LEFT_BY_OTHER_TESTS, [connection.connection.info.backend_pid])
    monkeypatch.undo()
    assert seals.seal() is not None
    with everywhere(by="t"):
        assert list(audit_drift()) == []
        rows = sum(p["rows"] for s in Seal.objects.all() for p in s.parts_told)
        assert rows == sum(m._default_manager.count() for m in guards.sealed_models())


CHANGES = {
    Events: "pgh_label = 'x'", Seal: "hash = 'x'", SealPart: "members = ''", Act: "reason = 'x'",
    SiteSetting: "key = 'x'",
}  # fmt: skip


@pytest.mark.parametrize("model", CHANGES, ids=lambda m: m.__name__)
def test_not_even_the_owner_changes_the_record_by_a_usual_statement(sealed: list[int], model: Any) -> None:
    table = model._meta.db_table
    for statement in (
        f"update {table} set {CHANGES[model]}",
        f"delete from {table}",
        f"truncate {table} cascade",
    ):
        with (
            as_owner(),
            connection.cursor() as cursor,
            pytest.raises(DatabaseError, match="never"),
            transaction.atomic(),
        ):
            cursor.execute("set constraints all immediate")
            cursor.execute(statement)


def test_the_audit_triggers_cannot_be_asked_to_sleep(site: Site) -> None:
    patient = PatientFactory(site=site)
    with connection.cursor() as cursor:
        cursor.execute("select tgname from pg_trigger where tgrelid = 'patients_patient'::regclass")
        names = ",".join(row[0] for row in cursor.fetchall())
        cursor.execute("select set_config('pgtrigger.ignore', %s, true)", ["{" + names + "}"])
    Patient.objects.filter(pk=patient.pk).update(given_name="Unseen")
    assert Events.objects.filter(pgh_obj_id=patient.pk, given_name="Unseen").count() == 1
