"""What a waiting item needs: its reason in plain words, and the decision that most likely ends its waiting.

A suggestion only fills in a form; a person decides. An analyte is guessed from the whole code or the whole
text and never between two that fit: "Factor IX activity" alone is neither one-stage nor chromogenic.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from patients.rules.catalog import Analyte, Catalog
from patients.rules.words import counted
from workflow.rules.gates.common import NO_DOUBT

MAP, CONVERT, ASSIGN, ACCEPT, DISCARD = "map", "convert", "assign_patient", "accept", "discard"
ABOUT_A_PERSON = frozenset({"patient-unmatched", "patient-ambiguous"})
ACCEPTABLE = frozenset({"implausible", "status-unverified", "status-unknown", "modifier-extension"})
"""Reasons that a person may overrule: the value can be read, and somebody answers for it."""
HARMLESS = frozenset(
    ["in", "of", "the", "serum", "plasma", "blood", "s", "p", "b", "ser", "plas", "level", "test", "result"]
)
REASONS = {
    "unmapped-code": "Code not known",
    "unit-unknown": "Unit not known",
    "unit-dimension": "Unit does not fit",
    "implausible": "Implausible value",
    "patient-unmatched": "Patient not found",
    "patient-ambiguous": "Patient not certain",
    "bad-timestamp": "Time cannot be read",
    "future-timestamp": "Time lies ahead",
    "value-unparseable": "Value cannot be read",
    "repeating-value": "More than one value",
    "sn-separator": "Range or ratio",
    "qualitative-from-number": "Number for yes or no",
    "status-unverified": "Not verified yet",
    "status-unknown": "Status not known",
    "final-changed-without-correction": "Contradicts a final result",
    "duplicate-suspect": "Perhaps a repetition",
    "charset-unknown": "Characters not readable",
    "source-unknown": "Sender not known",
    "modifier-extension": "Modifier not known",
}
ACTIONS = {
    MAP: "Map the code",
    CONVERT: "Convert the value",
    ASSIGN: "Name the patient",
    ACCEPT: "Accept as it stands",
    DISCARD: "Discard",
}
ENDED = {
    MAP: "Code mapped",
    CONVERT: "Value converted",
    ASSIGN: "Patient named",
    ACCEPT: "Accepted",
    DISCARD: "Discarded",
    "registered": "Patient registered",
    "settled": "Settled by a later report",
}
_AGAIN = (
    "Ask the laboratory to send it again, or enter the value on the patient's page; then discard this copy."
)
_SENTENCES = {
    "implausible": "Compare it with the report. Accept it if it is right, convert it if the unit was wrong.",
    "patient-unmatched": "No patient here has this number with this name or date of birth. Name the patient, "
    "and every item about the same person is read again; or register the patient first.",
    "patient-ambiguous": "More than one patient fits. Name the right one, and every item about the same person "
    "is read again.",
    "bad-timestamp": f"The time of collection is missing or cannot be. {_AGAIN}",
    "future-timestamp": f"It would be collected more than a day from now. {_AGAIN}",
    "value-unparseable": f"The value is neither a number nor a known word. {_AGAIN}",
    "repeating-value": f"It holds more than one value, and none is chosen by guess. {_AGAIN}",
    "sn-separator": f"It is a range or a ratio where one number is wanted. {_AGAIN}",
    "qualitative-from-number": "The laboratory sends a number where positive or negative is wanted. Map the code "
    "with the cut-off from which its number means positive.",
    "status-unverified": "Nothing to do yet: the final report takes it off the desk. Accept it only if the "
    "laboratory confirms the value.",
    "status-unknown": "Ask the laboratory what this status means. Accept it only if the value is final.",
    "final-changed-without-correction": "Two final reports of one result differ, and neither is marked as a "
    "correction. Ask the laboratory: accept makes this one count, discard makes the other one count.",
    "duplicate-suspect": "The same patient, analyte, value and time as a result that counts already. Discard it, "
    "or accept it if it is a second sample.",
    "charset-unknown": "The message names a character set that is not known. Ask the laboratory to send it again "
    "in UTF-8; then discard this copy.",
    "source-unknown": "No source is set up for this sender. Have it set up and import the file again; then "
    "discard this copy.",
    "modifier-extension": "The resource carries a modifier that may change what its value means. Read the raw "
    "text; accept it only if the value means what it says.",
}
_ACTION = {
    "unmapped-code": MAP,
    "unit-dimension": MAP,
    "unit-unknown": CONVERT,
    "qualitative-from-number": MAP,
    **dict.fromkeys(ABOUT_A_PERSON, ASSIGN),
    **dict.fromkeys(("bad-timestamp", "future-timestamp", "value-unparseable", "repeating-value"), DISCARD),
    **dict.fromkeys(("sn-separator", "charset-unknown", "source-unknown", "duplicate-suspect"), DISCARD),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an item says of itself. `analyte` is what it was understood as, "" for an unknown code."""

    reasons: tuple[str, ...]
    code: str = ""
    text: str = ""
    loinc: tuple[str, ...] = ()
    analyte: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The likeliest decision ("" where only the laboratory can tell), a guessed analyte, and the advice."""

    action: str
    analyte: str = ""
    sentence: str


def suggest(item: Told, catalog: Catalog) -> Suggestion:
    """The advice for an item's first reason, and what it would wait for after that."""
    first = item.reasons[0] if item.reasons else ""
    guessed = item.analyte or guess(item, catalog)
    rest = ", ".join(reason_words(r).lower() for r in item.reasons[1:])
    sentence = _sentence(first, item, guessed, catalog) + (f" It waits also for: {rest}." if rest else "")
    return Suggestion(action=_ACTION.get(first, ""), analyte=guessed, sentence=sentence)


