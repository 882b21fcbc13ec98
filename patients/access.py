"""Who may see which site: the only copy. Row-level security in PostgreSQL follows what is set here.

A connection starts as the role `daymark_app`, which sees no row of any patient until `enter` names the
sites in the current transaction. Whoever is a payer's analyst and nothing else acts as `daymark_payer`, which
has no right to any table with patient data. `as_owner` is for migrations, roles and bulk loading only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pghistory
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from patients.matrix import EMERGENCY
from patients.models import Membership, User

APP, WORKER, PAYER = "daymark_app", "daymark_worker", "daymark_payer"
OPENS_IN_EMERGENCY = "clinician"


@dataclass(frozen=True, slots=True)
class Emergency:
    """A live emergency access: this person may read this record of another centre until then. `zone`: the reader's."""

    id: UUID
    patient: UUID
    site: UUID
    to_site: UUID
    until: datetime
    reason: str
    zone: str


class Context(NamedTuple):
    """What PostgreSQL is told for the rest of a transaction. `shared`: the id of an emergency access, judged at `moment`."""

    sites: str = ""
    contracts: str = ""
    role: str = APP
    shared: str = ""
    moment: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person: roles per site, roles everywhere (an auditor without a site), and contracts.

    `emergency` is there only while the person reads the one record that it opens.
    """

    user: UUID
    username: str
    roles: Mapping[UUID, frozenset[str]]
    everywhere: frozenset[str] = frozenset()
    contracts: frozenset[str] = frozenset()
    emergency: Emergency | None = None

    @property
    def any_role(self) -> frozenset[str]:
        """All roles held anywhere."""
        found = set(self.everywhere)
        for roles in self.roles.values():
            found |= roles
        return frozenset(found | ({"payer_analyst"} if self.contracts else set()))

    @property
    def pays_only(self) -> bool:
        """A payer's analyst without any role at a site."""
        return bool(self.contracts) and not self.roles and not self.everywhere

    def at(self, site: UUID) -> frozenset[str]:
        """Roles held at one site."""
        reads = {EMERGENCY} if self.emergency and self.emergency.site == site else set()
        return self.roles.get(site, frozenset()) | self.everywhere | reads

    def sites(self) -> tuple[UUID, ...]:
        """Sites whose rows this person may reach."""
        return tuple(all_sites() if self.everywhere else sorted(self.roles))


def principal_of(user: User, *, reads: UUID | None = None) -> Principal:
    """The person's roles in force on the site's own date, or in UTC where a role is of no site.

    An inactive user has none; superuser alone gives none. `reads`: the one patient that a request asks to read,
    for whom an emergency access counts while the person is a clinician where it was opened.
    """
    roles: dict[UUID, set[str]] = {}
    everywhere: set[str] = set()
    contracts: set[str] = set()
    for row in _memberships(user) if user.is_active else ():
        if row.contract:
            contracts.add(row.contract)
        elif row.site_id is None:
            everywhere.add(row.role)
        else:
            roles.setdefault(row.site_id, set()).add(row.role)
    frozen = {site: frozenset(held) for site, held in roles.items()}
    who = Principal(user.pk, user.username, frozen, frozenset(everywhere), frozenset(contracts))
    found = _emergency(who, reads) if reads and OPENS_IN_EMERGENCY in who.any_role else None
    return replace(who, emergency=found)


def _emergency(who: Principal, patient: UUID) -> Emergency | None:
    with connection.cursor() as cursor:
        cursor.execute("select * from daymark_emergency(%s, %s, %s)", [who.user, patient, timezone.now()])
        row = cursor.fetchone()
    found = Emergency(*row) if row else None
    return found if found and OPENS_IN_EMERGENCY in who.roles.get(found.to_site, ()) else None


def _memberships(user: User) -> Iterable[Membership]:
    zone = models.Func("site_id", function="daymark_zone_of", output_field=models.TextField())
    now = timezone.now()
    for row in Membership.objects.filter(user=user).annotate(zone=zone):
        today = now.astimezone(ZoneInfo(row.zone or "UTC")).date()
        if row.from_date <= today and (row.to_date is None or today <= row.to_date):
            yield row


def staff_at(site: UUID, roles: Iterable[str], *, today: date) -> list[User]:
    """Active people who hold one of the roles at a site today, by username."""
    return staff_of((site,), roles, today=today)


def staff_of(sites: Iterable[UUID], roles: Iterable[str], *, today: date) -> list[User]:
    """Active people who hold one of the roles at one of the sites today, by username."""
    in_force = models.Q(memberships__to_date__isnull=True) | models.Q(memberships__to_date__gte=today)
    found = User.objects.filter(
        in_force,
        is_active=True,
        memberships__site__in=tuple(sites),
        memberships__role__in=tuple(roles),
        memberships__from_date__lte=today,
    )
    return list(found.distinct().order_by("username"))


