"""What is said about a panel while somebody types it: limits passed, what cannot be, what looks odd.

The alert itself is `workflow.rules.triggers`; this only asks the same rule beforehand. Something odd is kept when
the person says so; something that cannot be is never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from patients.rules.bounds import exceeds
from workflow.rules.charts import plain
from workflow.rules.desk import REASONS
from workflow.rules.facts import ResultFact
from workflow.rules.protocol import Arm, Trigger
from workflow.rules.triggers import Baseline, fired

TIME_FAULTS = frozenset({"bad-timestamp", "future-timestamp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One value of the row as it was understood. `row` is None when `reasons` say that it cannot be."""

    analyte: str
    text: str
    row: ResultFact | None
    reasons: tuple[str, ...] = ()
    band: tuple[Decimal, Decimal] | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the values are compared with. `last`: the newest final value per analyte before this sample.

    `there`: what is recorded for this very day already; `seen`: ids of it that the person had on the page.
    `window`: the days on which the panel is done; `jump`: how many times the last value is odd.
    """

    triggers: tuple[Trigger, ...]
    baseline: Baseline
    followed: bool
    last: Mapping[str, ResultFact] = field(default_factory=dict)
    there: Mapping[str, ResultFact] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    window: tuple[date, date] | None = None
    today: date
    jump: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """`tone`: bad (a field is named in `faults`, nothing is saved), warn (odd: `asks`), alert, high or good."""

    tone: str
    text: str
    faults: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ()


def said(typed: Sequence[Typed], on: date, known: Known) -> Said:
    """What the row says: faults before questions, questions beside limits, limits before all is well."""
    faults = _faults(typed)
    if faults:
        return Said(tone="bad", text=f"{' '.join(faults.values())} Not saved.", faults=faults)
    rows = [t.row for t in typed if t.row is not None]
    alarms = [text for row in rows for text in alarm(row, known)]
    high = [text for row in rows for text in _high(row, known)]
    asks = (*_dates(on, known), *(text for row in rows for text in _odd(row, known)))
    parts = [f"Alert: {'; '.join(alarms)}" if alarms else "", "; ".join(high), *asks]
    text = ". ".join(part for part in parts if part)
    tone = "alert" if alarms else "warn" if asks else "high" if high else "good"
    return Said(tone=tone, text=text or _well(rows, known), asks=asks)


def _faults(typed: Iterable[Typed]) -> dict[str, str]:
    """By field: the analyte, or the day of collection."""
    found: dict[str, str] = {}
    for item in typed:
        reason = next(iter(item.reasons), "")
        if reason in TIME_FAULTS:
            found["collected"] = "The day of collection cannot be: it is unreadable, before birth or ahead."
        elif reason:
            found[item.analyte] = _fault(item, reason)
    return found


def _fault(item: Typed, reason: str) -> str:
    if reason == "implausible" and item.band is not None:
        low, high = item.band
        return (
            f"{item.analyte} {item.text} cannot be: outside {plain(low)} to {plain(high)} {item.unit}".strip()
            + "."
        )
    return f"{item.analyte} {item.text}: {REASONS.get(reason, reason).lower()}."


def alarm(row: ResultFact, known: Known) -> list[str]:
    """The limits of the safety rules that this value passes, each with its number, as the alert will say it."""
    if not known.followed:
        return []
    found: dict[str, str] = {}
    for trigger in known.triggers:
        arms = fired(trigger, row, known.baseline).arms if trigger.analyte == row.analyte else ()
        found |= {a.code: _limit(a, row, known.baseline) for a in trigger.arms if a.code in arms}
    return sorted(found.values(), key=lambda text: "baseline" in text)


def _limit(arm: Arm, row: ResultFact, base: Baseline) -> str:
    word = "above" if arm.strict else "at least"
    times = "" if arm.ratio == 1 else f"{plain(arm.ratio)}x "
    if arm.against == "uln":
        assert row.reference_high is not None
        return f"{word} {times}ULN {plain(row.reference_high * arm.ratio)}"
    assert base.value is not None
    return f"{word} {times}baseline {plain(base.value * arm.ratio)}"


def _high(row: ResultFact, known: Known) -> list[str]:
    """Above its own upper limit, where no safety rule has said so; and whether there is a limit at all."""
    if row.value is None or alarm(row, known):
        return []
    if row.reference_high is None:
        return [f"{row.analyte}: no ULN given"]
    if exceeds(row.comparator, row.value, row.reference_high) is not False:
        return [f"{row.analyte} {shown(row)} above ULN {plain(row.reference_high)}"]
    return []


def _dates(on: date, known: Known) -> Iterable[str]:
    if on > known.today:
        yield "The day of collection lies ahead. Keep it?"
    elif known.window and not known.window[0] <= on <= known.window[1]:
        first, last = (f"{d.day} {d:%b}" for d in known.window)
        yield f"Collected {on.day} {on:%b}, outside the window {first} to {last}. Keep it?"


def _odd(row: ResultFact, known: Known) -> Iterable[str]:
    """A jump since the last value, or another value of the same day that the person had not seen."""
    there = known.there.get(row.analyte)
    if there is not None and str(there.id) not in known.seen and not same(row, there):
        yield (
            f"{row.analyte} {shown(there)} was saved for this day by {there.by or 'a laboratory'};"
            f" you have {shown(row)}. Keep yours?"
        )
    last = known.last.get(row.analyte)
    if last is None or not last.value or row.value is None or row.comparator or last.comparator:
        return
    times = row.value / last.value
    if times >= known.jump:
        yield f"{row.analyte} {shown(row)} is {_times(times)} times the last value {shown(last)}. Keep it?"
    elif times * known.jump <= 1:
        yield f"{row.analyte} {shown(row)} is far below the last value {shown(last)}. Keep it?"


def same(row: ResultFact, there: ResultFact) -> bool:
    """The same value with the same upper limit; a missing new limit says nothing against the old one."""
    limits = row.reference_high is None or row.reference_high == there.reference_high
    return (row.value, row.comparator) == (there.value, there.comparator) and limits


def _well(rows: Sequence[ResultFact], known: Known) -> str:
    for row in rows:
        base = known.baseline.value
        if any(t.analyte == row.analyte for t in known.triggers) and row.value is not None and base:
            return f"OK, {_times(row.value / base)}x baseline"
    return "OK" if rows else ""


def _times(ratio: Decimal) -> str:
    return format(ratio.quantize(Decimal("0.1")), "f")


def shown(row: ResultFact) -> str:
    """The value with its comparator."""
    return f"{row.comparator}{plain(row.value)}" if row.value is not None else row.value_text
