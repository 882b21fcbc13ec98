"""A site's settings that decisions rest on: recorded, and every patient of the site decided again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from patients.errors import Invalid
from patients.models import Site, SiteSetting
from patients.services import sites
from workflow import data
from workflow.models import Pathway
from workflow.models.pathway import MERGED
from workflow.rules import overrides, reminders
from workflow.rules.protocol import Protocol
from workflow.rules.site_settings import Setting
from workflow.services import apply


def certify(
    *,
    site: Site,
    pathway: str,
    by: str,
    from_on: date | None = None,
    to_on: date | None = None,
    at: datetime | None = None,
) -> SiteSetting:
    """Records from when to when a site is certified for a pathway; a later row ends an earlier one.

    Raises Invalid for an unknown pathway and for an end before the beginning.
    """
    if pathway not in data.codes("pathway"):
        raise Invalid.at("/pathway", "unknown", f"Known are {', '.join(sorted(data.codes('pathway')))}.")
    return _recorded(site, "certification", pathway, {}, by, from_on, to_on, at)


def override(
    *,
    site: Site,
    name: str,
    value: str,
    by: str,
    from_on: date | None = None,
    to_on: date | None = None,
    at: datetime | None = None,
) -> SiteSetting:
    """Sets the site's own number in place of one of ours that is an assumption, from today or `from_on` on.

    `name` is one of `workflow.rules.overrides.names`. Raises Invalid for another name, for a value that is no
    such number, and for an end before the beginning.
    """
    like = next((overrides.number(p, name) for p in _protocols() if name in set(overrides.names(p))), None)
    if like is None:
        raise Invalid.at("/name", "unknown", f"{name} is no number that a site may set.")
    row = Setting(kind="override", key=name, recorded_at=at or timezone.now(), payload={"value": value})
    if overrides.value_of(row, like) is None:
        raise Invalid.at("/value", "invalid", f"{value} is no number that can stand for {name} ({like}).")
    return _recorded(site, "override", name, {"value": value}, by, from_on, to_on, at)


def escalate(
    *,
    site: Site,
    role: str,
    days: int,
    by: str,
    from_on: date | None = None,
    to_on: date | None = None,
    at: datetime | None = None,
) -> SiteSetting:
    """After how many days a clinician or the site's administrator hears of an overdue task at this site.

    Raises Invalid for another role, and for a number that is not between 1 and 365.
    """
    if role not in reminders.ROLES:
        raise Invalid.at("/role", "unknown", f"Known are {', '.join(reminders.ROLES)}.")
    if not 1 <= days <= 365:
        raise Invalid.at("/days", "invalid", "Give a number of days between 1 and 365.")
    with transaction.atomic():
        row = _set_up(
            site, reminders.ESCALATION, role, {"value": days}, by, from_on, to_on, at or timezone.now()
        )
        Pathway.objects.filter(site=site).update(noticed_seq=-1)
    return row


def _protocols() -> Iterator[Protocol]:
    """The newest version of each pathway under the newest version of each policy that covers it."""
    for pathway in sorted(data.codes("pathway")):
        for policy in sorted(data.codes("policy")):
            if data.covered(pathway, policy):
                yield data.protocol(pathway, None, policy, None)


def _recorded(
    site: Site,
    kind: str,
    key: str,
    payload: dict[str, Any],
    by: str,
    from_on: date | None,
    to_on: date | None,
    at: datetime | None,
) -> SiteSetting:
    moment = at or timezone.now()
    with transaction.atomic():
        row = _set_up(site, kind, key, payload, by, from_on, to_on, moment)
        _decide_again(site, moment)
    return row


def _set_up(
    site: Site,
    kind: str,
    key: str,
    payload: dict[str, Any],
    by: str,
    from_on: date | None,
    to_on: date | None,
    at: datetime,
) -> SiteSetting:
    if from_on is not None and to_on is not None and to_on < from_on:
        raise Invalid.at("/to_on", "order", "The last day must not lie before the first.")
    return sites.set_up(
        site=site, kind=kind, key=key, by=by, from_on=from_on, to_on=to_on, payload=payload, at=at, again=True
    )  # fmt: skip


def _decide_again(site: Site, at: datetime) -> None:
    rows = Pathway.objects.select_for_update(of=("self",)).select_related("site", "patient__site")
    decided = rows.filter(site=site).exclude(phase=MERGED).order_by("pk")
    apply.decide_all(dict.fromkeys(decided, at))
