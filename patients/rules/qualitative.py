"""Words for coded results, in English, German and French, and what they mean.

Only a text that says one thing has a meaning. A sentence that says more ("not detected previously; now
500 IU/mL", "not detected; HIV-2 detected") has none, so the item waits for a person.
"""

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
NAMES: dict[str, tuple[str, ...]] = {
    "HBSAG": ("hbsag", "hbs ag"),
    "HBV_DNA": ("hbv dna", "hbv-dna", "hepatitis b virus dna", "hepatitis b dna"),
    "HCV_AB": ("anti-hcv", "hcv ab", "hcv antibody"),
    "HCV_RNA": ("hcv rna", "hcv-rna", "hepatitis c virus rna", "hepatitis c rna"),
    "HIV_RNA": ("hiv rna", "hiv-rna", "hiv-1 rna", "hiv 1 rna", "hiv1 rna"),
}
"""How a report may name its own analyte before the word that counts: "HBV DNA not detected"."""
UNIT = r"(?:\[?k?iu\]?|\{?copies\}?|copien|kopien|cp|c)/m?l"
BOUND = rf"(?:<=|=<|<|≤|less than|below|unter)\s*\d+(?:[.,]\d+)?(?:\s*{UNIT})?"
BELOW = r"below (?:the )?(?:limit of |lower limit of )?quanti(?:fication|tation)|below lloq|<\s?lloq"
BESIDE = re.compile(rf"(?:[\s,;:()–-]*(?:{BOUND}|{BELOW}))*[\s,;:()–-]*")
STANDS_BESIDE = frozenset({"detected", "not_detected"})
NO_VALUE = frozenset(
    ["?", ".", "$", "***", "**", "*", "folgt", "pending", "tnp", "qns", "n/a", "na"]
    + ["not done", "to follow", "in progress", "test not performed", "quantity not sufficient"]
)


def meaning(text: str, analyte: str = "") -> str | None:
    """negative, positive, equivocal, not_detected, detected, normal, abnormal; None for other words.

    Beside "detected" and "not detected" a report may give its limit of quantification, and before any word
    the name of `analyte` itself.

    >>> meaning("<10 IU/mL, not detected"), meaning("HBV DNA not detected.", "HBV_DNA")
    ('not_detected', 'not_detected')
    >>> meaning("not detected; HIV-2 detected"), meaning("HCV RNA not detected", "HBV_DNA")
    (None, None)
    """
    word = _unnamed(_plain(text), analyte)
    return BY_WORD.get(word) or BY_WORD.get(word.rstrip(" .")) or _beside_a_limit(word)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _unnamed(word: str, analyte: str) -> str:
    """Without the analyte's own name at the beginning."""
    name = next((n for n in NAMES.get(analyte, ()) if re.match(rf"{re.escape(n)}[\s:]", word)), "")
    return word[len(name) :].lstrip(" :")


def _beside_a_limit(word: str) -> str | None:
    """What the one word for (not) detected says when nothing but a limit of quantification stands beside it."""
    for phrase in sorted(BY_WORD, key=len, reverse=True):
        before, found, after = word.rstrip(" .").partition(phrase)
        if (
            found
            and BY_WORD[phrase] in STANDS_BESIDE
            and BESIDE.fullmatch(before)
            and BESIDE.fullmatch(after)
        ):
            return BY_WORD[phrase]
    return None


def coded_meaning(system: str, code: str) -> str:
    """The meaning of a SNOMED CT code of a qualitative finding, or "" for any other code."""
    return SNOMED.get(code.strip(), "") if system.strip().lower() in SNOMED_NAMES else ""


def says_nothing(text: str) -> bool:
    """Whether a text stands for "no value yet"."""
    return _plain(text) in NO_VALUE
