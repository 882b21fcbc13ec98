"""The one list of state and verdict names, and the words people see for them on pages, in mail and exports."""

from __future__ import annotations

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