def enter(principal: Principal) -> None:
    """Opens the person's sites and contracts for the rest of the current transaction, in the role that fits.

    A live emergency access opens its one record for reading, too.
    """
    role = PAYER if principal.pays_only else APP
    context = Context(_listed(principal.sites()), _listed(principal.contracts), role)
    if principal.emergency:
        moment = timezone.now().isoformat()
        context = context._replace(shared=str(principal.emergency.id), moment=moment)
    _put(context)


def leave(principal: Principal) -> None:
    """Ends the role of a payer's analyst, for what is written down about a request after its answer."""
    if principal.pays_only:
        _put(Context())


@contextmanager
def bookkeeping() -> Iterator[None]:
    """The role of the application without any site, for what a payer's request reads about itself."""
    with transaction.atomic():
        before = _current()
        _put(Context())
        yield
        _put(before)


@contextmanager
def site_context(sites: Iterable[UUID], *, by: str) -> Iterator[None]:
    """Opens some sites for a task or command, in a transaction of its own; audit events name `by`."""
    with transaction.atomic(), pghistory.context(user=by):
        before = _current()
        _put(Context(_listed(sites), role=_acting(before.role)))
        yield
        _put(before)


@contextmanager
def everywhere(*, by: str) -> Iterator[None]:
    """Opens all sites for a command of the operator."""
    with site_context(all_sites(), by=by):
        yield


@contextmanager
def snapshot(sites: Iterable[UUID]) -> Iterator[None]:
    """Some sites in a transaction of its own that reads one state of the database and writes nothing."""
    if connection.in_atomic_block:
        raise RuntimeError("A snapshot is a transaction of its own; this is inside another one.")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        _put(Context(_listed(sites), role=_acting(_current().role)))
        yield


def _acting(role: str) -> str:
    """Whose rights hold in a site's context: those of the application, unless the owner opens it."""
    return APP if role in (WORKER, PAYER) else role


@contextmanager
def payer_context(contracts: Iterable[str]) -> Iterator[None]:
    """What is released to the payers of some contracts, read as the role that sees nothing else."""
    with transaction.atomic():
        before = _current()
        _put(Context(contracts=_listed(contracts), role=PAYER))
        yield
        _put(before)


@contextmanager
def as_worker() -> Iterator[None]:
    """The role of background work within `everywhere`: it finds rows of all sites by any index.

    The other roles test each row for its site, which the planner takes for the better index.
    """
    before = _current()
    _put(before._replace(role=WORKER))
    yield
    _put(before)


def all_sites() -> list[UUID]:
    """Ids of all sites, whatever the context."""
    with connection.cursor() as cursor:
        cursor.execute("select daymark_all_sites()")
        return list(cursor.fetchone()[0] or [])


def zone_of(site: UUID) -> str:
    """The time zone of any site, whatever the context."""
    with connection.cursor() as cursor:
        cursor.execute("select daymark_zone_of(%s)", [site])
        return str(cursor.fetchone()[0])


def open_site(site: UUID) -> None:
    """Adds a site that is just being made to the current context."""
    before = _current()
    _put(before._replace(sites=_listed({*filter(None, before.sites.split(",")), site})))


def _listed(values: Iterable[UUID | str]) -> str:
    return ",".join(sorted(map(str, values)))


def _put(context: Context) -> None:
    """The context of the rest of the transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("Site context lives in a transaction; open one first.")
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('daymark.sites', %s, true), set_config('daymark.contracts', %s, true),"
            " set_config('role', %s, true), set_config('daymark.shared', %s, true),"
            " set_config('daymark.moment', %s, true)",
            context,
        )


def _current() -> Context:
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(current_setting('daymark.sites', true), ''),"
            " coalesce(current_setting('daymark.contracts', true), ''), current_setting('role'),"
            " coalesce(current_setting('daymark.shared', true), ''),"
            " coalesce(current_setting('daymark.moment', true), '')"
        )
        return Context(*cursor.fetchone())


@contextmanager
def as_owner() -> Iterator[None]:
    """The connection as the database owner: migrations, roles, test set-up and bulk loading only."""
    if settings.MIGRATION_DATABASE_URL:
        with _owner_connection():
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("set role none")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("reset role")


@contextmanager
def _owner_connection() -> Iterator[None]:
    """Swaps the connection for one with the owner's URL (production); never inside a transaction."""
    if connection.in_atomic_block:
        raise RuntimeError("The owner's connection cannot be opened inside a transaction.")
    app: dict[str, Any] = connection.settings_dict
    connection.close()
    connection.settings_dict = {**app, **settings.OWNER_DATABASE}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = app
