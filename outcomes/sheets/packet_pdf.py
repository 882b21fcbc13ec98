"""The prior-authorization packet as PDF, from its document."""

from __future__ import annotations

from typing import Any

from outcomes.sheets.paper import Paper, made_at, subject
from patients.rules.words import PACKET

STATES = {"given": "given on", "planned": "planned for", "not_booked": "not booked; judged for"}
TITLE = "Prior-authorization packet"


def packet_pdf(body: dict[str, Any]) -> bytes:
    """The bytes of the sheet; the same document gives the same bytes."""
    paper = Paper(
        TITLE, subject(body), f"{body['notice']} Content {body['sha256'][:16]}", made_at(body["as_known_at"])
    )
    _head(paper, body)
    for item in body["items"]:
        _item(paper, item)
    return bytes(paper.output())


def _head(paper: Paper, body: dict[str, Any]) -> None:
    person, policy = body["person"], body["policy"]
    paper.title_line(f"{TITLE}: {body['pathway']['title']}")
    paper.text_line(body["notice"])
    paper.pairs(
        [
            ("Patient", subject(body)),
            ("Born, sex", f"{person['birth_date']}, {person['sex']}"),
            ("MRN", person["mrn"] or ""),
            ("Diagnosis", _diagnosis(body["diagnosis"])),
            ("Treatment center", _site(body["site"])),
            ("Payer", body["payer"] or "not recorded"),
            ("Policy judged by", f"{policy['title']} ({policy['id']} version {policy['version']})"),
            ("Infusion", f"{STATES[body['day0']['state']]} {body['judged_on']}"),
            ("Dose", _dose(body["dose"])),
            ("Authorization", _authorization(body["authorization"])),
            ("Outcomes contract", ", ".join(c["title"] for c in body["contracts"])),
            ("As of", f"{body['as_of']}, known at {body['as_known_at'][:16].replace('T', ' ')} UTC"),
            *_sent(body.get("sent")),
        ]
    )
    required = [i for i in body["items"] if i["required"]]
    there = sum(not i["open"] for i in required)
    state = f"{there} of {len(required)} required items are there"
    missing = [i["title"] for i in required if i["open"]]
    paper.text_line(
        f"{state}. Open: {'; '.join(missing)}." if missing else f"{state}.", bold=True, warn=bool(missing)
    )


def _diagnosis(code: dict[str, str] | None) -> str:
    return f"{code['code']} {code['says']} ({code['system']})" if code else "no code is listed"


def _site(site: dict[str, str | None]) -> str:
    return f"{site['name']} ({site['code']}), NPI {site['npi'] or 'not recorded'}"


def _dose(dose: dict[str, Any] | None) -> str:
    if dose is None:
        return "no weight is recorded"
    kit = f"; kit {dose['ndc']} ({dose['ndc_certainty']})" if dose["ndc"] else "; no kit is listed"
    return f"{dose['volume_ml']} mL in {dose['vials']} vials for {dose['weight_kg']} kg of {dose['weight_on']}{kit}"


def _authorization(row: dict[str, Any] | None) -> str:
    if row is None:
        return "none recorded"
    until = (
        f", {row['valid_from'] or ''} to {row['valid_to'] or ''}"
        if row["valid_from"] or row["valid_to"]
        else ""
    )
    return f"{row['status']} by {row['payer']} {row['number'] or ''}{until}"


def _sent(sent: dict[str, Any] | None) -> list[tuple[str, str]]:
    if sent is None:
        return []
    how = f" by {sent['channel']}" if sent["channel"] else ""
    return [
        (
            "As sent",
            f"version {sent['version']} to {sent['payer']} on {sent['sent_on']}{how}, kept by {sent['by']}",
        )
    ]


def _item(paper: Paper, item: dict[str, Any]) -> None:
    word = PACKET[item["verdict"]]
    paper.heading(item["title"], word if item["required"] else f"{word} (not required)", warn=item["open"])
    paper.text_line(item["reason"])
    if item["fix"]:
        paper.text_line(f"To do: {item['fix']}", bold=item["open"])
    paper.pairs([(d["label"], d["text"]) for d in item["details"]])
    if item["evidence"]:
        paper.grid(
            ("Date", "What", "Value", "Remark", "Fact"),
            [_fact(e) for e in item["evidence"]],
            (18, 26, 34, 52, 40),
        )
    until = f" Counts for an infusion up to {item['valid_until']}." if item["valid_until"] else ""
    rule = item["rule"]
    paper.text_line(
        f"Asked by {item['authority']}: {rule['source']} ({rule['certainty']}).{until}", small=True
    )


def _fact(evidence: dict[str, Any]) -> list[str]:
    kind, _, number = evidence["fact"].partition(":")
    value = f"{evidence['value']} {evidence['unit']}".strip()
    return [
        evidence["on"] or "",
        evidence["name"] or kind,
        value,
        evidence["note"],
        f"{kind} {number.rpartition(':')[2][-12:]}",
    ]
