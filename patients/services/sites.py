"""Sites, their dated settings, and the staff that works there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.db import transaction
from django.utils import timezone as clock

from patients import access
from patients.errors import Conflict, Invalid, NotFound, Stale
from patients.ids import new_id
from patients.models import ROLES, Membership, Site, SiteSetting, Source, User


def create_site(*, code: str, name: str, timezone: str, npi: str = "") -> Site:
    """Makes a site. Raises Invalid for an unknown time zone, Conflict when the code is taken."""
    if timezone not in available_timezones():
        raise Invalid.at("/timezone", "unknown", f"“{timezone}” is no IANA time zone, such as Europe/Berlin.")
    pk = new_id()
    with transaction.atomic():
        access.open_site(pk)
        site, made = Site.objects.get_or_create(
            code=code, defaults={"id": pk, "name": name, "timezone": timezone, "npi": npi}
        )
        if not made:
            raise Conflict(f"There is a site “{code}” already.")
    return site


def change_site(*, site: UUID, fields: Mapping[str, Any], expected: int) -> Site:
    """Changes name, time zone or NPI. `expected` is the version the caller has seen; else Stale."""
    with transaction.atomic():
        row = Site.objects.select_for_update().filter(pk=site).first()
        if row is None:
            raise NotFound("There is no such site.")
        if row.version != expected:
            current = {name: getattr(row, name) for name in fields}
            raise Stale("Somebody else saved first.", current=current, submitted=dict(fields))
        if fields.get("timezone", row.timezone) not in available_timezones():
            raise Invalid.at("/timezone", "unknown", "Give an IANA time zone, such as Europe/Berlin.")
        for name, value in fields.items():
            setattr(row, name, value)
        row.version += 1
        row.save(update_fields=[*fields, "version"])
        return row


def set_up(
    *,
    site: Site,
    kind: str,
    key: str,
    by: str,
    from_on: date | None = None,
    to_on: date | None = None,
    payload: Mapping[str, Any] | None = None,
    at: datetime | None = None,
    again: bool = False,
) -> SiteSetting:
    """Adds a dated setting (certification, holiday, override, escalation); the same one twice is one.

    `again`: what an older row said is said anew where another row came after it, because the newest decides.
    """
    rows = SiteSetting.objects.filter(site=site, kind=kind, key=key).order_by("-recorded_at", "-pk")
    told = (from_on, to_on, dict(payload or {}))
    looked_at = rows[:1] if again else rows
    found = next((r for r in looked_at if (r.from_on, r.to_on, r.payload) == told), None)
    if found is not None:
        return found
    return SiteSetting.objects.create(
        site=site,
        kind=kind,
        key=key,
        from_on=from_on,
        to_on=to_on,
        payload=dict(payload or {}),
        recorded_at=at or clock.now(),
        by=by,
    )


def create_staff(
    *,
    username: str,
    email: str,
    role: str,
    site: Site | None = None,
    contract: str = "",
    since: date | None = None,
) -> User:
    """Makes a person (if new) and gives a role at a site, or for a contract. The same twice is one.

    `since`: the role's first day; without it the site's own date, or that of UTC where there is no site.
    """
    if role not in ROLES:
        raise Invalid.at("/role", "unknown", f"Known roles are {', '.join(ROLES)}.")
    with transaction.atomic():
        user = User.objects.filter(username=username).first() or _person(username, email)
        _grant(user, role, site, contract, since or _today(site))
    return user


def _today(site: Site | None) -> date:
    """The site's own date, from which a role holds; UTC where there is no site."""
    return clock.now().astimezone(ZoneInfo(site.timezone if site else "UTC")).date()


def _person(username: str, email: str) -> User:
    user = User(username=username, email=email)
    user.set_unusable_password()
    user.save()
    return user


def _grant(user: User, role: str, site: Site | None, contract: str, since: date) -> None:
    Membership.objects.get_or_create(
        user=user, role=role, site=site, contract=contract, to_date=None, defaults={"from_date": since}
    )
    if role in ("coordinator", "clinician", "site_admin") and not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])


def create_source(
    *,
    code: str,
    site: Site,
    mrn_authorities: list[str] | None = None,
    timezone: str = "",
    default_uln: Mapping[str, str] | None = None,
    sending_app: str = "",
    sending_facility: str = "",
    decimal: str = ".",
    iso_times: bool = False,
) -> Source:
    """Makes a laboratory source of a site, or returns the one with this code."""
    zone = timezone or site.timezone
    ZoneInfo(zone)
    source, _ = Source.objects.get_or_create(
        code=code,
        defaults={
            "site": site,
            "mrn_authorities": mrn_authorities or [],
            "timezone": zone,
            "default_uln": dict(default_uln or {}),
            "sending_app": sending_app,
            "sending_facility": sending_facility,
            "decimal": decimal,
            "iso_times": iso_times,
        },
    )
    return source
