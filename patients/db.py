"""Roles, grants, policies and triggers in PostgreSQL, asserted anew after every migration.

`daymark_app` is whom the web process starts as; `daymark_worker`, whom background work starts as, sees of all
sites where there is something to do (`worker_rights`) and acts as `daymark_app` in a site's context;
`daymark_payer` has no grant on any table with patient data. Facts, acts and audit events can be read and added, never changed: that rests on grants.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from psycopg import sql

from patients import custody, emergency, guards, sign_outs, worker_rights
from patients.models.audit import SealedEvent, SealedRow
from patients.models.base import FactRow, PatientRow

ROOMS = ("patients", "workflow", "outcomes")
ROLES = ("daymark_app", "daymark_worker", "daymark_payer")
INSERT_ONLY = (
    "workflow.act",
    "patients.sitesetting",
    "patients.seal",
    "patients.sealpart",
    "outcomes.subjectcode",
    "outcomes.exportapproval",
    "outcomes.publication",
    "outcomes.publishedrow",
)
READ_ONLY = ("patients.eventshape", "patients.erasedevent", "patients.erasure")
KEPT = ("patients.erasedevent", "patients.erasure")
"""`READ_ONLY` tables are written by functions of the owner only, and of these no row is ever changed."""
NO_PART_OF_THE_RECORD = (
    "workflow.feedentry",
    "outcomes.subjectcode",
    "outcomes.datasetrows",
    "outcomes.figurerow",
)
"""Tables about patients whose rows an emergency access does not open: they serve the centre, not the care."""
CORRECTED = ("mrn", "family_name", "given_name", "birth_date", "sex", "version")
"""What may be changed of a patient's row; site and alias are changed by functions of the owner only."""
NOT_BY_SITE = (
    "patients.membership",
    "patients.membershipsealedevent",
    "workflow.feed",
    "workflow.feedsealedevent",
)
"""Tables that name a site and hold no patient data: they are read to find out which sites a person may reach."""
SITES = "(select string_to_array(nullif(current_setting('daymark.sites', true), ''), ',')::uuid[])"
CONTRACTS = "(select string_to_array(nullif(current_setting('daymark.contracts', true), ''), ','))"
PAYER_SEES = {
    "outcomes.publication": "contract",
    "outcomes.publishedrow": "contract",
    "patients.blob": "released_to",
    "patients.blobpart": "released_to",
}
"""What a payer's analyst reads, by the column that names the contract; nothing here names a patient."""
SEVERAL = {
    "outcomes.export": ("site_ids", "&&"),
    "outcomes.exportsealedevent": ("site_ids", "&&"),
    "patients.blob": ("held_by", "<@"),
    "patients.blobpart": ("held_by", "<@"),
}
"""Rows of several sites: seen where one of them (&&), or only where all of them (<@) are in view."""
OF_NO_SITE = {"workflow.notice": '"site_id" is null and "patient_id" is null'}
"""Rows of nobody's site, about no patient: a new password for somebody who works at none."""

LOGIN = """
select r.rolsuper, r.rolbypassrls, exists (
    select from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    and pg_has_role(session_user, c.relowner, 'member')), current_user
from pg_roles r where r.rolname = session_user
"""
UNPROTECTED = """
select t from unnest(%s::text[]) t left join pg_class c
    on c.relname = t and c.relnamespace = 'public'::regnamespace
where not coalesce(c.relrowsecurity, false)
    or not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'custodian') order by t
"""
FUNCTIONS = """
create or replace function daymark_all_sites() returns uuid[] language sql stable security definer
set search_path = pg_catalog, public, pg_temp as
$$ select array_agg(id order by id) from public.patients_site $$;
create or replace function daymark_zone_of(site uuid) returns text language sql stable security definer
set search_path = pg_catalog, public, pg_temp as
$$ select timezone from public.patients_site where id = site $$;
"""


def prepare_roles() -> None:
    """Makes missing roles, over a connection of its own that starts as the owner."""
    own = settings.OWNER_DATABASE or connection.settings_dict
    with psycopg.connect(
        dbname=own["NAME"],
        user=own["USER"],
        password=own["PASSWORD"],
        host=own["HOST"] or None,
        port=own["PORT"] or None,
        autocommit=True,
    ) as owner:
        known = {row[0] for row in owner.execute("select rolname from pg_roles")}
        for role in ROLES:
            if role not in known:
                owner.execute(f"create role {role} nologin")
        owner.execute("revoke daymark_app from daymark_worker")
        app = connection.settings_dict
        if app["USER"] != own["USER"]:
            _prepare_login(owner, app["USER"], app["PASSWORD"], app["USER"] in known)


