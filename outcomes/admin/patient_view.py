"""What the patient page shows, built from the public status. No queries, no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from patients.rules import words
from patients.rules.words import SOON_DAYS, TASKS
from workflow.admin import marks, told

LISTED = ("overdue", "open", "missed", "upcoming")
UPCOMING_SHOWN, FEW, TAKEN_SHOWN = 6, 12, 7
Status = Mapping[str, Any]
SHORT = {
    "age": "Age",
    "diagnosis": "Dx",
    "indication": "Ind",
    "prior-gene-therapy": "Prior",
    "fix-inhibitor": "Inh",
    "aav5-nab": "NAb",
    "hepatitis-b": "HBV",
    "hepatitis-c": "HCV",
    "hiv": "HIV",
    "liver-enzymes": "LFT",
    "liver-imaging": "Liver",
    "blood-counts": "CBC",
    "baseline-fix": "FIX",
    "weight": "kg",
    "site-of-care": "Site",
    "attestations": "Plans",
    "authorization": "PA",
}


def iso(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def strip(status: Status) -> list[dict[str, Any]]:
    """The pathway in steps: gates, Day 0, weekly panels, milestones."""
    gates = status["gates"]
    segments = [_segment("Gates", [_gate_step(g, status) for g in gates], _passing(gates), len(gates))]
    day0 = (status["infusion"] or {}).get("day0")
    planned = (status["plan"] or {}).get("infusion_on")
    given = {"short": "Day 0", "mark": _given(bool(day0)), "on": iso(day0 or planned)}
    segments.append(_segment("Infusion", [given], 1 if day0 else 0, 1))
    weekly = [t for t in status["tasks"] if t["kind"] == "liver-panel" and ":w" in t["key"]]
    if weekly:
        steps = [_task_step(t, t["key"].rpartition(":w")[2], "W") for t in weekly]
        segments.append(_segment("Weekly liver panel", steps, _done(weekly), len(weekly)))
    if status["milestones"]:
        steps = [_milestone_step(m) for m in status["milestones"]]
        met = sum(m["verdict"] == "met" for m in status["milestones"])
        segments.append(_segment("Milestones", steps, met, len(steps)))
    return segments


def _segment(title: str, steps: list[dict[str, Any]], done: int, of: int) -> dict[str, Any]:
    return {"title": title, "steps": steps, "count": f"{done} of {of}"}


def _passing(gates: Iterable[Status]) -> int:
    return sum(g["verdict"] in ("pass", "not_applicable", "waived") for g in gates)


def _done(tasks: Iterable[Status]) -> int:
    return sum(t["state"] in ("done", "done_out_of_window") for t in tasks)


def _gate_step(gate: Status, status: Status) -> dict[str, Any]:
    short = SHORT.get(gate["code"], gate["code"].rpartition("-")[2][:6].capitalize())
    return {
        "short": short,
        "title": gate["title"],
        "mark": marks.gate(gate["verdict"], days_valid(gate, status)),
    }


def _task_step(task: Status, number: str, letter: str) -> dict[str, Any]:
    on = iso(task["due_on"]) if task["state"] in ("open", "overdue") else None
    return {"short": f"{letter}{int(number)}", "mark": _task_mark(task["state"]), "on": on}


def _task_mark(state: str) -> marks.Mark:
    return marks.Mark(TASKS[state], *marks.TASKS[state])


def _given(given: bool) -> marks.Mark:
    return marks.Mark("Given" if given else "Not given yet", *marks.TASKS["done" if given else "upcoming"])


def _milestone_step(milestone: Status) -> dict[str, Any]:
    on = iso(milestone["closes_on"]) if milestone["verdict"] == "due" else None
    return {"short": f"M{milestone['month']}", "mark": marks.milestone(milestone["verdict"]), "on": on}


def days_valid(gate: Status, status: Status) -> int | None:
    """Days from the booked Day 0 (today when none is booked) to the last valid day; None after Day 0."""
    until, planned = iso(gate["valid_until"]), iso((status["plan"] or {}).get("infusion_on"))
    if until is None or status["infusion"]:
        return None
    return (until - (planned or date.fromisoformat(status["as_of"]))).days


def soon(gate: Status, status: Status) -> bool:
    """A passing gate that ends within a week of the booked Day 0, or of today when none is booked."""
    days = days_valid(gate, status)
    return gate["verdict"] == "pass" and days is not None and days <= SOON_DAYS


def gate_cards(status: Status, patient: UUID) -> list[dict[str, Any]]:
    """Cards: first what blocks, then what ends soon; each says verdict, reason, end and next step."""
    draws = {d["gate"]: d for d in (status["feasible"] or {}).get("draws", ())}
    cards = [_card(g, status, patient, draws.get(g["code"])) for g in status["gates"]]
    return sorted(cards, key=lambda c: (not c["blocks"], c["quiet"], not c["soon"]))


def _card(gate: Status, status: Status, patient: UUID, draw: Status | None) -> dict[str, Any]:
    passes = gate["verdict"] in ("pass", "not_applicable", "waived")
    return {
        **gate,
        "value": _value(gate["evidence"]),
        "soon": soon(gate, status),
        "mark": marks.gate(gate["verdict"], days_valid(gate, status)),
        "blocks": gate["code"] in status["blocked_by"] and not status["infusion"],
        "quiet": passes,
        "until": iso(gate["valid_until"]),
        "draw": {k: iso(draw[k]) for k in ("from", "to", "last_safe")} if draw and not passes else None,
        "action": None if passes and not soon(gate, status) else _gate_action(gate, patient, draw),
    }


def _value(evidence: list[Status]) -> str:
    """The newest result as reported; with its analyte where a gate looks at several."""
    results = [e for e in evidence if e["fact"].startswith("result:") and e["value"]]
    if not results:
        return ""
    newest = max(results, key=lambda e: e["on"])
    name = words.analyte(newest["analyte"]) if len({e["analyte"] for e in results}) > 1 else ""
    return f"{name} {newest['value']} {words.unit(newest['unit'])}".strip()


def _gate_action(gate: Status, patient: UUID, draw: Status | None) -> tuple[str, str] | None:
    analytes = (
        list(draw["analytes"]) if draw else sorted({e["analyte"] for e in gate["evidence"] if e["analyte"]})
    )
    if analytes:
        return "Add result", told.results_url(patient, analytes)
    if gate["code"] in ("attestations", "diagnosis", "indication", "prior-gene-therapy"):
        return "Attest", told.form_url(patient, "attestation")
    return None


def tasks(
    status: Status,
    patient: UUID,
    analytes: Mapping[str, tuple[str, ...]],
    visits: Collection[str],
    *,
    clinician: bool = False,
    whole: bool = True,
) -> dict[str, Any]:
    """Tasks that want somebody, the next ones, and those that ended; `visits` are the keys that can be booked.

    Unless the `whole` is asked for, long lists of what is far off or over are only counted, as `folded`.
    """
    order = sorted(
        (t for t in status["tasks"] if t["state"] in LISTED),
        key=lambda t: (LISTED.index(t["state"]), t["due_on"]),
    )
    upcoming = [t for t in order if t["state"] == "upcoming"]
    groups = {
        "now": [t for t in order if t["state"] != "upcoming"],
        "next": upcoming[:UPCOMING_SHOWN],
        "later": upcoming[UPCOMING_SHOWN:],
        "ended": [t for t in status["tasks"] if t["state"] not in LISTED],
    }
    folded = [n for n in ("later", "ended") if not whole and len(groups[n]) > FEW]
    rows = {
        name: [_task_row(t, patient, analytes, visits, clinician) for t in found]
        for name, found in groups.items()
        if name not in folded
    }
    return {**rows, "folded": sum(len(groups[n]) for n in folded)}


def _task_row(
    task: Status,
    patient: UUID,
    analytes: Mapping[str, tuple[str, ...]],
    visits: Collection[str],
    clinician: bool,
) -> dict[str, Any]:
    key = task["key"]
    wanted = list(analytes.get(key, ()))
    button, url = told.task_action(patient, key, task["kind"], wanted, clinician=clinician)
    dates = {n: iso(task[n]) for n in ("opens_on", "due_on", "closes_on", "booked_on", "snoozed_until")}
    return {
        **task,
        **dates,
        "against": told.against(dates),
        "book": told.book_url(patient, key, dates) if key in visits and task["state"] in LISTED else "",
        "button": button,
        "url": url,
        "page": told.task_url(patient, task["key"]),
        "contact": told.last_contact(task),
    }


def alert_cards(status: Status, patient: UUID, *, clinician: bool = False) -> list[dict[str, Any]]:
    """Alerts, open ones first; each with its one button, and the way to answer it without steroids."""
    cards = [
        {
            **a,
            "what": told.alert_what(a),
            "why": told.alert_why(a),
            "raised": iso(a["raised_on"]),
            "decided": iso(a.get("decided_on")),
            "action": told.alert_action(patient, a, clinician=clinician),
            "answer": told.form_url(patient, "acknowledge", alert=a["id"]),
        }
        for a in status["alerts"]
    ]
    return sorted(cards, key=lambda c: c["state"] != "open")


def _step(step: Status, today: str) -> dict[str, Any]:
    runs = step["from"] <= today and (step["to"] is None or today <= step["to"])
    return {"mg": step["mg_per_day"], "first": iso(step["from"]), "last": iso(step["to"]), "now": runs}


FLAGS = {
    "shorter-than-usual": "Shorter than usual.",
    "longer-than-usual": "Longer than usual.",
}


def courses(status: Status, patient: UUID, seen: Mapping[str, int]) -> list[dict[str, Any]]:
    """Steroid courses with real dates, what was taken, and the forms of each; `seen`: how often each was written."""
    return [
        {
            **c,
            "started": iso(c["started_on"]),
            "ended": iso(c["ended_on"]),
            "steps": [_step(s, status["as_of"]) for s in c["steps"]],
            "taken": [{"on": iso(d["on"]), "mg": d["mg"]} for d in c["doses"]][-TAKEN_SHOWN:],
            "words": [FLAGS[f] for f in c["flags"]],
            "dose": told.form_url(patient, "steroid-dose", course=c["id"], on=status["as_of"]),
            "end": told.form_url(
                patient, "end-taper", course=c["id"], seen=str(seen.get(c["id"], 0)), ended_on=status["as_of"]
            ),
            "change": told.taper_url(patient, course=c["id"]),
        }
        for c in status["steroid_courses"]
    ]
