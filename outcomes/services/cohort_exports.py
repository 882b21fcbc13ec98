"""Data sets of the invented cohort: one for the sites, and one released to the contract's payer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcomes.models import Export
from outcomes.services import export_run, exports, publications
from patients.access import Principal, principal_of, site_context
from patients.models import User

CONTRACT = "sample-level"
DETERMINATION = "Expert determination DEMO-1 (invented)"


def make(*, asks: str, approves: str) -> bool:
    """Two exports of the contract, asked for by one person; the de-identified one is approved and released by the
    other. False when there are some already. Each step is a transaction of its own."""
    coordinator, administrator = _principal(asks), _principal(approves)
    with site_context(coordinator.sites(), by=asks):
        if Export.objects.filter(contract=CONTRACT).exists():
            return False
    _made(
        coordinator, {"profile": "limited_data_set", "formats": ["csv", "xlsx"], "reason": "Quarterly report"}
    )
    told = {"profile": "safe_harbor", "formats": ["csv", "parquet"], "determination": DETERMINATION}
    released = _made(coordinator, told)
    with site_context(administrator.sites(), by=approves):
        exports.approve(export=released, principal=administrator)
        publications.publish(export=released, principal=administrator)
    return True


def _made(principal: Principal, told: Mapping[str, Any]) -> Export:
    with site_context(principal.sites(), by=principal.username):
        row = exports.request(fields={"contract": CONTRACT, **told}, principal=principal)
    export_run.run(export=row.pk)
    with site_context(principal.sites(), by=principal.username):
        row.refresh_from_db()
    return row


def _principal(username: str) -> Principal:
    return principal_of(User.objects.get(username=username))