def _prepare_login(owner: psycopg.Connection[Any], name: str, password: str, known: bool) -> None:
    """The login of the application: made if it is missing, and allowed to act as each role."""
    login = sql.Identifier(name)
    if not known:
        owner.execute(
            sql.SQL("create role {} login noinherit password {}").format(login, sql.Literal(password))
        )
    owner.execute(sql.SQL("grant {} to {}").format(sql.SQL(", ").join(map(sql.Identifier, ROLES)), login))


def refuse_start() -> None:
    """Raises RuntimeError, naming every mend, when the application must not serve with this login and database."""
    with connection.cursor() as cursor:
        cursor.execute(LOGIN)
        superuser, bypasses, owns, role = cursor.fetchone()
        cursor.execute(UNPROTECTED, [[m._meta.db_table for m in tenant_tables()]])
        open_tables = [row[0] for row in cursor.fetchall()]
    faults = []
    if superuser or bypasses or owns:
        faults.append("DATABASE_URL signs in as a superuser, past the policies, or as the owner of the tables:"
                      " give the application a login of its own.")  # fmt: skip
    if role not in ROLES:
        faults.append(f"Connections act as “{role}”: DAYMARK_DB_ROLE must be one of {', '.join(ROLES)}.")
    if open_tables:
        faults.append(f"No policy protects {', '.join(open_tables)}: run migrate.")
    if faults:
        raise RuntimeError(" ".join(faults))


def secure(before: guards.Columns | None = None) -> None:
    """Asserts functions, grants, policies, custody keys and triggers. Runs as the owner; may run again.

    One transaction per table, so that nobody meets a table between two policies. `before`: the columns of
    the sealed tables before these migrations (default: as they are now).
    """
    known = guards.sealed_columns() if before is None else before
    _run(
        [
            FUNCTIONS,
            emergency.FUNCTIONS,
            *emergency.RIGHTS,
            guards.FUNCTIONS,
            sign_outs.FUNCTIONS,
            sign_outs.TRIGGERS,
            *_foreign_grants(),
        ]
    )
    for model in _models():
        with transaction.atomic():
            _run([*_grants(model), *_policies(model), *_custody(model), *_guards(model, known)])
    _run(custody.statements(_deletable()))
    _run(_definers())


def _deletable() -> list[type[models.Model]]:
    """Tables with patients, those first that name rows of others."""
    tables = patient_tables()
    return sorted(tables, key=lambda m: not any(f.related_model in tables for f in m._meta.concrete_fields))


