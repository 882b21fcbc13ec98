"""The packet and the claim sheet as pages to read and to print."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from outcomes.selectors import claims
from outcomes.selectors import packets as reading
from outcomes.services import packets
from outcomes.services.shapes import PacketSentIn
from patients.admin.roles import CARE
from patients.errors import DomainError, Fault
from patients.models import Patient
from patients.rules import words
from patients.rules.words import CHECKS, PACKET
from patients.services.shapes import checked
from workflow.admin import marks
from workflow.admin.frame import page, visible
from workflow.selectors.decisions import local_date

FIELDS = ("payer", "sent_on", "channel", "note", "sha256")


def packet_page(request: HttpRequest, patient: UUID) -> HttpResponse:
    """The packet of today, and the form that keeps it as sent."""
    row = visible(request, patient, CARE)
    if request.method != "POST":
        return _packet(request, row, {"sent_on": local_date(timezone.now(), row.site.timezone).isoformat()})
    posted = {name: request.POST.get(name, "").strip() for name in FIELDS}
    try:
        fields = checked(PacketSentIn, {k: v for k, v in posted.items() if v})
        kept = packets.keep(patient=row, fields=fields, by=request.user.get_username())
    except DomainError as error:
        faults = error.faults or (Fault("/", error.code, f"{error.detail} Look at it again below."),)
        return _packet(request, row, posted, faults, status=error.status)
    messages.success(request, f"Version {kept['sent']['version']} is kept as sent.")
    return redirect("admin:packet-version", row.pk, kept["sent"]["version"])


def packet_version_page(request: HttpRequest, patient: UUID, version: int) -> HttpResponse:
    """A packet as it was sent."""
    row = visible(request, patient, CARE)
    try:
        body = packets.as_sent(row.pk, version)
    except DomainError as error:
        return page(request, "404.html", error.title, error.status)
    pdf = reverse("api:packet-version", args=[row.pk, version])
    return page(
        request,
        "outcomes/packet.html",
        f"Packet as sent, {row.code}",
        **_shown(row, body),
        pdf=f"{pdf}?format=pdf",
    )


def claim_page(request: HttpRequest, patient: UUID) -> HttpResponse:
    """The claim sheet as Daymark would fill it, with the denial pre-check."""
    row = visible(request, patient, CARE)
    body = claims.claim(row)
    checks = [{**c, "mark": _check_mark(c["verdict"])} for c in body["checks"]]
    return page(
        request,
        "outcomes/claim.html",
        f"Claim sheet, {row.code}",
        patient=row,
        body=body,
        denials=[c for c in checks if c["kind"] == "denial"],
        others=[c for c in checks if c["kind"] == "sheet"],
        pdf=f"{reverse('api:claim-check', args=[row.pk])}?format=pdf",
    )


def _packet(
    request: HttpRequest, row: Patient, values: dict[str, str], faults: Any = (), status: int = 200
) -> HttpResponse:
    body = reading.current(row)
    wrong = {f.pointer.strip("/"): f.detail for f in faults}
    payer = values.get("payer") or body["payer"] or ""
    return page(
        request,
        "outcomes/packet.html",
        f"Prior-authorization packet, {row.code}",
        status,
        **_shown(row, body),
        pdf=f"{reverse('api:packet', args=[row.pk])}?format=pdf",
        versions=packets.versions(row.pk),
        values={**values, "payer": payer, "sha256": body["sha256"]},
        wrong=wrong,
        faults=[{"field": n if n in FIELDS else "", "text": text} for n, text in wrong.items()],
        form=True,
    )


def _shown(row: Patient, body: dict[str, Any]) -> dict[str, Any]:
    items = [
        {**i, "mark": _item_mark(i["verdict"]), "evidence": [_linked(e, row) for e in i["evidence"]]}
        for i in body["items"]
    ]
    required = [i for i in items if i["required"]]
    return {
        "patient": row,
        "body": body,
        "items": items,
        "required": len(required),
        "there": sum(not i["open"] for i in required),
        "open": [i for i in items if i["open"]],
    }


def _linked(evidence: dict[str, Any], row: Patient) -> dict[str, Any]:
    """Evidence with the address of its fact: a result's versions, else the patient's history."""
    kind, _, number = evidence["fact"].partition(":")
    history = f"{reverse('admin:patient', args=[row.pk])}#history"
    url = reverse("api:result-versions", args=[number]) if kind == "result" else history
    return {
        **evidence,
        "unit": words.unit(evidence["unit"]),
        "kind": kind,
        "short": number.rpartition(":")[2][-12:],
        "url": url,
    }


def _item_mark(verdict: str) -> marks.Mark:
    gate = {"present": "pass", "stale": "expired", "incomplete": "retest_due"}.get(verdict, verdict)
    return marks.Mark(PACKET[verdict], *marks.GATES[gate])


def _check_mark(verdict: str) -> marks.Mark:
    return marks.Mark(CHECKS[verdict], *marks.GATES[verdict])
