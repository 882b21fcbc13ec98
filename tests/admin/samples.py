"""Two patients as public status documents, by hand: before the infusion, and in week 5 with an alert."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from workflow.rules.facts import Act, History, InfusionFact, PatientFacts, Person, ResultFact

TODAY = date(2026, 11, 24)
WHO = UUID("018f3a00-0000-7000-8000-000000000001")
NAMES = {
    "age": "Age",
    "aav5-nab": "Anti-AAV5 antibodies",
    "hepatitis-b": "Hepatitis B",
    "hiv": "HIV",
    "fix-inhibitor": "Factor IX inhibitor",
    "liver-enzymes": "Liver enzymes and bilirubin",
    "attestations": "Consultations and plans",
    "weight": "Body weight",
}


def gate(code: str, verdict: str, reason: str, **more: Any) -> dict[str, Any]:
    evidence = [{"fact": "result:x", "note": "", **e} for e in more.pop("evidence", [])]
    return {
        "code": code,
        "title": NAMES[code],
        "verdict": verdict,
        "blocking": True,
        "authority": "label-us",
        "reason": reason,
        "next_step": "",
        "valid_until": None,
        "rule": {"id": f"{code}@1", "source": "US prescribing information, section 2", "certainty": "label"},
        "evidence": evidence,
        **more,
    }


def value(analyte: str, text: str, unit: str, on: str) -> dict[str, str]:
    return {"analyte": analyte, "value": text, "unit": unit, "on": on}


def before() -> dict[str, Any]:
    """Infusion booked for 30 Nov; antibodies pass, liver enzymes end soon, one plan is missing."""
    gates = [
        gate("age", "pass", "42 years on the planned day."),
        gate(
            "aav5-nab",
            "pass",
            "1:21 is below payer limit 1:678; label sets no cut-off.",
            valid_until="2026-12-08",
            authority="payer:us-standard",
            evidence=[value("AAV5_NAB", "1:21", "", "2026-11-10")],
        ),
        gate(
            "hepatitis-b",
            "pass",
            "HBsAg and anti-HBc negative.",
            valid_until="2026-12-02",
            evidence=[value("HBSAG", "negative", "", "2026-11-04")],
        ),
        gate("hiv", "retest_due", "Ag/Ab positive, RNA not known.", next_step="Order HIV RNA."),
        gate(
            "fix-inhibitor",
            "pass",
            "Negative, below 0.6 BU.",
            valid_until="2026-12-10",
            evidence=[value("FIX_INH", "<0.6", "BU", "2026-11-10")],
        ),
        gate(
            "liver-enzymes",
            "pass",
            "ALT, AST, ALP and bilirubin within their limits.",
            valid_until="2026-12-03",
            evidence=[value("ALT", "24", "U/L", "2026-11-19"), value("AST", "22", "U/L", "2026-11-19")],
        ),
        gate(
            "attestations", "missing", "Not yet recorded: steroid plan.", next_step="Attest the steroid plan."
        ),
        gate("weight", "expired", "70 kg of 2 Oct is older than 30 days on the planned day.", blocking=False),
    ]
    return {
        **_frame("scheduled"),
        "plan": {"infusion_on": "2026-11-30"},
        "dose": {"weight_kg": "70", "weight_on": "2026-10-02", "volume_ml": "140", "vials": 14},
        "blocked_by": ["hiv", "attestations"],
        "feasible": {
            "earliest": "2026-11-26",
            "latest": "2026-12-02",
            "ranges": [["2026-11-26", "2026-12-02"]],
            "draws": [
                {
                    "gate": "hiv",
                    "analytes": ["HIV_RNA"],
                    "from": "2026-11-24",
                    "to": "2026-11-30",
                    "last_safe": "2026-11-27",
                }
            ],
        },
        "gates": gates,
    }


def week5() -> dict[str, Any]:
    """Infused 20 Oct; ALT 52 against ULN 45 and baseline 24 in week 5, a steroid course begun."""
    alert = {
        "id": str(uuid5(WHO, "alert")),
        "rule": "alt-rise",
        "arms": ["above_2x_baseline", "above_uln"],
        "value": "52",
        "comparator": "",
        "unit": "U/L",
        "uln": "45",
        "baseline": "24",
        "ratio_baseline": "2.17",
        "ratio_uln": "1.16",
        "raised_on": "2026-11-24",
        "first_hit_on": "2026-11-24",
        "state": "open",
        "unconfirmed": False,
        "superseded_evidence": False,
        "peak": "52",
        "decision": None,
        "decided_by": None,
        "decided_on": None,
        "hits": [{"on": "2026-11-24", "value": "52"}],
    }
    return {
        **_frame("monitoring"),
        "infusion": {"day0": "2026-10-20"},
        "dose": {"weight_kg": "70"},
        "gates": before()["gates"][:3],
        "tasks": [*_weekly(), _decision(alert["id"])],
        "alerts": [alert],
        "steroid_courses": [
            {
                "id": "c1",
                "started_on": "2026-11-24",
                "ended_on": None,
                "state": "running",
                "flags": [],
                "steps": [
                    {"from": "2026-11-24", "to": "2026-11-30", "mg_per_day": "60"},
                    {"from": "2026-12-01", "to": "2026-12-07", "mg_per_day": "40"},
                    {"from": "2026-12-08", "to": "2026-12-21", "mg_per_day": "30"},
                    {"from": "2026-12-22", "to": None, "mg_per_day": "20"},
                ],
            }
        ],
        "milestones": [
            {
                "month": 3,
                "contract": "sample-level",
                "target_on": "2027-01-20",
                "opens_on": "2027-01-06",
                "closes_on": "2027-02-03",
                "verdict": "pending",
                "criteria": [],
            },
            {
                "month": 6,
                "contract": "sample-level",
                "target_on": "2027-04-20",
                "opens_on": "2027-03-30",
                "closes_on": "2027-05-11",
                "verdict": "pending",
                "criteria": [],
            },
        ],
    }


def facts() -> PatientFacts:
    """The results behind `week5`."""
    series = [(-3, "24"), (7, "26"), (14, "25"), (21, "31"), (28, "38"), (35, "52")]
    results = tuple(_result("ALT", date(2026, 10, 20) + timedelta(d), v, "45") for d, v in series)
    activity = tuple(
        _result("FIX_OS", date(2026, 10, 20) + timedelta(d), v, None) for d, v in [(7, "12.5"), (21, "31")]
    )
    chromogenic = (_result("FIX_CH", date(2026, 11, 10), "14", None),)
    started = datetime(2026, 10, 20, 9, tzinfo=UTC)
    infusion = InfusionFact(
        id=uuid5(WHO, "infusion"),
        recorded_at=started,
        started_at=started,
        ended_at=None,
        day0=date(2026, 10, 20),
        weight_kg=Decimal(70),
        volume_ml=Decimal(140),
        outcome="complete",
    )
    person = Person(id=WHO, birth_date=date(1984, 5, 17))
    return PatientFacts(
        person=person,
        timezone="Europe/Berlin",
        results=(*results, *activity, *chromogenic),
        infusion=infusion,
    )


def history() -> History:
    """All that was recorded, one ALT corrected from 37 to 38 among it."""
    found = facts()
    wrong = _result("ALT", date(2026, 11, 17), "37", "45", recorded=datetime(2026, 11, 17, 10, tzinfo=UTC))
    plan = Act(
        id=uuid5(WHO, "plan"),
        recorded_at=datetime(2026, 10, 1, 9, tzinfo=UTC),
        by="ana",
        kind="plan",
        key="",
        payload={"infusion_on": "2026-10-20"},
        true_on=date(2026, 10, 1),
    )
    assert found.infusion is not None
    return History(
        person=found.person,
        timezone=found.timezone,
        results=(*found.results, wrong),
        infusions=(found.infusion,),
        acts=(plan,),
    )


def _frame(phase: str) -> dict[str, Any]:
    return {
        "patient": str(WHO),
        "as_of": TODAY.isoformat(),
        "pathway": {"id": "hemgenix", "version": "1"},
        "policy": {"id": "us-standard", "version": "1"},
        "phase": phase,
        "plan": None,
        "dose": None,
        "infusion": None,
        "ready": False,
        "blocked_by": [],
        "feasible": None,
        "gates": [],
        "tasks": [],
        "alerts": [],
        "steroid_courses": [],
        "milestones": [],
        "notes": [],
    }


def _weekly() -> list[dict[str, Any]]:
    states = {3: "missed", 4: "overdue", 5: "open"}
    rows = []
    for week in range(1, 14):
        due = date(2026, 10, 20) + timedelta(weeks=week)
        state = states.get(week, "done" if week < 3 else "upcoming")
        rows.append(task(f"liver-panel:w{week:02d}", "liver-panel", f"Liver panel, week {week}", due, state))
    return rows


def _decision(alert: str) -> dict[str, Any]:
    return task(
        f"steroid-decision:{alert}", "steroid-decision", "Steroid decision", TODAY + timedelta(1), "open"
    )


def task(key: str, kind: str, title: str, due: date, state: str) -> dict[str, Any]:
    return {
        "key": key,
        "kind": kind,
        "title": title,
        "opens_on": (due - timedelta(3)).isoformat(),
        "due_on": due.isoformat(),
        "closes_on": (due + timedelta(3)).isoformat(),
        "booked_on": None,
        "state": state,
        "reason": "",
        "obligations": ["label-us"],
        "fulfilled_by": [],
        "why": "",
        "progress": {"have": 0, "need": 4},
        "assignee": None,
        "snoozed_until": None,
    }


def _result(
    analyte: str, on: date, text: str, uln: str | None, *, recorded: datetime | None = None
) -> ResultFact:
    at = datetime(on.year, on.month, on.day, 8, tzinfo=UTC)
    unit = "U/L" if analyte == "ALT" else "IU/dL"
    return ResultFact(
        id=uuid5(WHO, f"{analyte}{on}{text}"),
        recorded_at=recorded or at + timedelta(hours=9),
        by="ana",
        lineage=uuid5(WHO, f"{analyte}{on}"),
        analyte=analyte,
        collected_at=at,
        collected_on=on,
        value=Decimal(text),
        unit=unit,
        reference_high=Decimal(uln) if uln else None,
    )