def reason_words(reason: str) -> str:
    """A reason in two or three words; one that is not in the list is shown as it is."""
    return REASONS.get(reason, reason.replace("-", " ").capitalize())


def actions_of(reasons: Collection[str]) -> list[str]:
    """Which decisions fit an item that waits for these reasons, the likeliest first."""
    waits = set(reasons)
    fits = {
        MAP: waits & {"unmapped-code", "unit-dimension"},
        CONVERT: waits & {"unit-unknown", "unit-dimension", "implausible"},
        ASSIGN: waits & ABOUT_A_PERSON,
        ACCEPT: waits <= ACCEPTABLE | NO_DOUBT,
        DISCARD: True,
    }
    return [action for action, fit in fits.items() if fit]


def not_acceptable(reasons: Sequence[str]) -> str:
    """Why an item cannot be accepted as it stands, and what to do instead."""
    first = next(r for r in reasons if r not in ACCEPTABLE)
    return f"“{first}” cannot be accepted as it is: map the code, convert the unit, name the patient, or discard."


def offered(actions: list[str], suggestion: Suggestion, reasons: tuple[str, ...]) -> list[str]:
    """The decisions to show, the suggested one first. A code map can also hold what an odd unit means."""
    mapped = set(reasons) & {"unit-unknown", "qualitative-from-number"}
    found = [*actions[:-1], *([MAP] if mapped else []), *actions[-1:]]
    return sorted(dict.fromkeys(found), key=lambda action: action != suggestion.action)


def guess(item: Told, catalog: Catalog) -> str:
    """The one analyte that code or text name in full and whose units hold the item's unit; else ""."""
    fits = {a.code for a in catalog.analytes.values() if _named(item, a) and _measures(a, item.unit)}
    return fits.pop() if len(fits) == 1 else ""


def _named(item: Told, analyte: Analyte) -> bool:
    if item.code.strip().upper() == analyte.code or set(item.loinc) & set(analyte.loinc):
        return True
    said, title = _words(item.text), _words(analyte.title)
    extra = said - title - HARMLESS - _words(analyte.code)
    return bool(said) and not extra and (title <= said or _words(analyte.code) <= said)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W_]+", text.casefold()))


def _measures(analyte: Analyte, unit: str) -> bool:
    """Whether the unit is one of the analyte's, or says nothing."""
    text = unit.strip().lower()
    return not text or not analyte.factors or text in {u.lower() for u in analyte.factors}


def _sentence(reason: str, item: Told, guessed: str, catalog: Catalog) -> str:
    analyte = catalog.analytes.get(guessed)
    title = analyte.title if analyte else ""
    if reason == "unmapped-code":
        looks = f"It looks like {title}; check specimen and method. " if title else ""
        return f"{looks}Say once what this code means, and every item of this source with it is read again."
    if reason == "unit-dimension":
        return f"“{item.unit}” does not measure {title or 'this analyte'}: the code may mean another analyte."
    if reason == "unit-unknown":
        unit = f"“{item.unit}” is not a known unit" if item.unit.strip() else "There is no unit"
        usual = f" of {title}, usually {analyte.unit}" if analyte and analyte.unit else ""
        return f"{unit}{usual}. Say which unit was meant for this item, or map the code for all of them."
    return _SENTENCES.get(reason, "Read the raw text and decide.")


BECAME = {
    "result": ("became a result", "became results"),
    "duplicate": ("was known already", "were known already"),
    "quarantine": ("still waits", "still wait"),
    "pending": ("has no value yet", "have no value yet"),
    "retract": ("is withdrawn", "are withdrawn"),
    "cancelled": ("is cancelled", "are cancelled"),
    "untracked": ("is not followed here", "are not followed here"),
    "rejected": ("could not be read", "could not be read"),
    "discarded": ("is discarded", "are discarded"),
}


def replay_words(counts: Mapping[str, int]) -> str:
    """What one decision did, as in “14 items read again: 12 became results, 2 still wait.”

    >>> replay_words({"result": 1})
    '1 item read again: 1 became a result.'
    """
    told = [f"{n} {BECAME[name][n != 1]}" for name in BECAME if (n := counts.get(name, 0))]
    total = sum(counts.values())
    if not total:
        return "No item waited for it."
    if counts.get("discarded") == total:
        return f"{counted(total, 'item')} discarded; kept in the record with the reason."
    return f"{counted(total, 'item')} read again: {', '.join(told)}."
