"""What the pages say about milestones, built from their public rows. No queries, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from outcomes import data
from outcomes.admin.patient_view import iso
from outcomes.rules.sentences import ASSAYS, CONDITIONS
from workflow.admin import marks, told

Row = Mapping[str, Any]
TITLES = {
    "fix_activity": "Factor activity",
    "abr": "Crude ABR",
    "abr_change": "Change of crude ABR",
    "factor_use": "Factor use",
    "off_prophylaxis": "Off prophylaxis",
}
BLEEDING = ("abr", "abr_change")
YES_NO = {"true": "yes", "false": "no"}


def line(row: Row, *, code: str = "") -> dict[str, Any]:
    """One milestone as a line of a list. `code` is the patient's."""
    measures = row["measures"] or {}
    url = told.address("admin:milestone", row["id"])
    button, address = action(row, url)
    judged = {c["assay"] for c in row["criteria"] if c["metric"] == "fix_activity"}
    return {
        **row,
        "code": code,
        "mark": marks.milestone(row["verdict"]),
        "opens": iso(row["opens_on"]),
        "target": iso(row["target_on"]),
        "closes": iso(row["closes_on"]),
        "url": url,
        "activities": [
            {"assay": ASSAYS[assay], "text": activity(measures.get(f"fix_{assay}")), "rule": assay in judged}
            for assay in ASSAYS
        ],
        "abr": measures.get("abr_all"),
        "provisional": measures.get("provisional", False),
        "used": measures.get("factor_use_iu_per_kg_year"),
        "missing": missing(row),
        "signed": signed(row),
        "review": row["assessment_version"] > 1 and not row["attested"],
        "button": button,
        "action": address,
    }


def activity(reading: Mapping[str, Any] | None) -> str:
    return f"{reading['comparator']}{reading['value']}" if reading else ""


def signed(row: Row) -> str:
    """Who signed the version that stands, or that it was signed before it changed."""
    if row["attested"]:
        return f"Attested by {row['versions'][-1]['signed_by']}, version {row['assessment_version']}"
    if row["assessment_version"] > 1:
        return f"Changed since version {row['assessment_version'] - 1} was attested"
    return ""


def action(row: Row, url: str) -> tuple[str, str]:
    """The one action: enter the activity that an open window lacks, attest what can be signed, else look at it."""
    if row["verdict"] == "pending" or row["attested"]:
        return "Open", url
    if row["verdict"] == "due" and any(_no_activity(c) for c in row["criteria"]):
        contract = data.find_contract(row["contract"])
        return "Enter result", told.results_url(row["patient"], list(contract.analytes if contract else ()))
    return "Review", url


def _no_activity(criterion: Row) -> bool:
    return criterion["metric"] == "fix_activity" and criterion["value"] is None


def missing(row: Row) -> list[str]:
    """What a milestone in its window, or judged without it, still lacks."""
    if row["verdict"] not in ("due", "not_evaluable"):
        return []
    return [_lacks(c) for c in row["criteria"] if c["value"] is None and c["verdict"] != "not_applicable"]


def _lacks(criterion: Row) -> str:
    if criterion["metric"] == "fix_activity":
        return f"{ASSAYS[criterion['assay']]} activity"
    if criterion["metric"] in BLEEDING:
        return "observed days" if criterion["baseline"] else "lead-in before the infusion"
    return "doses or weight"


def arithmetic(row: Row) -> list[dict[str, Any]]:
    """Each criterion with value, operator, threshold and the reason."""
    return [
        {
            "title": title(c),
            "mark": marks.criterion(c["verdict"]),
            "value": value(c),
            "condition": condition(c),
            "baseline": c["baseline"],
            "limit": c["upper_limit"] if c["metric"] in BLEEDING else None,
            "reason": c["reason"],
            "rule": c["rule"],
            "evidence": [{"kind": e["fact"].partition(":")[0].replace("_", " "), "on": iso(e["on"])} for e in c["evidence"]],
        }
        for c in row["criteria"]
    ]  # fmt: skip


def title(criterion: Row) -> str:
    name = TITLES[criterion["metric"]]
    return f"{name}, {ASSAYS[criterion['assay']]}" if criterion["assay"] else name


