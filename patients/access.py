"""Who may see which site: the only copy. Row-level security in PostgreSQL follows what is set here.

A connection starts as the role `daymark_app`, which sees no row of any patient until `enter` names the
sites in the current transaction. Whoever is a payer's analyst and nothing else acts as `daymark_payer`, which
has no right to any table with patient data. `as_owner` is for migrations, roles and bulk loading only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pghistory
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from patients.models import Membership, User

APP, WORKER, PAYER = "daymark_app", "daymark_worker", "daymark_payer"


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person: roles per site, roles everywhere (an auditor without a site), and contracts."""

    user: UUID
    username: str
    roles: Mapping[UUID, frozenset[str]]
    everywhere: frozenset[str] = frozenset()
    contracts: frozenset[str] = frozenset()

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
        return self.roles.get(site, frozenset()) | self.everywhere

    def sites(self) -> tuple[UUID, ...]:
        """Sites whose rows this person may reach."""
        return tuple(all_sites() if self.everywhere else sorted(self.roles))


def principal_of(user: User) -> Principal:
    """The person's roles in force on the site's own date, or in UTC where a role is of no site.

    An inactive user has none; superuser alone gives none.
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
    return Principal(user.pk, user.username, frozen, frozenset(everywhere), frozenset(contracts))


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
    """Opens the person's sites and contracts for the rest of the current transaction, in the role that fits."""
    _put((_listed(principal.sites()), _listed(principal.contracts), PAYER if principal.pays_only else APP))


def leave(principal: Principal) -> None:
    """Ends the role of a payer's analyst, for what is written down about a request after its answer."""
    if principal.pays_only:
        _put(("", "", APP))


@contextmanager
def bookkeeping() -> Iterator[None]:
    """The role of the application without any site, for what a payer's request reads about itself."""
    with transaction.atomic():
        before = _current()
        _put(("", "", APP))
        yield
        _put(before)


@contextmanager
def site_context(sites: Iterable[UUID], *, by: str) -> Iterator[None]:
    """Opens some sites for a task or command, in a transaction of its own; audit events name `by`."""
    with transaction.atomic(), pghistory.context(user=by):
        before = _current()
        _put((_listed(sites), "", _acting(before[2])))
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
        _put((_listed(sites), "", _acting(_current()[2])))
        yield


def _acting(role: str) -> str:
    """Whose rights hold in a site's context: those of the application, unless the owner opens it."""
    return APP if role in (WORKER, PAYER) else role


@contextmanager
def payer_context(contracts: Iterable[str]) -> Iterator[None]:
    """What is released to the payers of some contracts, read as the role that sees nothing else."""
    with transaction.atomic():
        before = _current()
        _put(("", _listed(contracts), PAYER))
        yield
        _put(before)


@contextmanager
def as_worker() -> Iterator[None]:
    """The role of background work within `everywhere`: it finds rows of all sites by any index.

    The other roles test each row for its site, which the planner takes for the better index.
    """
    sites, contracts, role = _current()
    _put((sites, contracts, WORKER))
    yield
    _put((sites, contracts, role))


def all_sites() -> list[UUID]:
    """Ids of all sites, whatever the context."""
    with connection.cursor() as cursor:
        cursor.execute("select daymark_all_sites()")
        return list(cursor.fetchone()[0] or [])


def open_site(site: UUID) -> None:
    """Adds a site that is just being made to the current context."""
    sites, contracts, role = _current()
    _put((_listed({*filter(None, sites.split(",")), site}), contracts, role))


def _listed(values: Iterable[UUID | str]) -> str:
    return ",".join(sorted(map(str, values)))


def _put(context: tuple[str, str, str]) -> None:
    """Sites, contracts and role of the rest of the transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("Site context lives in a transaction; open one first.")
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('daymark.sites', %s, true), set_config('daymark.contracts', %s, true),"
            " set_config('role', %s, true)",
            context,
        )


def _current() -> tuple[str, str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(current_setting('daymark.sites', true), ''),"
            " coalesce(current_setting('daymark.contracts', true), ''), current_setting('role')"
        )
        found: tuple[str, str, str] = cursor.fetchone()
        return found


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
