"""Makes exports: the files of one question, written in a snapshot, kept encrypted, with hash and counts.

A run that is cut off leaves the export open; the next run begins anew, and the same question gives the same
bytes. While it runs it tells how far it is, and looks whether the person who asked still may.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from django.utils import timezone

from outcomes import data
from outcomes.models import Export
from outcomes.rules.data_package import Asked
from outcomes.selectors.dataset import rule_versions
from outcomes.services import dataset_files, dataset_rows, export_keeping, subject_codes
from outcomes.services.dataset_files import Package
from outcomes.services.exports import ASKS, approved
from patients import access
from patients.access import principal_of
from patients.errors import DomainError, Invalid
from patients.models import Site, User
from patients.services.aside import alone, aside
from workflow.selectors.decisions import local_date
from workflow.selectors.horizon import horizon

LOOK_EVERY = 0.5
"""Seconds between two looks at the rights of the person who asked."""
SETTLE = 5.0
OPEN = ("queued", "running")
log = logging.getLogger("daymark")


class Stopped(Exception):
    """The person who asked may no longer have it, or the export is no longer open."""


def run_open() -> int:
    """Makes every export that waits, oldest first, and those that an ended process left. Returns how many."""
    with access.everywhere(by="worker"):
        waiting = list(
            Export.objects.filter(state__in=OPEN).order_by("requested_at").values_list("pk", flat=True)
        )
    return sum(run(export=pk) for pk in waiting)


def run(*, export: UUID) -> bool:
    """Makes one export. False when it is not open, or another process makes it at this moment."""
    with alone(f"export:{export}") as mine:
        if not mine or (row := _begun(export)) is None:
            return False
        try:
            _make(row)
        except Stopped as error:
            _end(row, "stopped", str(error))
        except DomainError as error:
            _end(row, "failed", error.detail)
        except Exception:
            log.exception("export %s failed", export)
            _end(row, "failed", "It could not be made; the operator's log says more.")
        return True


def _begun(export: UUID) -> Export | None:
    """The export with its question settled: a date and an instant that a later run will use again."""
    with access.everywhere(by="worker"):
        row = Export.objects.select_for_update().filter(pk=export, state__in=OPEN).first()
        if row is None:
            return None
        row.state, row.started_at = "running", timezone.now()
        row.as_known_at = row.as_known_at or settled(row.started_at)
        row.as_of = row.as_of or day_of(row.site_ids, row.as_known_at)
        row.save(update_fields=["state", "started_at", "as_known_at", "as_of"])
        return row


def settled(moment: datetime, asked: datetime | None = None) -> datetime:
    """The instant asked for, or the latest at which all that was recorded is visible; waits a little for it.

    Raises Invalid when a write that began before the asked instant does not end.
    """
    wanted = asked or moment
    deadline = time.monotonic() + SETTLE
    while (found := horizon(wanted)) < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    if asked is not None and found < asked:
        raise Invalid.at("/as_known_at", "open", "Something is being recorded at that instant; ask again.")
    return found


def day_of(sites: Sequence[UUID], moment: datetime) -> date:
    """Today: the date that has begun at every one of the sites."""
    zones = Site.objects.filter(pk__in=sites).values_list("timezone", flat=True)
    return min((local_date(moment, zone) for zone in zones), default=moment.date())


def _make(row: Export) -> None:
    asked = asked_of(row)
    with TemporaryDirectory(prefix="daymark-export-") as name:
        folder = Path(name)
        package = package_of(folder, asked, row.site_ids, row.requester, _Watch(row))
        with access.site_context(row.site_ids, by=row.requester):
            _refuse(row)
            export_keeping.keep(row, folder, package)


def package_of(
    folder: Path, asked: Asked, sites: Sequence[UUID], by: str, told: dataset_files.Told
) -> Package:
    """Codes are drawn, stored lines brought up to date where the question is about today, files written."""
    contract = asked.contract["code"]
    with access.site_context(sites, by=by):
        subject_codes.draw(contract)
        today = day_of(sites, timezone.now())
    if asked.as_of == today:
        dataset_rows.freshen(contract, today, sites=sites, by=by, told=lambda seen: told(0, seen))
    return dataset_files.write(folder, asked, sites, told)


def asked_of(row: Export) -> Asked:
    """The question of an export as its manifest tells it."""
    assert row.as_of is not None and row.as_known_at is not None
    with access.site_context(row.site_ids, by=row.requester):
        codes = (
            [] if row.whole else list(Site.objects.filter(pk__in=row.site_ids).values_list("code", flat=True))
        )
    return Asked(
        contract=contract_told(row.contract),
        profile=row.profile,
        as_of=row.as_of,
        as_known_at=row.as_known_at,
        formats=row.formats,
        requester=row.requester,
        reason=row.reason,
        determination=row.determination,
        sites=codes,
        rule_versions=rule_versions(row.contract),
    )


def contract_told(code: str) -> dict[str, Any]:
    """How a manifest names a contract; an invented one says so."""
    found = data.find_contract(code)
    assert found is not None
    return {
        "id": str(data.contract_id(found)), "code": found.code, "title": found.title, "payer": found.payer,
        "invented": found.invented,
    }  # fmt: skip


class _Watch:
    """Hears how far a run is: writes it down, and stops the run when the person may no longer have it."""

    def __init__(self, row: Export) -> None:
        self._row, self._looked = row, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            aside(lambda: self._look(done, total))

    def _look(self, done: int, total: int) -> None:
        with access.site_context(self._row.site_ids, by=self._row.requester):
            _refuse(self._row)
            Export.objects.filter(pk=self._row.pk, state="running").update(done=done, total=total)


def _refuse(row: Export) -> None:
    """Raises Stopped when the export is closed, or the person who asked lost the right to it."""
    if not Export.objects.filter(pk=row.pk, state="running").exists():
        raise Stopped("The export is no longer open.")
    if row.requested_by_id is None:
        return
    principal = principal_of(User.objects.get(pk=row.requested_by_id))
    held = [ASKS in principal.at(site) for site in row.site_ids]
    if not any(held) or (not row.whole and not all(held)):
        raise Stopped("The person who asked no longer has the right to it.")
    if row.whole and not approved(row, row.requester):
        raise Stopped("A site has not approved it.")


def _end(row: Export, state: str, error: str) -> None:
    with access.site_context(row.site_ids, by=row.requester):
        Export.objects.filter(pk=row.pk).update(state=state, error=error, finished_at=timezone.now())
