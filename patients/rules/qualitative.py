"""Words for coded results, in English, German and French, and what they mean."""

from __future__ import annotations

import re

MEANINGS: dict[str, tuple[str, ...]] = {
    "not_detected": (
        "not detected", "target not detected", "nd", "n.d.", "undetected", "undetectable", "none detected",
        "nicht nachweisbar", "nicht nachgewiesen", "non détecté", "non detecte", "non décelé", "indétectable",
    ),
    "detected": ("detected", "target detected", "nachweisbar", "nachgewiesen", "détecté", "detecte"),
    "negative": (
        "negative", "neg", "neg.", "non-reactive", "nonreactive", "non reactive", "nr", "negativ",
        "nicht reaktiv", "négatif", "negatif", "non réactif", "non reactif", "-",
    ),
    "positive": (
        "positive", "pos", "pos.", "reactive", "positiv", "reaktiv", "positif", "réactif", "reactif", "+",
    ),
    "equivocal": (
        "equivocal", "indeterminate", "borderline", "grenzwertig", "unbestimmt", "douteux", "indéterminé",
        "equivoque", "équivoque",
    ),
    "normal": ("normal", "unremarkable", "unauffällig", "normale"),
    "abnormal": ("abnormal", "auffällig", "pathologisch", "anormal", "anormale"),
}  # fmt: skip
SNOMED = {
    "260385009": "negative", "260415000": "negative", "131194007": "negative",
    "10828004": "positive", "260373001": "positive", "11214006": "positive",
    "42425007": "equivocal", "82334004": "equivocal", "419984006": "equivocal",
}  # fmt: skip
SNOMED_NAMES = frozenset({"sct", "snm3", "http://snomed.info/sct", "2.16.840.1.113883.6.96"})
BY_WORD = {word: meaning for meaning, words in MEANINGS.items() for word in words}
NO_VALUE = frozenset(
    ["?", ".", "$", "***", "**", "*", "folgt", "pending", "tnp", "qns", "n/a", "na"]
    + ["not done", "to follow", "in progress", "test not performed", "quantity not sufficient"]
)


def meaning(text: str) -> str | None:
    """negative, positive, equivocal, not_detected, detected, normal, abnormal; None for other words."""
    word = " ".join(text.lower().split())
    found = BY_WORD.get(word)
    if found:
        return found
    if re.search(r"\bnot detected\b|\bnicht nachweisbar\b|\bnon détecté\b", word):
        return "not_detected"
    return "detected" if re.match(r"(target )?detected\b", word) else None


def coded_meaning(system: str, code: str) -> str:
    """The meaning of a SNOMED CT code of a qualitative finding, or "" for any other code."""
    return SNOMED.get(code.strip(), "") if system.strip().lower() in SNOMED_NAMES else ""


def says_nothing(text: str) -> bool:
    """Whether a text stands for "no value yet"."""
    return " ".join(text.lower().split()) in NO_VALUE
