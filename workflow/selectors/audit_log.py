"""The audit as people read it: who changed which row, who read or was refused what. Never the rows' content.

What a person may see follows from the roles: an auditor and a site_admin all events of their sites, others
their own acts. Row-level security holds beneath.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from patients.access import Principal
from patients.models import Membership, Patient
from patients.models.audit import SealedEvent
from patients.selectors.records import records

WHOLE = frozenset({"auditor", "site_admin"})
OWN = frozenset({"coordinator", "clinician"})
COUNTED = 10_000
"""Lists are counted up to here."""
EVENT = ("id", "at", "table", "change", "object", "patient", "site", "by", "request", "digest")
READ = ("id", "at", "by", "route", "method", "subject", "patients", "status", "emergency")
REFUSAL = ("id", "at", "by", "kind", "route", "method", "subject", "status")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose audit a person may read: all of some sites, own acts in others, and (`all`) what belongs to no site."""

    user: UUID
    username: str
    whole: tuple[UUID, ...]
    own: tuple[UUID, ...]
    all: bool

    @classmethod
    def of(cls, principal: Principal) -> Scope:
        held = {site: principal.at(site) for site in principal.sites()}
        whole = tuple(sorted(site for site, roles in held.items() if roles & WHOLE))
        own = tuple(sorted(site for site, roles in held.items() if roles & OWN and site not in whole))
        return cls(principal.user, principal.username, whole, own, "auditor" in principal.everywhere)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; empty means all. `site` and `patient` are ids, `by` a username."""

    table: str = ""
    change: str = ""
    object: UUID | None = None
    patient: UUID | None = None
    site: UUID | None = None
    by: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass
class Rows:
    """Rows newest first, fetched by the slice; counted up to `COUNTED`."""

    sql: str
    names: Sequence[str]
    asked: dict[str, Any] = field(default_factory=dict)

    def count(self) -> int:
        found = self._ask(f"select count(*) from ({self.sql} limit {COUNTED}) found", {"most": COUNTED})
        return int(found[0][0])

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, wanted: slice) -> list[dict[str, Any]]:
        start, stop = wanted.start or 0, wanted.stop or COUNTED
        sql = f"{self.sql} order by at desc, id desc limit %(size)s offset %(start)s"
        rows = self._ask(sql, {"most": stop, "size": stop - start, "start": start})
        return [dict(zip(self.names, row, strict=True)) for row in rows]

    def each(self) -> Iterator[dict[str, Any]]:
        """Every row, oldest of the page last; one statement, read as it comes."""
        yield from self[0 : 10**9]

    def _ask(self, sql: str, more: dict[str, Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, {**self.asked, **more})
            return list(cursor.fetchall())


@cache
def tables() -> dict[str, type[models.Model]]:
    """The audit of each table, by the name under which it is listed."""
    found = (m for m in apps.get_models() if issubclass(m, SealedEvent))
    return {m.pgh_tracked_model._meta.model_name: m for m in found}  # type: ignore[attr-defined]


def events(scope: Scope, wanted: Wanted) -> Rows:
    """Changes of rows: one statement over the audit of all tables, each asked for its newest rows by its number."""
    chosen = {n: m for n, m in tables().items() if wanted.table in ("", n)}
    parts = [part for name, model in sorted(chosen.items()) if (part := _part(name, model, scope, wanted))]
    sites = {"whole": list(scope.whole), "own": list(scope.own), "username": scope.username}
    asked = {f"w_{name}": getattr(wanted, name) for name in Wanted.__slots__}
    asked["w_records"] = _records(wanted.patient)
    nothing = f"select {', '.join(f'null as {n}' for n in EVENT)} where false"
    inside = " union all ".join(f"({part})" for part in parts) or nothing
    named = ", ".join("s.code as site" if n == "site" else f"e.{n}" for n in EVENT)
    sql = f"select {named} from ({inside}) e left join patients_site s on s.id = e.site"
    return Rows(sql, EVENT, {**sites, **asked})


def _part(name: str, model: type[models.Model], scope: Scope, wanted: Wanted) -> str:
    """One table's newest events; "" where nothing of it can be wanted or seen."""
    columns = {f.column for f in model._meta.concrete_fields}
    patient = "pgh_obj_id" if name == "patient" else "patient_id" if "patient_id" in columns else ""
    site = "pgh_obj_id" if name == "site" else "site_id" if "site_id" in columns else ""
    if (wanted.patient and not patient) or (wanted.site and not site) or not (site or scope.all):
        return ""
    told = "pgh_context ->> 'user'"
    conditions = [] if scope.all else [
        f"({site} = any(%(whole)s) or {site} = any(%(own)s) and {told} = %(username)s)"
    ]  # fmt: skip
    pairs = {"change": "pgh_label", "object": "pgh_obj_id", "patient": patient, "site": site, "by": told}
    conditions += [f"{column} {_wanted(n)}" for n, column in pairs.items() if getattr(wanted, n)]
    conditions += ["pgh_created_at >= %(w_since)s"] if wanted.since else []
    conditions += ["pgh_created_at < %(w_until)s"] if wanted.until else []
    only = f" where {' and '.join(conditions)}" if conditions else ""
    return (
        f"select '{name}:' || pgh_id as id, pgh_created_at as at, '{name}' as table, pgh_label as change,"
        f" pgh_obj_id::text as object, {patient or 'null'}::uuid as patient, {site or 'null'}::uuid as site,"
        f" coalesce({told}, '') as by, coalesce(pgh_context ->> 'request', '') as request,"
        f" encode(digest, 'hex') as digest"
        f' from "{model._meta.db_table}"{only} order by pgh_id desc limit %(most)s'
    )


