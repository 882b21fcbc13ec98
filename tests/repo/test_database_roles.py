"""What each process may do in the database, asked with SQL alone: web, background work, payers, a wrong login."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import time_machine
from django.db import ProgrammingError, connection, transaction

from config import boot, env
from patients import access, db, worker_rights
from patients.models import Membership, Patient, Site, User
from patients.services import sites
from tests.factories.people import PatientFactory, make_site, make_staff
from workflow.models import Pathway

SITE_ROLES = ("coordinator", "clinician", "lab_importer", "auditor", "site_admin")
ALL_TABLES = [m for m in db._models() if not m._meta.abstract]
LOGIN, WORD = f"daymark_probe_{os.getpid()}", "probe word"
"""Roles belong to the whole server, which other test processes share."""


def ask(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def refused(sql: str) -> bool:
    try:
        with transaction.atomic():
            ask(sql)
    except ProgrammingError as error:
        assert "permission denied" in str(error), error
        return True
    return False


@contextmanager
def acting(role: str) -> Iterator[None]:
    """A connection that starts in a role, without any site in view."""
    with access.site_context((), by="t"):
        access._put(access.Context(role=role))
        yield
        access._put(access.Context())


@pytest.fixture
def two_sites(site: Site) -> tuple[Site, Site]:
    other = make_site("south")
    for place in (site, other):
        PatientFactory(site=place)
    return site, other


def test_background_work_sees_where_work_is_and_no_patient(two_sites: Any) -> None:
    with acting(access.WORKER):
        for model in ALL_TABLES:
            label, table = model._meta.label_lower, model._meta.db_table
            assert refused(f'select * from "{table}"') is not _whole(label), label
        assert ask("select count(*) from workflow_pathway") == [(2,)]
        assert refused("select phase from workflow_pathway")
        assert refused("select payload from workflow_alert")
        assert refused("select reason from workflow_act")
        assert refused("select password from patients_user")
        assert refused("update workflow_pathway set phase = 'closed'")
        assert refused("delete from workflow_notice")


def _whole(label: str) -> bool:
    """Whether the right is to every column."""
    told = worker_rights.RIGHTS.get(label, "")
    return told.startswith("select") and not told.startswith("select (")


def test_background_work_acts_as_the_application_in_a_site(two_sites: Any) -> None:
    north, _south = two_sites
    with acting(access.WORKER):
        with access.site_context([north.pk], by="worker"):
            assert ask("select current_user") == [("daymark_app",)]
            assert set(Patient.objects.values_list("site", flat=True)) == {north.pk}
            with access.as_worker():
                assert Pathway.objects.count() == 2
        assert ask("select current_user") == [("daymark_worker",)]
        assert refused("select count(*) from patients_patient")


@pytest.mark.parametrize("role", SITE_ROLES)
def test_each_role_reaches_the_rows_of_its_own_site_only(two_sites: Any, role: str) -> None:
    """No context: no row. The wrong context: no row of the other site. Whatever SQL is asked."""
    north, south = two_sites
    principal = access.principal_of(make_staff(north, role))
    with access.site_context((), by="t"):
        for model in db.tenant_tables():
            assert ask(f'select count(*) from "{model._meta.db_table}"') == [(0,)], model
        access.enter(principal)
        seen = 0
        for model in db.tenant_tables():
            column, table = db._site_column(model), model._meta.db_table
            assert ask(f"""select count(*) from "{table}" where "{column}" = '{south.pk}'""") == [(0,)], model
            seen += ask(f"""select count(*) from "{table}" where "{column}" = '{north.pk}'""")[0][0]
        assert seen > 20


@pytest.mark.parametrize(
    ("zone", "moment", "held"),
    [
        ("Europe/Berlin", "2026-11-23T22:59:59Z", False),
        ("Europe/Berlin", "2026-11-23T23:00:00Z", True),
        ("Europe/Berlin", "2026-11-24T22:59:59Z", True),
        ("Europe/Berlin", "2026-11-24T23:00:00Z", False),
        ("America/Los_Angeles", "2026-11-24T07:59:59Z", False),
        ("America/Los_Angeles", "2026-11-24T08:00:00Z", True),
        ("America/Los_Angeles", "2026-11-25T07:59:59Z", True),
        ("America/Los_Angeles", "2026-11-25T08:00:00Z", False),
    ],
)
def test_a_role_of_one_day_lasts_from_midnight_to_midnight_at_the_site(
    everywhere: None, zone: str, moment: str, held: bool
) -> None:
    day, place = date(2026, 11, 24), make_site("zoned", timezone=zone)
    ana = make_staff(place, "coordinator")
    Membership.objects.filter(user=ana).update(from_date=day, to_date=day)
    with time_machine.travel(datetime.fromisoformat(moment), tick=False):
        assert bool(access.principal_of(ana).roles) is held


def analyst(contract: str) -> User:
    return sites.create_staff(
        username=f"a-{contract}", email="a@example.org", role="payer_analyst", contract=contract,
        since=date(2020, 1, 1),
    )  # fmt: skip


def test_an_analyst_reads_no_table_with_patients(two_sites: Any) -> None:
    principal = access.principal_of(analyst("sample-level"))
    with access.site_context((), by="t"):
        access.enter(principal)
        assert ask("select current_user") == [("daymark_payer",)]
        for model in ALL_TABLES:
            table = model._meta.db_table
            assert refused(f'select * from "{table}"') == (model._meta.label_lower not in db.PAYER_SEES), (
                table
            )
        for table in ("django_session", "knox_authtoken", "patients_readlog", "patients_user"):
            assert refused(f'select count(*) from "{table}"'), table
        access.leave(principal)
        assert ask("select current_user") == [("daymark_app",)]
        assert Patient.objects.count() == 0


def test_an_analyst_who_works_at_a_site_acts_as_its_staff(two_sites: Any) -> None:
    north, _ = two_sites
    both = analyst("sample-level")
    sites.create_staff(
        username=both.username, email="", role="coordinator", site=north, since=date(2020, 1, 1)
    )
    with access.site_context((), by="t"):
        access.enter(access.principal_of(both))
        assert ask("select current_user") == [("daymark_app",)]
        assert Patient.objects.count() == 1


def test_a_connection_forgets_the_person_before(transactional_db: None) -> None:
    with access.everywhere(by="t"):
        north, south = make_site("north"), make_site("south")
    with access.everywhere(by="t"):
        for place in (north, south):
            PatientFactory(site=place)
    who = [access.principal_of(make_staff(place, "clinician")) for place in (north, south)]
    payer = access.principal_of(analyst("sample-level"))
    with transaction.atomic():
        access.enter(who[0])
        assert Patient.objects.count() == 1
    assert (Patient.objects.count(), ask("select current_user")) == (0, [("daymark_app",)])
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        access.enter(payer)
        raise ZeroDivisionError
    assert (Patient.objects.count(), ask("select current_user")) == (0, [("daymark_app",)])
    with transaction.atomic():
        access.enter(who[1])
        assert list(Patient.objects.values_list("site", flat=True)) == [south.pk]


def test_context_cannot_outlive_its_transaction(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        access._put(access.Context())


# --- the login of a production installation ------------------------------------------------------------


@pytest.fixture
def owner(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """The owner's own connection, and a login of the application beside it."""
    now = connection.settings_dict
    with psycopg.connect(
        dbname=now["NAME"], user=now["USER"], password=now["PASSWORD"], host=now["HOST"], port=now["PORT"],
        autocommit=True,
    ) as found:  # fmt: skip
        found.execute(f"create role {LOGIN} login noinherit password '{WORD}'")
        found.execute(f"grant {', '.join(db.ROLES)} to {LOGIN}")
        yield found
        connection.close()
        found.execute(f"drop role {LOGIN}")


