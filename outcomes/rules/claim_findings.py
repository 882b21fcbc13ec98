"""What is wrong with a claim, and how findings add up to one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from outcomes.rules.claim import Check

ORDER = ("fail", "missing", "pass")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: fail or missing, why, and the mend."""

    verdict: str
    reason: str
    fix: str


def settled(code: str, title: str, findings: Sequence[Finding], good: str, *, kind: str = "denial") -> Check:
    """A check from what is wrong; nothing wrong passes with the sentence `good`."""
    if not findings:
        return Check(code=code, title=title, verdict="pass", reason=good, kind=kind)
    return Check(
        code=code,
        title=title,
        verdict=min((f.verdict for f in findings), key=ORDER.index),
        reason=" ".join(dict.fromkeys(f.reason for f in findings)),
        fix=" ".join(dict.fromkeys(f.fix for f in findings)),
        kind=kind,
    )


def number(text: str | None) -> Decimal | None:
    """The decimal a field holds, or None."""
    try:
        return Decimal(text or "")
    except InvalidOperation:
        return None
