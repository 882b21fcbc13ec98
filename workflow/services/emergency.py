"""Emergency access: a clinician reads one record of another centre for an hour, and its custodian reviews that.

The custodian's people are told in the same transaction. Nothing can be written by such an access: it opens rows of
one patient for reading only, and only for a request that names this patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from patients.access import OPENS_IN_EMERGENCY, Principal, site_context
from patients.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from patients.models import PatientAccess, Site
from patients.services import emergency
from workflow import data
from workflow.selectors.emergencies import emergency_of, live
from workflow.services import ledger

ROUTES = ("api:emergencies", "admin:emergency")
CARE = frozenset({"coordinator", "clinician"})
CUSTODIANS = frozenset({"clinician", "site_admin"})
REVIEWERS = frozenset({"site_admin", "auditor"})
NOBODY = (
    "No patient of another centre fits. Check the code, or the centre and the number, and the date of birth."
)
CALL = "Too many tries that named nobody. Try again in 15 minutes, or call the centre."


def open_record(*, who: Principal, fields: Mapping[str, Any], at: datetime | None = None) -> PatientAccess:
    """Opens the one record that centre and number, or code, and date of birth together name, for 60 minutes.

    Raises NotFound when they name none: what is wrong is not said. Raises TooMany after five such answers within
    15 minutes. A record that is open to this person stays open as it was.
    """
    moment = at or timezone.now()
    with transaction.atomic():
        if emergency.locked(person=who.user, routes=ROUTES, at=moment):
            raise TooMany(CALL, retry_after=int(emergency.WITHIN.total_seconds()))
        home = _home(who, fields.get("from_site", ""))
        own = [site for site in who.sites() if who.at(site) & CARE]
        found = emergency.opened(
            person=who.user, home=home.pk, own=own, told=fields, born=fields["birth_date"],
            reason=fields["reason"], at=moment,
        )  # fmt: skip
        if found is None:
            raise NotFound(NOBODY)
        row = PatientAccess.objects.get(pk=found[0])
        if found[1]:
            with site_context([row.site_id], by=who.username):
                ledger.emergency_access(row, at=moment)
        return row


def _home(who: Principal, code: str) -> Site:
    """The centre at which the person acts as a clinician."""
    mine = [site for site, roles in who.roles.items() if OPENS_IN_EMERGENCY in roles]
    sites = Site.objects.filter(pk__in=mine)
    found = list(sites.filter(code=code) if code else sites)
    if len(found) != 1:
        known = ", ".join(sorted(s.code for s in sites))
        raise Invalid.at("/from_site", "unknown", f"Name the centre where you work as a clinician: {known}.")
    return found[0]


def end(*, access: UUID, who: Principal, at: datetime | None = None) -> PatientAccess:
    """Ends an access before its hour is over: whoever opened it, or a clinician or administrator of the custodian.

    Raises NotFound for an access that is none of theirs, Forbidden for other roles, Conflict when it has ended.
    """
    moment = at or timezone.now()
    with transaction.atomic():
        row = emergency_of(access, who, locked=True)
        if row.person_id != who.user and not who.at(row.site_id) & CUSTODIANS:
            raise Forbidden("Whoever opened the record, or its own centre, ends the access.")
        if not live(row, moment):
            raise Conflict("This access has ended.")
        row.ended_at, row.ended_by = moment, who.username
        row.save(update_fields=["ended_at", "ended_by"])
        return row


def review(
    *, access: UUID, who: Principal, found: str, review: str, at: datetime | None = None
) -> PatientAccess:
    """The custodian's judgement, once: `found` "right" or "not-right", with words.

    Raises NotFound for an access that is none of theirs, Forbidden for other roles and for the person who had the
    access, Conflict when it was reviewed.
    """
    with transaction.atomic():
        row = emergency_of(access, who, locked=True)
        if not who.at(row.site_id) & REVIEWERS or row.person_id == who.user:
            raise Forbidden(
                "An administrator or auditor of the patient's centre reviews the access of others."
            )
        if row.reviewed_at is not None:
            raise Conflict("This access was reviewed already.")
        row.found, row.review = found, review
        row.reviewed_at, row.reviewed_by = at or timezone.now(), who.username
        row.save(update_fields=["found", "review", "reviewed_at", "reviewed_by"])
        return row


def escalate(*, at: datetime) -> None:
    """Tells of accesses that nobody has reviewed within the days of the file."""
    file = data.reminders()
    last = at - timedelta(days=file.review_days)
    rows = PatientAccess.objects.filter(
        found="", from_at__lte=last, from_at__gt=last - timedelta(days=file.tells_for_days)
    )
    for row in rows.select_related("site"):
        ledger.emergency_unreviewed(row, at=at)
