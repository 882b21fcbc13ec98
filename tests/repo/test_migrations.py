"""Migrations on a database of their own: back and forward again, and everything that protects rows asserted anew."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from patients import db
from patients.access import as_owner
from tests.factories.spare import spare_database

PARTS = {
    "columns": "select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns where table_schema = 'public'",
    "constraints": "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace",
    "indexes": "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'",
    "policies": "select tablename, policyname, roles::text, cmd, qual, with_check from pg_policies where schemaname = 'public'",
    "secured": "select relname, relrowsecurity from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'",
    "triggers": "select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
    "grants": "select table_name, grantee, privilege_type from information_schema.table_privileges where table_schema = 'public' and grantee like 'daymark\\_%'",
    "column grants": "select table_name, column_name, grantee, privilege_type from information_schema.column_privileges where table_schema = 'public' and grantee like 'daymark\\_%'",
    "functions": "select p.proname, p.prosecdef, p.proconfig::text, p.proacl::text from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname ~ '^(daymark|pgtrigger|_pgh)'",
}  # fmt: skip


def shape() -> dict[str, set[Any]]:
    """What the database is, without its rows."""
    with connection.cursor() as cursor:
        found = {}
        for name, sql in PARTS.items():
            cursor.execute(sql)
            found[name] = set(cursor.fetchall())
        return found


def differences(before: dict[str, set[Any]], now: dict[str, set[Any]]) -> dict[str, Any]:
    return {name: before[name] ^ now[name] for name in before if before[name] != now[name]}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_step_back_and_forward_leaves_everything_as_it_was() -> None:
    """In every room."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    with spare_database("daymark_template"):
        before = shape()
        for room in reversed(db.ROOMS):
            (last,) = loader.graph.leaf_nodes(room)
            parents = [p for p in loader.graph.node_map[last].parents if p.key[0] == room]
            call_command("migrate", room, parents[0].key[1], verbosity=0, stdout=io.StringIO())
            assert shape()["columns"] != before["columns"], room
        call_command("migrate", verbosity=0)
        assert differences(before, shape()) == {}


@pytest.mark.django_db(transaction=True)
def test_policies_grants_and_triggers_that_were_taken_away_come_back() -> None:
    with spare_database("daymark_template"):
        before = shape()
        _taken_away()
        assert set(differences(before, shape())) >= {"policies", "grants", "triggers", "secured"}
        call_command("migrate", verbosity=0)
        assert differences(before, shape()) == {}
        with connection.cursor() as cursor:
            cursor.execute(db.UNPROTECTED, [[m._meta.db_table for m in db.tenant_tables()]])
            assert cursor.fetchall() == []


def _taken_away() -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("drop policy custodian on patients_result")
        cursor.execute("alter table patients_bleed disable row level security")
        cursor.execute("grant delete on workflow_act to daymark_app")
        cursor.execute("drop trigger daymark_keep on workflow_act")
        cursor.execute("drop trigger daymark_seal on patients_readlog")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_from_nothing_to_the_newest_is_what_the_tests_run_on() -> None:
    before = shape()
    with spare_database("template0"):
        call_command("migrate", verbosity=0)
        assert differences(before, shape()) == {}
