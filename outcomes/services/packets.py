"""A packet is kept as it was sent: who, when, to whom, and the very content. Nothing is sent from here."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from outcomes.selectors import packets
from patients.errors import Invalid, NotFound, Stale
from patients.models import Patient
from patients.services import blobs
from workflow.selectors.shown import instant
from workflow.services import acts
from workflow.services.door import Entry, the_door

KIND = "packet-sent"
MEDIA = "application/json"


def keep(
    *, patient: Patient, fields: Mapping[str, Any], by: str, at: datetime | None = None
) -> dict[str, Any]:
    """Keeps the packet of this moment as sent, and returns it with its version and sending.

    `fields`: payer, sent_on (default: today at the site), channel, note, sha256. Raises Invalid for a date
    in the future, and Stale when the content is no longer the one whose `sha256` the caller has seen.
    """
    with the_door(patient=patient.pk, by=by, at=at) as entry:
        sent_on = fields.get("sent_on") or entry.today
        if sent_on > entry.today:
            raise Invalid.at("/sent_on", "future", "The day of sending must not lie in the future.")
        body = packets.current(patient, as_of=entry.today, now=entry.recorded_at)
        _same(body, fields.get("sha256"))
        payload = _payload(entry, patient, body, fields) | {"sent_on": sent_on.isoformat()}
        act = acts.write(
            entry,
            kind=KIND,
            key=str(payload["version"]),
            payload=payload,
            true_on=sent_on,
            reason=fields.get("note") or "",
        )
        return {**body, "sent": sent_json(act)}


def _same(body: Mapping[str, Any], seen: str | None) -> None:
    if seen is not None and seen != body["sha256"]:
        raise Stale(
            "The packet has changed since you saw it.",
            current={"sha256": body["sha256"]},
            submitted={"sha256": seen},
        )


def _payload(
    entry: Entry, patient: Patient, body: dict[str, Any], fields: Mapping[str, Any]
) -> dict[str, Any]:
    blob = blobs.keep(
        stream=io.BytesIO(packets.content(body)),
        site=entry.pathway.site_id,
        media_type=MEDIA,
        at=entry.recorded_at,
    )
    return {
        "version": len(acts.of_kind(patient.pk, KIND)) + 1,
        "payer": fields["payer"],
        "channel": fields.get("channel") or "",
        "sha256": body["sha256"],
        "blob": str(blob.pk),
        "policy": body["policy"],
        "complete": body["complete"],
        "open": body["open"],
    }


def versions(patient: UUID) -> list[dict[str, Any]]:
    """Every sending, oldest first."""
    return [sent_json(act) for act in acts.of_kind(patient, KIND)]


def as_sent(patient: UUID, version: int) -> dict[str, Any]:
    """The kept content of one version, with its sending. Raises NotFound when there is none."""
    found = acts.on_key(patient, KIND, str(version))
    if not found:
        raise NotFound("There is no such version of the packet.")
    body: dict[str, Any] = json.loads(blobs.read(UUID(found[0].payload["blob"])))
    told = sent_json(found[0])
    return {**body, "as_known_at": told["recorded_at"], "sha256": told["sha256"], "sent": told}


def sent_json(act: Any) -> dict[str, Any]:
    """One sending: which version, to whom, when, by whom, and the hash of what was sent."""
    payload = act.payload
    return {
        "version": payload["version"],
        "payer": payload["payer"],
        "sent_on": payload["sent_on"],
        "channel": payload["channel"],
        "note": act.reason,
        "by": act.by,
        "recorded_at": instant(act.recorded_at),
        "sha256": payload["sha256"],
        "policy": payload["policy"],
        "complete": payload["complete"],
        "open": payload["open"],
    }
