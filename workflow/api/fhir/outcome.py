"""Every error of the façade as an OperationOutcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

CODES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    410: "deleted",
    413: "too-costly",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
}


def outcome(status: int, texts: Iterable[str]) -> dict[str, Any]:
    """One issue per text; the status decides the code."""
    code = CODES.get(status, "exception" if status >= 500 else "invalid")
    severity = "fatal" if status >= 500 else "error"
    issues = [{"severity": severity, "code": code, "diagnostics": text} for text in texts]
    return {"resourceType": "OperationOutcome", "issue": issues}


def of_problem(problem: dict[str, Any]) -> dict[str, Any]:
    """The OperationOutcome that says what a problem document says."""
    details = [fault["detail"] for fault in problem["errors"]]
    return outcome(problem["status"], details or [problem["detail"] or problem["title"]])
