"""Words for what became of received items and files, the same on every page."""

from __future__ import annotations

from collections.abc import Mapping

from patients.rules.words import counted

DISPOSITIONS = {
    "result": ("result", "results"),
    "quarantine": ("waits on the desk", "wait on the desk"),
    "duplicate": ("known already", "known already"),
    "pending": ("without a value yet", "without a value yet"),
    "retract": ("withdrawn", "withdrawn"),
    "cancelled": ("cancelled", "cancelled"),
    "untracked": ("not followed here", "not followed here"),
    "rejected": ("could not be read", "could not be read"),
}
ONE = {
    "result": "Result",
    "quarantine": "Waits",
    "retract": "Withdrawn",
    "cancelled": "Cancelled",
    "duplicate": "Known already",
    "pending": "No value yet",
    "untracked": "Not followed here",
    "rejected": "Not read",
}
FORMATS = {
    "auto": "Find out from the file",
    "hl7v2": "HL7 v2 messages",
    "fhir": "FHIR JSON",
    "ndjson": "FHIR NDJSON",
    "csv": "CSV table",
    "xlsx": "Excel table (XLSX)",
}
REFUSED = {
    "unreadable": "The file is empty, cut off or damaged. Ask for it again.",
    "too-large": "The file is larger than can be read at once. Split it and import the parts.",
    "encrypted": "The file is protected by a password. Save it without one and import it again.",
    "unknown-format": "The file is in no format that is read here: HL7 v2, FHIR JSON, NDJSON, CSV or XLSX.",
    "bad-header": "The columns do not fit. Choose the table mapping of this source, or correct the header line.",
    "not-a-result": "The file holds no laboratory results.",
    "charset-unknown": "The message names a character set that is not known. Ask for it in UTF-8.",
}


def refused_words(reason: str) -> str:
    """Why a file as a whole, or a message of it, was not read, and the mend."""
    return REFUSED.get(reason, "It cannot be read. Its bytes are kept.")


def words(disposition: str, count: int) -> str:
    """What became of so many items."""
    return DISPOSITIONS[disposition][count != 1]


def told(counts: Mapping[str, int]) -> str:
    """As in “14 items: 12 results, 2 wait on the desk”."""
    parts = [f"{n} {words(name, n)}" for name in DISPOSITIONS if (n := counts.get(name, 0))]
    total = sum(counts.get(name, 0) for name in DISPOSITIONS)
    return f"{counted(total, 'item')}: {', '.join(parts)}" if parts else "no item"
