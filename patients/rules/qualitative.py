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


def says_nothing(text: str) -> bool:
    """Whether a text stands for "no value yet"."""
    return " ".join(text.lower().split()) in NO_VALUE
