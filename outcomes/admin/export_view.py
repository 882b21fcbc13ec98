"""Exports in the words of the page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from outcomes import data
from outcomes.models import Export
from outcomes.rules.dataset_tables import AGGREGATE, HARBOR, LIMITED
from outcomes.selectors import exports as selector
from outcomes.selectors.export_preview import Preview
from outcomes.services.downloads import READS
from outcomes.services.exports import APPROVES
from patients.access import Principal
from patients.errors import Fault
from patients.rules.words import counted
from workflow.admin import marks

PROFILES = (
    (LIMITED, "Limited data set", "keeps dates and the site; needs a data use agreement"),
    (HARBOR, "Safe harbor", "study days only, no site; at least 11 subjects"),
    (AGGREGATE, "Groups", "counts and averages of at least 11 subjects"),
)
STATES = {
    "awaiting_approval": ("Waits for approval", "hold"),
    "queued": ("Waiting", "hold"),
    "running": ("Being made", "hold"),
    "ready": ("Ready", "pass"),
    "failed": ("Not made", "fail"),
    "stopped": ("Stopped", "fail"),
}
VERDICTS = {"due": "Due now", "not_evaluable": "Not evaluable"}
WORKING = ("queued", "running")


def contracts() -> list[tuple[str, str]]:
    """Code and title of each contract."""
    return sorted({c.code: c.title for c in data.contracts()}.items())


def preview(found: Preview, on: date) -> dict[str, Any]:
    """The preview's numbers, and each row without an answer with its reason."""
    blocked = [
        {"patient": b.patient, "code": b.code, "month": b.month, "word": VERDICTS[b.verdict], "why": b.why}
        for b in found.blocked
    ]
    return {
        "on": on,
        "rows": counted(found.rows, "row"),
        "patients": counted(found.patients, "patient"),
        "blocked": blocked,
        "untreated": found.untreated,
        "more": found.more,
    }


def run(row: Export, who: Principal) -> dict[str, Any]:
    """A past run as the page shows it, with what this person may do about it."""
    told = selector.export_json(row, who)
    word, gate = STATES[row.state]
    admins = [s for s in row.site_ids if APPROVES in who.at(s)]
    approved = len(told["approvals"]) >= len(admins)
    kept = [f for f in told["files"] if f["url"]]
    reads = bool(kept) and all(who.at(s) & READS for s in row.site_ids)
    return {
        **told,
        "row": row,
        "mark": marks.Mark(word, *marks.GATES[gate]),
        "kind": next(title for code, title, _ in PROFILES if code == row.profile),
        "working": row.state in WORKING,
        "rows": ", ".join(f"{n} {table.replace('_', ' ')}" for table, n in row.row_counts.items()),
        "kept": kept if reads else [],
        "packages": sorted({f["format"] for f in kept} & {"csv", "xlsx"}) if reads else [],
        "may_approve": bool(admins) and not approved and row.state not in ("failed", "stopped"),
        "may_publish": bool(admins) and approved and row.state == "ready" and not row.published_at
        and row.profile != LIMITED and bool(kept),
    }  # fmt: skip


def summary(faults: Iterable[Fault], names: Iterable[str]) -> list[dict[str, str]]:
    """The error summary: each fault with its field."""
    known = set(names)
    told = [(f.pointer.strip("/").split("/")[0], f.detail) for f in faults]
    return [{"field": name if name in known else "", "text": text} for name, text in told]