def _run(statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def tenant_tables() -> list[type[models.Model]]:
    """Models whose rows belong to a site."""
    return [m for m in _models() if _site_column(m)]


def patient_tables() -> list[type[models.Model]]:
    """Models with a patient and a site: their foreign key to the patient is the pair."""
    return [m for m in _models() if not issubclass(m, SealedEvent) and _has(m, "patient") and _has(m, "site")]


def append_only(model: type[models.Model]) -> bool:
    """Rows are added and read, nothing else."""
    return issubclass(model, FactRow | SealedRow) or model._meta.label_lower in INSERT_ONLY


def _models() -> list[type[models.Model]]:
    return [m for room in ROOMS for m in apps.get_app_config(room).get_models()]


def _has(model: type[models.Model], name: str) -> bool:
    return any(f.name == name for f in model._meta.concrete_fields)


def _site_column(model: type[models.Model]) -> str:
    if model._meta.label_lower in NOT_BY_SITE:
        return ""
    if model._meta.label_lower in ("patients.site", "patients.sitesealedevent"):
        return "pgh_obj_id" if issubclass(model, SealedEvent) else "id"
    return "site_id" if _has(model, "site") else ""


def _foreign_grants() -> list[str]:
    """Tables of other applications (sessions, tokens, lock-outs, cache) hold no patient data."""
    own = {m._meta.db_table for m in _models()}
    with connection.cursor() as cursor:
        tables = [t for t in connection.introspection.table_names(cursor) if t not in own]
    read_only = [t for t in tables if t == "django_migrations"]
    writable = [t for t in tables if t not in read_only]
    statements = [f'grant select, insert, update, delete on "{t}" to daymark_app' for t in writable]
    statements += [f'grant select on "{t}" to daymark_app' for t in read_only]
    return [*statements, "grant usage on all sequences in schema public to daymark_app"]


def _grants(model: type[models.Model]) -> list[str]:
    table = model._meta.db_table
    allowed = "select, insert, update, delete"
    if issubclass(model, SealedEvent) or model._meta.label_lower in READ_ONLY:
        allowed = "select"
    elif append_only(model):
        allowed = "select, insert"
    elif model._meta.label_lower == "patients.patient":
        allowed = f"select, insert, update ({', '.join(CORRECTED)})"
    elif model._meta.label_lower == "patients.patientaccess":
        allowed = f"select, update ({emergency.OWN_COLUMNS})"
    label = model._meta.label_lower
    payer = [f'grant select on "{table}" to daymark_payer'] if label in PAYER_SEES else []
    return [f'revoke all on "{table}" from daymark_app, daymark_worker, daymark_payer, public',
            f'grant {allowed} on "{table}" to daymark_app', *payer,
            *worker_rights.grants(label, table)]  # fmt: skip


def _policies(model: type[models.Model]) -> list[str]:
    return [*_site_policies(model), *_emergency_policies(model), *_shared_policies(model)]


def _emergency_policies(model: type[models.Model]) -> list[str]:
    """What emergency access opens for reading: one record, and the centre's settings by which it is judged.

    The access itself is seen at both centres.
    """
    label, table = model._meta.label_lower, model._meta.db_table
    if label == "patients.patientaccess":
        theirs = f'"to_site_id" = any ({SITES}::uuid[])'
        return _policy(table, "asker", "all", "daymark_app", theirs, theirs)
    opened = _opened(model)
    return _policy(table, "shared", "select", "daymark_app", opened, "") if opened else []


def _opened(model: type[models.Model]) -> str:
    label = model._meta.label_lower
    if label in ("patients.site", "patients.sitesetting"):
        return f'"{_site_column(model)}" = {emergency.SITE}'
    if label == "patients.patient":
        return f'"id" = {emergency.PATIENT}'
    of_record = issubclass(model, PatientRow) or label == "patients.quarantineitem"
    if of_record and label not in NO_PART_OF_THE_RECORD:
        return f'"patient_id" = {emergency.PATIENT}'
    return ""


def _shared_policies(model: type[models.Model]) -> list[str]:
    """Rows of several sites, and what is released to payers; the application only adds to the latter."""
    label, table = model._meta.label_lower, model._meta.db_table
    statements = []
    if label in SEVERAL:
        column, operator = SEVERAL[label]
        own = f'cardinality("{column}") > 0 and "{column}" {operator} {SITES}::uuid[]'
        statements += _policy(table, "several", "all", "daymark_app", own, own)
    if label in PAYER_SEES:
        released = f'"{PAYER_SEES[label]}" = any ({CONTRACTS}::text[])'
        statements += _policy(table, "payer", "select", "daymark_payer", released, "")
    if label in PAYER_SEES and label.startswith("outcomes."):
        statements += _policy(table, "releases", "insert", "daymark_app", "", "true")
    return [f'alter table "{table}" enable row level security', *statements] if statements else []


def _site_policies(model: type[models.Model]) -> list[str]:
    column, table = _site_column(model), model._meta.db_table
    if not column:
        return []
    own = f'"{column}" = any ({SITES}::uuid[])'
    statements = [
        f'alter table "{table}" enable row level security',
        *(f'drop policy if exists {old} on "{table}"' for old in ("worker", "worker_writes", "shared")),
        *_policy(table, "custodian", "all", "daymark_app", own, own),
    ]
    if unowned := OF_NO_SITE.get(model._meta.label_lower):
        statements += _policy(table, "of_no_site", "all", "daymark_app", unowned, unowned)
    for verb in worker_rights.verbs(model._meta.label_lower):
        seen, made = ("", "true") if verb == "insert" else ("true", "true" if verb == "update" else "")
        statements += _policy(table, f"worker_{verb}", verb, "daymark_worker", seen, made)
    return statements


def _policy(table: str, name: str, verb: str, role: str, using: str, check: str) -> list[str]:
    seen = f" using ({using})" if using else ""
    checked = f" with check ({check})" if check else ""
    return [
        f'drop policy if exists {name} on "{table}"',
        f'create policy {name} on "{table}" for {verb} to {role}{seen}{checked}',
    ]


def _custody(model: type[models.Model]) -> list[str]:
    if model not in patient_tables():
        return []
    table, name = model._meta.db_table, f"{model._meta.db_table}_custody"
    return [
        f"""do $$ begin if not exists (select 1 from pg_constraint where conname = '{name}') then
        alter table "{table}" add constraint {name} foreign key (patient_id, site_id)
        references patients_patient (id, site_id) on update cascade; end if; end $$"""
    ]


def _guards(model: type[models.Model], before: guards.Columns) -> list[str]:
    statements = []
    if issubclass(model, SealedEvent | SealedRow):
        statements += guards.shape_statements(model, before)
    if issubclass(model, SealedEvent) or append_only(model) or model._meta.label_lower in KEPT:
        statements += guards.keep_statements(model)
    return statements


def _definers() -> Iterable[str]:
    """Trigger functions write audit events as the owner, whoever made the change."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.oid::regprocedure::text from pg_proc p where p.proname like 'pgtrigger\\_%'"
            " or p.proname = '_pgh_attach_context'"
        )
        found = [row[0] for row in cursor.fetchall()]
    return [
        f"alter function {f} security definer set search_path = pg_catalog, public, pg_temp" for f in found
    ]