def value(criterion: Row) -> str:
    if criterion["value"] is None:
        return ""
    if criterion["metric"] == "off_prophylaxis":
        return YES_NO[criterion["value"]]
    return f"{criterion['value']} {criterion['unit']}"


def condition(criterion: Row) -> str:
    """The operator in words with its threshold."""
    if criterion["threshold"] is None:
        return "yes" if criterion["metric"] == "off_prophylaxis" else ""
    return f"{CONDITIONS[criterion['comparator']]} {criterion['threshold']} {criterion['unit']}"


MEASURED = (
    ("fix_contaminated_excluded", "One-stage samples left out, contaminated", ""),
    ("observed_days", "Observed days", ""),
    ("bleeds_all", "Bleeds", ""),
    ("bleeds_treated", "Treated bleeds", ""),
    ("abr_all", "Crude ABR, all", "per year"),
    ("abr_treated", "Crude ABR, treated", "per year"),
    ("abr_spontaneous", "Crude ABR, spontaneous", "per year"),
    ("abr_joint", "Crude ABR, joint", "per year"),
    ("abr_upper_limit", "Exact upper limit of the ABR (95 %)", "per year"),
    ("baseline_observed_days", "Lead-in, observed days", ""),
    ("baseline_abr_all", "Crude ABR of the lead-in", "per year"),
    ("factor_use_iu_per_kg_year", "Factor use", "IU/kg/year"),
    ("factor_use_prophylaxis_iu_per_kg_year", "Factor use for prophylaxis", "IU/kg/year"),
    ("baseline_factor_use_iu_per_kg_year", "Factor use in the lead-in", "IU/kg/year"),
)


def measured(row: Row) -> list[tuple[str, str]]:
    """Everything measured, in words; what is not known says so."""
    found = row["measures"]
    if not found:
        return []
    first, last = iso(found["window_start"]), iso(found["window_end"])
    window = f"{_date(first)} to {_date(last)}" + (", provisional" if found["provisional"] else "")
    readings = [
        (f"Factor activity, {word}", _reading(found[f"fix_{assay}"])) for assay, word in ASSAYS.items()
    ]
    numbers = [(label, _number(found[name], unit)) for name, label, unit in MEASURED]
    off = "yes" if found["off_prophylaxis"] else "no"
    back = iso(found["back_on_prophylaxis_on"])
    return [
        *readings,
        ("Window of the bleeding rate", window),
        *numbers,
        ("Off prophylaxis", f"{off}, back on it since {_date(back)}" if back else off),
    ]


def _reading(found: Mapping[str, Any] | None) -> str:
    return f"{activity(found)} IU/dL, {_date(iso(found['on']))}" if found else "none"


def _number(found: Any, unit: str) -> str:
    return "not known" if found is None else f"{found} {unit}".strip()


def _date(on: Any) -> str:
    return f"{on.day} {on:%b} {on.year}"


def versions(row: Row) -> list[dict[str, Any]]:
    """All versions, newest first, with what changed and which facts did it."""
    return [
        {
            **v,
            "mark": marks.milestone(v["verdict"]),
            "changes": [_change(c) for c in (v["changed_because"] or {}).get("changes", ())],
        }
        for v in reversed(row["versions"])
    ]


def _change(found: Mapping[str, Any]) -> str:
    name = found["field"].replace(".", ": ").replace("_", " ")
    return f"{name} was {_plain(found['old'])}, is {_plain(found['new'])}"


def _plain(found: Any) -> str:
    if isinstance(found, Mapping):
        return f"{activity(found)} on {found['on']}" if "value" in found else "other"
    return "not known" if found is None else str(found).replace("_", " ")


def totals(verdicts: Mapping[str, int]) -> list[dict[str, Any]]:
    """How many milestones have which verdict, as chips."""
    return [
        {"code": code, "mark": marks.milestone(code), "count": verdicts.get(code, 0)}
        for code in marks.MILESTONES
    ]


def shown(rows: Iterable[Row], codes: Mapping[str, str]) -> list[dict[str, Any]]:
    return [line(row, code=codes.get(row["patient"], "")) for row in rows]
