"""Exports are asked for, approved by each site, and found again. Making them is `export_run`'s work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from outcomes import data
from outcomes.models import Export, ExportApproval
from outcomes.rules.aggregate import LEAST
from outcomes.rules.dataset_tables import HARBOR
from outcomes.selectors import exports as selector
from patients import access
from patients.access import Principal
from patients.errors import Conflict, Fault, Forbidden, Invalid, TooMany
from patients.models import Site
from workflow.selectors.acts import patients_with
from workflow.selectors.stale import treated

HOUR = timedelta(hours=1)
ASKS, APPROVES = "coordinator", "site_admin"


def request(*, fields: Mapping[str, Any], principal: Principal, at: datetime | None = None) -> Export:
    """Asks for an export of the caller's own sites, or of the whole contract (`scope` "contract").

    `fields`: contract, profile, formats, as_of, as_known_at, scope, site, reason, determination. One of the
    whole contract waits until each site with an enrolled patient has approved. Raises Invalid with every
    fault at once, TooMany beyond the hourly quota.
    """
    moment = at or timezone.now()
    own = _own_sites(principal, fields.get("site") or "")
    whole = fields.get("scope") == "contract"
    found = data.find_contract(fields["contract"])
    _refuse_faults(fields, found is not None, moment)
    assert found is not None
    _within_quota(principal, moment)
    sites = _enrolled_sites(found.code, principal.username) if whole else own
    if whole and not sites:
        raise Invalid.at("/contract", "nobody", "Nobody is enrolled in this contract.")
    _refuse_few(found.code, fields, sites, principal.username)
    return Export.objects.create(
        contract=found.code,
        profile=fields["profile"],
        formats=list(fields["formats"]),
        site_ids=sorted(sites),
        whole=whole,
        as_of=fields.get("as_of"),
        as_known_at=fields.get("as_known_at"),
        reason=fields.get("reason") or "",
        determination=fields.get("determination") or "",
        requester=principal.username,
        requested_by_id=principal.user,
        requested_at=moment,
        state="awaiting_approval" if whole else "queued",
    )


def _own_sites(principal: Principal, code: str) -> list[UUID]:
    """Sites at which the person may ask for exports; one of them, where its code is given."""
    held = [site for site, roles in principal.roles.items() if ASKS in roles]
    if not code:
        return held
    found = Site.objects.filter(code=code).first()
    if found is None:
        raise Invalid.at("/site", "unknown", f"There is no site “{code}”.")
    if found.pk not in held:
        raise Forbidden("Your role at this site does not allow this.")
    return [found.pk]


def _refuse_faults(fields: Mapping[str, Any], known: bool, moment: datetime) -> None:
    faults = []
    if not known:
        faults.append(Fault("/contract", "unknown", f"There is no contract “{fields['contract']}”."))
    if fields.get("as_known_at") and fields["as_known_at"] > moment:
        faults.append(Fault("/as_known_at", "future", "“as_known_at” must not lie in the future."))
    if faults:
        raise Invalid.of(*faults)


def _within_quota(principal: Principal, moment: datetime) -> None:
    """The rows themselves are counted, one request of a person after the other: nothing resets the count."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 3))", [principal.username])
    asked = Export.objects.filter(requester=principal.username, requested_at__gt=moment - HOUR)
    within(asked.order_by("requested_at").values_list("requested_at", flat=True), moment)


def within(times: Iterable[datetime], moment: datetime) -> None:
    """Raises TooMany when as many as the quota allows lie in the last hour. `times`: oldest first."""
    found = list(times)
    if len(found) >= settings.EXPORTS_PER_HOUR:
        free = found[len(found) - settings.EXPORTS_PER_HOUR] + HOUR
        wait = max(1, int((free - moment).total_seconds()))
        limit = settings.EXPORTS_PER_HOUR
        raise TooMany(f"At most {limit} exports in an hour; ask again later.", retry_after=wait)


def _enrolled_sites(contract: str, by: str) -> list[UUID]:
    with access.everywhere(by=by):
        return selector.enrolled_sites(contract)


def _refuse_few(contract: str, fields: Mapping[str, Any], sites: Sequence[UUID], by: str) -> None:
    """Too few subjects are told at once where that is certain; the run counts again."""
    if fields["profile"] != HARBOR or fields.get("determination"):
        return
    with access.site_context(sites, by=by):
        if treated(patients_with("enrolment", contract)) < LEAST:
            raise too_few()


def too_few() -> Invalid:
    return Invalid.at(
        "/profile", "too-few-subjects",
        f"Fewer than {LEAST} subjects: give the reference of an expert's determination, or ask for the aggregate.",
    )  # fmt: skip


def approve(*, export: Export, principal: Principal, at: datetime | None = None) -> Export:
    """Lets out the part of each site that the person administers. The last approval of an export of the whole
    contract puts it in the queue. Approving again changes nothing."""
    own = [s for s in export.site_ids if APPROVES in principal.at(s)]
    if not own:
        raise Forbidden("Only an administrator of a site in this export may approve it.")
    moment = at or timezone.now()
    with transaction.atomic():
        locked = Export.objects.select_for_update().get(pk=export.pk)
        if locked.state in ("failed", "stopped"):
            raise Conflict("This export was not made; ask for a new one.")
        for site in own:
            ExportApproval.objects.get_or_create(
                export=locked, site_id=site, defaults={"by": principal.username, "at": moment}
            )
        if locked.state == "awaiting_approval" and approved(locked, principal.username):
            locked.state = "queued"
            locked.save(update_fields=["state"])
        return locked


def approved(export: Export, by: str) -> bool:
    """Whether every site of the export has approved; the approvals of other sites are not shown, only counted."""
    with access.site_context(export.site_ids, by=by):
        return ExportApproval.objects.filter(export=export).count() == len(export.site_ids)
