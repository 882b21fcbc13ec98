"""Notices enter the ledger in the transaction of the fact that caused them; sending is somebody else's work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from patients.access import staff_at, zone_of
from patients.ids import new_id
from patients.models import Inbound, PatientAccess, Site, User
from workflow.models import Notice, Pathway
from workflow.selectors.decisions import local_date

ALERT_ROLES = ("coordinator", "clinician")
FALLBACK = ("site_admin",)
IMPORT_ROLES = ("coordinator",)
SILENT = "scheduler_silent"
CUSTODIANS = ("clinician", "site_admin")
REVIEWERS = ("clinician", "site_admin", "auditor")


def alert_notices(
    pathway: Pathway, new: Mapping[UUID, datetime], again: Iterable[UUID], *, at: datetime
) -> None:
    """One notice per person for each alert that needs a decision: coordinators and clinicians of the site.

    Where none of them has an address, the site's administrators are told instead.
    `new`: alerts with since when they ask; those told since then are not told again. `again`: alerts that
    were closed and opened again. Each opening is one occurrence, so repeating writes nothing twice.
    """
    again = list(again)
    if not new and not again:
        return
    told = _told([*new, *again])
    due = [pk for pk, asked_at in new.items() if pk not in told or told[pk][1] < asked_at]
    people = _team(pathway, at)
    _enter(
        _alert(pathway, alert, person.pk, told.get(alert, (0, at))[0] + 1, at)
        for alert in (*due, *again)
        for person in people
    )


def _team(pathway: Pathway, at: datetime) -> list[User]:
    today = local_date(at, pathway.site.timezone)
    return _reached(staff_at(pathway.site_id, ALERT_ROLES, today=today)) or _reached(
        staff_at(pathway.site_id, FALLBACK, today=today)
    )


def _told(alerts: Sequence[UUID]) -> dict[UUID, tuple[int, datetime]]:
    """Per alert how often it was told and when last."""
    keys = {f"alert:{alert}": alert for alert in alerts}
    rows = Notice.objects.filter(key__in=keys, rule="alert").values_list("key", "occurrence", "created_at")
    found: dict[UUID, tuple[int, datetime]] = {}
    for key, occurrence, created_at in rows:
        count, last = found.get(keys[key], (0, created_at))
        found[keys[key]] = (max(count, int(occurrence)), max(last, created_at))
    return found


def ask_second(pathway: Pathway, rule: str, about: UUID, people: Iterable[User], *, at: datetime) -> None:
    """Tells clinicians at once that a colleague needs their word: rule "override" or "void" of an infusion."""
    _enter(_alert(pathway, about, person.pk, 1, at, rule) for person in _reached(people))


def export_ready(*, export: UUID, site: Site, people: Iterable[User], at: datetime) -> None:
    """Tells those who asked for an export that its files can be fetched. `site`: one the export is about."""
    _enter(_plain("export_ready", f"export:{export}", site.pk, person.pk, at) for person in _reached(people))


def intake_failed(inbound: Inbound, *, at: datetime) -> None:
    """Tells the person who gave the file and the site's coordinators, once, that it could not be imported."""
    today = local_date(at, inbound.site.timezone)
    gave = User.objects.filter(username=inbound.by, is_active=True)
    people = {p.pk: p for p in (*gave, *staff_at(inbound.site_id, IMPORT_ROLES, today=today))}
    key = f"import:{inbound.pk}"
    _enter(_plain("intake_failed", key, inbound.site_id, p.pk, at) for p in _reached(people.values()))


def died_imports(*, before: datetime, at: datetime) -> None:
    """Imports that were begun before some instant and have no outcome yet: told as failed."""
    left = Inbound.objects.filter(Q(state="waiting") | Q(state="queued"), at__lt=before)
    for inbound in left.select_related("site"):
        intake_failed(inbound, at=at)


def scheduler_silent(*, since: datetime, at: datetime) -> None:
    """Tells the administrators of every site and the superusers that no reminder is sent, once per silence."""
    occurrence = f"{since:%Y-%m-%dT%H:%M:%SZ}"
    if Notice.objects.filter(kind=SILENT, occurrence=occurrence).exists():
        return
    sites = list(Site.objects.order_by("code"))
    superusers = User.objects.filter(is_superuser=True, is_active=True)
    people = {person.pk: site for site in sites[:1] for person in _reached(superusers)}
    for site in sites:
        admins = staff_at(site.pk, FALLBACK, today=local_date(at, site.timezone))
        people |= {person.pk: site for person in _reached(admins)}
    _enter(_plain(SILENT, "scheduler", site.pk, pk, at, occurrence) for pk, site in people.items())


def emergency_access(access: PatientAccess, *, at: datetime) -> None:
    """Tells clinicians and administrators of the custodian, at once, that one of its records was opened elsewhere."""
    _enter_access(access, "emergency_access", "emergency_access", CUSTODIANS, at)


def emergency_unreviewed(access: PatientAccess, *, at: datetime) -> None:
    """Tells the same people and the centre's auditors, once, that nobody has reviewed it."""
    _enter_access(access, "escalation", "emergency-escalation", REVIEWERS, at)


def _enter_access(access: PatientAccess, kind: str, rule: str, roles: Iterable[str], at: datetime) -> None:
    key, today = f"emergency:{access.pk}", local_date(at, zone_of(access.site_id))
    people = _reached(staff_at(access.site_id, roles, today=today))
    _enter(_plain(kind, key, access.site_id, p.pk, at, rule=rule, urgency=0) for p in people)


def _reached(people: Iterable[User]) -> list[User]:
    return [person for person in people if person.email]


def _enter(rows: Iterable[Notice]) -> None:
    Notice.objects.bulk_create(rows, ignore_conflicts=True)


def _plain(
    kind: str, key: str, site: UUID, recipient: UUID, at: datetime, occurrence: str = "1", *,
    rule: str = "", urgency: int = 1,
) -> Notice:  # fmt: skip
    """A notice that names no patient."""
    return Notice(
        id=new_id(), site_id=site, key=key, kind=kind, rule=rule or kind, occurrence=occurrence, recipient_id=recipient,
        urgency=urgency, due_at=at, created_at=at, next_try_at=at,
    )  # fmt: skip


def _alert(
    pathway: Pathway, about: UUID, recipient: UUID, occurrence: int, at: datetime, rule: str = "alert"
) -> Notice:
    return Notice(
        id=new_id(),
        site_id=pathway.site_id,
        patient_id=pathway.patient_id,
        key=f"{rule}:{about}",
        kind="alert",
        rule=rule,
        urgency=0,
        occurrence=str(occurrence),
        recipient_id=recipient,
        due_at=at,
        created_at=at,
        next_try_at=at,
    )
