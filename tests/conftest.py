"""The test recipe: one throw-away PostgreSQL per run, one template database, a clone of it per worker.

Tests run as the application's role, so row-level security and grants hold in every test. Rule and reader
tests use no database, and a run of them alone starts none.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

TEMPLATE = "daymark_template"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="daymark-test-")
        os.chmod(folder, 0o755)
        os.environ["DAYMARK_TEST_DIR"] = folder


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ["DAYMARK_TEST_DIR"])
    if (folder / "postgres" / "data").exists():
        _server(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)


def _server(folder: Path) -> Any:
    from config.embedded import THROWAWAY, Postgres

    return Postgres(folder / "postgres", settings=THROWAWAY)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def django_db_setup(worker_id: str, django_db_blocker: Any) -> Iterator[None]:
    """A database of this worker's own, cloned from the migrated template."""
    folder = Path(os.environ["DAYMARK_TEST_DIR"])
    name = f"daymark_{worker_id}"
    with django_db_blocker.unblock():
        with _one_at_a_time(folder):
            server = _server(folder)
            server.ensure()
            admin = server.url.rsplit("/", 1)[0] + "/postgres"
            with psycopg.connect(admin, autocommit=True) as owner:
                known = {row[0] for row in owner.execute("select datname from pg_database")}
                if TEMPLATE not in known:
                    owner.execute(f"create database {TEMPLATE}")
                    _migrate(server.url)
                owner.execute(f"create database {name} template {TEMPLATE}")
        _connect(server.url, name)
        _empty_tables_as_owner()
        yield
        from django.db import connection

        connection.close()


def _connect(url: str, name: str) -> None:
    """Points Django's one connection at a database of the throw-away server, as the application's role."""
    from django.conf import settings
    from django.db import connection

    from config import env

    connection.close()
    wanted = env.database(f"{url.rsplit('/', 1)[0]}/{name}", settings.DATABASE_ROLE)
    connection.settings_dict.update({**wanted, "CONN_MAX_AGE": 0})
    os.environ["DATABASE_URL"] = f"{url.rsplit('/', 1)[0]}/{name}"


def _migrate(url: str) -> None:
    from django.core.management import call_command
    from django.db import connection

    _connect(url, TEMPLATE)
    call_command("migrate", verbosity=0)
    connection.close()


def _empty_tables_as_owner() -> None:
    """Tests with real transactions leave rows behind; the owner empties the tables, triggers asleep."""
    from django.db import connection
    from django.test import TransactionTestCase

    from patients.access import as_owner

    def teardown(self: Any) -> None:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("select tablename from pg_tables where schemaname = 'public'")
            keep = {"django_migrations", "django_content_type", "auth_permission", "patients_eventshape"}
            tables = ", ".join(f'"{row[0]}"' for row in cursor.fetchall() if row[0] not in keep)
            cursor.execute("set session_replication_role = replica")
            cursor.execute(f"truncate {tables}")
            cursor.execute("set session_replication_role = origin")

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]


@pytest.fixture
def owner(db: None) -> Iterator[None]:
    """The connection as the database owner."""
    from patients.access import as_owner

    with as_owner():
        yield


@pytest.fixture
def everywhere(db: None) -> Iterator[None]:
    """All sites that exist when the test begins, and those it opens, are visible."""
    from patients.access import everywhere

    with everywhere(by="test"):
        yield


@pytest.fixture
def site(everywhere: None) -> Any:
    """A treatment centre in Berlin, certified for every pathway since 2020, and its context."""
    from tests.factories.people import make_site

    return make_site("north")


@pytest.fixture
def db_ready(db: None) -> None:
    """The database, without any site in view."""