def _wanted(name: str) -> str:
    """The comparison with what is asked for; a patient is asked for under all records."""
    return "= any(%(w_records)s)" if name == "patient" else f"= %(w_{name})s"


def _records(patient: UUID | None) -> list[UUID]:
    """All records of the person in view; the id itself even when nothing is left of it."""
    return sorted({patient, *(row["pk"] for row in records(patient))}) if patient else []


def reads(scope: Scope, wanted: Wanted) -> Rows:
    """Answered requests for patient data. Of other people's, those about patients at whole sites are shown."""
    conditions = [] if scope.all else ["(r.user_id = %(me)s or r.patients && %(theirs)s)"]
    if wanted.patient:
        conditions.append("(r.patients && %(w_records)s or r.subject = any(%(w_records)s::text[]))")
    named = (
        "r.patients"
        if scope.all
        else "array(select unnest(r.patients) intersect select unnest(%(seen)s::uuid[]))"
    )
    columns = f"r.id, r.at, coalesce(u.username, '') as by, r.route, r.method, r.subject, {named} as patients, r.status, r.emergency"
    return _logged("patients_readlog", columns, READ, conditions, scope, wanted)


def refusals(scope: Scope, wanted: Wanted) -> Rows:
    """Refused requests: an auditor of all sites sees all, a site's administrator those of the site's staff."""
    conditions = [] if scope.all else ["(r.user_id = %(me)s or r.user_id = any(%(staff)s))"]
    columns = "r.id, r.at, coalesce(u.username, '') as by, r.kind, r.route, r.method, r.subject, r.status"
    return _logged("patients_denial", columns, REFUSAL, conditions, scope, wanted)


def _logged(
    table: str, columns: str, names: Sequence[str], conditions: list[str], scope: Scope, wanted: Wanted
) -> Rows:
    conditions += ["u.username = %(w_by)s"] if wanted.by else []
    conditions += ["r.at >= %(w_since)s"] if wanted.since else []
    conditions += ["r.at < %(w_until)s"] if wanted.until else []
    only = f" where {' and '.join(conditions)}" if conditions else ""
    asked: dict[str, Any] = {"me": scope.user, "w_records": _records(wanted.patient), "w_by": wanted.by,
             "w_since": wanted.since, "w_until": wanted.until}  # fmt: skip
    if not scope.all:
        asked |= _seen(scope)
    sql = f"select {columns} from {table} r left join patients_user u on u.id = r.user_id{only}"
    return Rows(sql, names, asked)


def _seen(scope: Scope) -> dict[str, list[UUID]]:
    """Patients whose readers the person may know, all patients the person sees, and the staff of whole sites."""
    rows = list(Patient.objects.values_list("pk", "site_id"))
    return {
        "theirs": [pk for pk, site in rows if site in scope.whole],
        "seen": [pk for pk, _ in rows],
        "staff": list(Membership.objects.filter(site__in=scope.whole).values_list("user_id", flat=True)),
    }


def read_by_whom(patient: UUID) -> list[dict[str, Any]]:
    """Who has seen this patient, under any record: per person how often (`emergency`: by emergency access), when and where."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(u.username, ''), coalesce(u.first_name || ' ' || u.last_name, ''), count(*), min(r.at), max(r.at),"
            " array_agg(distinct r.route order by r.route), count(r.emergency) from patients_readlog r"
            " left join patients_user u on u.id = r.user_id"
            " where r.patients && %(records)s or r.subject = any(%(records)s::text[])"
            " group by 1, 2 order by max(r.at) desc",
            {"records": _records(patient)},
        )
        names = ("by", "name", "count", "first", "last", "routes", "emergency")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
