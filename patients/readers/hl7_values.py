"""OBX-5, the value of an HL7 observation, by the type that OBX-2 names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from patients.readers import hl7
from patients.readers.hl7 import Segment
from patients.rules.qualitative import coded_meaning

TEXTS = frozenset({"TX", "FT", "ST"})
ATTACHMENTS = frozenset({"ED", "RP"})
CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS", "ID"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedValue:
    """OBX-5: as received, in the common grammar, and what is wrong with it."""

    text: str
    spoken: str | None = None
    coded: str = ""
    span: tuple[str, str] | None = None
    faults: tuple[str, ...] = ()
    joined: bool = False


def value_of(group: Sequence[Segment]) -> ObservedValue:
    """The value of one OBX, or of several that are lines of one text."""
    obx = group[0]
    kind = obx.field(2).upper()
    if kind in TEXTS:
        lines = [hl7.unescape(r, o.marks) for o in group for r in (o.repetitions(5) or [""])]
        return ObservedValue(text="\n".join(lines).strip(), joined=True)
    told = obx.repetitions(5)
    if not told or kind in ATTACHMENTS:
        return ObservedValue(text="")
    if len(told) > 1:
        return ObservedValue(text=hl7.unescape(obx.field(5), obx.marks).strip(), faults=("repeating-value",))
    text = hl7.unescape(told[0], obx.marks).strip()
    if kind == "SN":
        return _structured(obx, text)
    if kind == "NR":
        low, high = (obx.components(5) + ["", ""])[:2]
        return ObservedValue(text=text, span=(low, high), faults=("value-unparseable",))
    if kind in CODED:
        return _coded(obx, text)
    return ObservedValue(text=text)


def _structured(obx: Segment, text: str) -> ObservedValue:
    """SN: comparator, number, separator, number."""
    comparator, first, separator, second = (obx.components(5) + ["", "", "", ""])[:4]
    if comparator and (first or separator) and not re.fullmatch("[<>=≤≥]{1,2}", comparator):
        return ObservedValue(text=text, faults=("value-unparseable",))
    if not separator:
        return ObservedValue(
            text=text, spoken=f"{comparator}{first}", faults=("sn-separator",) if second else ()
        )
    if separator == ":":
        return ObservedValue(text=text, spoken=f"{comparator}{first}:{second}")
    if separator == "-":
        return ObservedValue(text=text, span=(first, second), faults=("value-unparseable",))
    return ObservedValue(text=text, faults=("sn-separator",))


def _coded(obx: Segment, text: str) -> ObservedValue:
    """CE and its kin: a standard code where there is one, else the words, else the code itself."""
    parts = obx.components(5) + [""] * 9
    meanings = {m for m in (coded_meaning(parts[n + 2], parts[n]) for n in (0, 3)) if m}
    spoken = parts[1] or parts[8] or parts[0] or parts[4] or parts[3]
    if len(meanings) > 1:
        return ObservedValue(text=text, spoken=spoken, faults=("value-unparseable",))
    return ObservedValue(text=text, spoken=spoken, coded="".join(meanings))
