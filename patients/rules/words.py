"""The one list of state and verdict names, and the words people see for them on pages, in mail and exports."""

from __future__ import annotations

import re

TASK_STATES = ("upcoming", "open", "overdue", "missed", "done", "done_out_of_window", "waived", "cancelled")
GATE_VERDICTS = (
    "pass", "fail", "hold", "retest_due", "expired", "missing", "indeterminate", "not_applicable", "waived",
)  # fmt: skip
ALERT_STATES = ("open", "acknowledged", "resolved", "withdrawn")
PHASES = ("screening", "cleared", "scheduled", "monitoring", "follow_up", "long_term", "closed")
MILESTONE_VERDICTS = ("pending", "due", "met", "not_met", "not_evaluable")

TASKS = {
    "upcoming": "Upcoming",
    "open": "Due now",
    "overdue": "Overdue",
    "missed": "Missed",
    "done": "Done",
    "done_out_of_window": "Done late, out of window",
    "waived": "Waived",
    "cancelled": "Cancelled",
}
GATES = {
    "pass": "Pass",
    "fail": "Fail",
    "hold": "On hold",
    "retest_due": "Retest due",
    "expired": "Expired",
    "missing": "Not recorded",
    "indeterminate": "Cannot be judged",
    "not_applicable": "n/a",
    "waived": "Waived",
}
ALERTS = {"open": "Alert", "acknowledged": "Answered", "resolved": "Resolved", "withdrawn": "Withdrawn"}
PHASE_WORDS = {
    "screening": "Screening",
    "cleared": "Cleared",
    "scheduled": "Infusion booked",
    "monitoring": "Weekly monitoring",
    "follow_up": "Follow-up",
    "long_term": "Long-term follow-up",
    "closed": "Closed",
}
MILESTONES = {
    "pending": "Upcoming",
    "due": "Due now",
    "met": "Met",
    "not_met": "Not met",
    "not_evaluable": "Cannot be judged",
}
CRITERIA = {**MILESTONES, "not_applicable": "n/a"}
PACKET = {
    "present": "Present",
    "incomplete": "Incomplete",
    "missing": "Missing",
    "stale": "Stale",
    "fail": "Fails",
    "hold": "On hold",
    "retest_due": "Retest due",
    "indeterminate": "Cannot be judged",
    "not_applicable": "n/a",
}
CHECKS = {"pass": "Pass", "fail": "Fail", "missing": "Missing"}
ANALYTES = {
    "ALT": "ALT",
    "AST": "AST",
    "ALP": "ALP",
    "GGT": "GGT",
    "TBIL": "Bilirubin",
    "ALB": "Albumin",
    "CREAT": "Creatinine",
    "INR": "INR",
    "PT": "Prothrombin time",
    "APTT": "aPTT",
    "WBC": "White cells",
    "HGB": "Hemoglobin",
    "HCT": "Hematocrit",
    "PLT": "Platelets",
    "FIX_OS": "Factor IX, one-stage",
    "FIX_CH": "Factor IX, chromogenic",
    "FIX_INH": "Factor IX inhibitor",
    "FVIII_OS": "Factor VIII, one-stage",
    "FVIII_CH": "Factor VIII, chromogenic",
    "FVIII_INH": "Factor VIII inhibitor",
    "AAV5_NAB": "Anti-AAV5 NAb",
    "AAVRH74_NAB": "Anti-AAVRh74 NAb",
    "AAV5_TAB": "Anti-AAV5 total antibody",
    "HBSAG": "HBsAg",
    "HBCAB": "Anti-HBc",
    "HBCAB_IGM": "Anti-HBc IgM",
    "HBSAB": "Anti-HBs",
    "HCV_AB": "Anti-HCV",
    "HIV_AGAB": "HIV antigen and antibody",
    "HBV_DNA": "HBV DNA",
    "HCV_RNA": "HCV RNA",
    "HIV_RNA": "HIV RNA",
    "CD4": "CD4 cells",
    "AFP": "AFP",
    "WEIGHT": "Weight",
    "HEIGHT": "Height",
    "LIVER_US": "Liver ultrasound",
    "LIVER_ELASTO": "Liver elastography",
}
"""The short names of the catalogue's analytes, as they stand in sentences; the catalogue keeps the full titles."""
SOON_DAYS = 7


def task_words(state: str, *, days: int | None = None, reason: str = "") -> str:
    """A task's state in words; `days` are left (open) or late (overdue), `reason` why missed or waived."""
    word = TASKS[state]
    if state == "open" and days is not None:
        return f"{word}, {counted(days, 'day')} left" if days else f"{word}, last day"
    if state == "overdue" and days is not None:
        return f"{word} {counted(days, 'day')}"
    return f"{word}, {reason}" if reason and state in ("missed", "waived") else word


def gate_words(verdict: str, *, days_valid: int | None = None) -> str:
    """A gate's verdict in words; `days_valid` from the planned Day 0 (or today) to the last valid day."""
    if verdict == "pass" and days_valid is not None and days_valid <= SOON_DAYS:
        return "Pass, expires soon"
    return GATES[verdict]


def counted(number: int, noun: str) -> str:
    """As in “1 day”, “2 days”."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def analyte(code: str) -> str:
    """HIV_RNA as “HIV RNA”; a code that the catalogue does not know stays as it is."""
    return ANALYTES.get(code, code)


def unit(ucum: str) -> str:
    """A UCUM unit as people write it: {titer} and {INR} are nothing, {copies}/mL is copies/mL, [beth'U] is BU."""
    bare = re.sub(r"\{(titer|Titer|INR|ratio)\}", "", ucum)
    return re.sub(r"[{}]", "", bare).replace("[beth'U]", "BU").replace("[IU]", "IU")