@contextmanager
def signed_in_as(name: str, word: str, role: str = "daymark_app") -> Iterator[None]:
    before = dict(connection.settings_dict)
    url = f"postgresql://{name}:{quote(word)}@{before['HOST']}:{before['PORT']}/{before['NAME']}"
    connection.close()
    connection.settings_dict.update({**env.database(url, role), "CONN_MAX_AGE": 0})
    yield
    connection.close()
    connection.settings_dict.update(before)


@pytest.mark.parametrize("role", ["daymark_app", "daymark_worker"])
def test_a_login_of_its_own_may_start(owner: Any, role: str, settings: Any) -> None:
    settings.PRODUCTION = True
    with signed_in_as(LOGIN, WORD, role):
        boot.check()


def test_the_owner_may_not(owner: Any, settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(RuntimeError, match="login of its own"):
        boot.check()
    settings.PRODUCTION = False
    boot.check()


@pytest.mark.parametrize("right", ["superuser", "bypassrls"])
def test_nor_who_passes_by_the_policies(owner: Any, right: str, settings: Any) -> None:
    settings.PRODUCTION = True
    owner.execute(f"alter role {LOGIN} {right}")
    with signed_in_as(LOGIN, WORD), pytest.raises(RuntimeError, match="login of its own"):
        boot.check()


def test_nor_who_may_become_the_owner(owner: Any, settings: Any) -> None:
    settings.PRODUCTION = True
    owner.execute("create role daymark_probe_owner nologin")
    owner.execute("alter table workflow_notice owner to daymark_probe_owner")
    owner.execute(f"grant daymark_probe_owner to {LOGIN}")
    try:
        with signed_in_as(LOGIN, WORD), pytest.raises(RuntimeError, match="login of its own"):
            boot.check()
    finally:
        owner.execute("alter table workflow_notice owner to current_user")
        owner.execute("drop role daymark_probe_owner")


def test_nor_in_another_role(owner: Any, settings: Any) -> None:
    settings.PRODUCTION = True
    owner.execute("create role daymark_other nologin")
    owner.execute(f"grant daymark_other to {LOGIN}")
    owner.execute("grant select on pg_roles to daymark_other")
    try:
        with signed_in_as(LOGIN, WORD, "daymark_other"), pytest.raises(RuntimeError, match="DAYMARK_DB_ROLE"):
            boot.check()
    finally:
        owner.execute("drop owned by daymark_other")
        owner.execute("drop role daymark_other")


@pytest.mark.parametrize(
    ("harm", "mend"),
    [
        ("disable row level security", "enable row level security"),
        ("", "create policy custodian on patients_bleed for all to daymark_app using (site_id = any"
             f" ({db.SITES}::uuid[])) with check (site_id = any ({db.SITES}::uuid[]))"),
    ],
    ids=["switched-off", "no-policy"],
)  # fmt: skip
def test_nor_while_a_table_is_unprotected(owner: Any, settings: Any, harm: str, mend: str) -> None:
    settings.PRODUCTION = True
    owner.execute(f"alter table patients_bleed {harm}" if harm else "drop policy custodian on patients_bleed")
    try:
        with signed_in_as(LOGIN, WORD), pytest.raises(RuntimeError, match="patients_bleed: run migrate"):
            boot.check()
    finally:
        owner.execute(f"alter table patients_bleed {mend}" if harm else mend)
