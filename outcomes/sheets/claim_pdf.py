"""The claim sheet with its pre-check as PDF, from its document."""

from __future__ import annotations

from typing import Any

from outcomes.sheets.paper import Paper, made_at, subject
from patients.rules.words import CHECKS

STATES = {"given": "infusion recorded", "planned": "infusion planned", "not_booked": "no infusion booked"}
TITLE = "Claim sheet and denial pre-check"


def claim_pdf(body: dict[str, Any]) -> bytes:
    """The bytes of the sheet; the same document gives the same bytes."""
    paper = Paper(TITLE, subject(body), body["notice"], made_at(body["as_known_at"]))
    _head(paper, body)
    paper.heading(
        "Fields of the form (UB-04)", "as Daymark would fill them" if body["prepared"] else "as given"
    )
    paper.grid(
        ("FL", "Line", "Field", "Content", "What the code set says, and remarks"),
        [_line(x) for x in body["lines"]],
        (10, 10, 40, 46, 72),
    )
    for kind, title in (("denial", "Known reasons for a denial"), ("sheet", "Other checks of the lines")):
        rows = [c for c in body["checks"] if c["kind"] == kind]
        passed = sum(c["verdict"] == "pass" for c in rows)
        paper.heading(title, f"{passed} of {len(rows)} pass", warn=passed < len(rows))
        paper.grid(("Result", "What", "Why", "To do"), [_check(c) for c in rows], (16, 36, 70, 56))
    return bytes(paper.output())


def _head(paper: Paper, body: dict[str, Any]) -> None:
    person, policy, site = body["person"], body["policy"], body["site"]
    paper.title_line(f"{TITLE}: {body['pathway']['title']}")
    paper.text_line(body["notice"])
    paper.pairs(
        [
            ("Patient", subject(body)),
            ("Born, sex", f"{person['birth_date']}, {person['sex']}"),
            ("MRN", person["mrn"] or ""),
            ("Treatment center", f"{site['name']} ({site['code']})"),
            ("Payer", body["payer"] or "not recorded"),
            ("Policy judged by", f"{policy['title']} ({policy['id']} version {policy['version']})"),
            ("Date of service", f"{body['service_on']} ({STATES[body['state']]})"),
            ("As of", f"{body['as_of']}, known at {body['as_known_at'][:16].replace('T', ' ')} UTC"),
        ]
    )
    count = len(body["open"])
    state = (
        "Nothing stands in the way."
        if body["clean"]
        else f"{count} of {len(body['checks'])} checks do not pass."
    )
    paper.text_line(state, bold=True, warn=not body["clean"])


def _line(line: dict[str, Any]) -> list[str]:
    code = "-".join([line["code"], *line["modifiers"]]) if line["code"] else "to be filled"
    rule = f"({line['certainty']})" if line["certainty"] else ""
    told = " ".join(t for t in (f"{line['says']}." if line["says"] else "", line["note"], rule) if t)
    return [line["fl"], str(line["line"] or ""), line["title"], code, told]


def _check(check: dict[str, Any]) -> list[str]:
    return [CHECKS[check["verdict"]], check["title"], check["reason"], check["fix"]]
