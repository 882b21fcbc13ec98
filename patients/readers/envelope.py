"""One received result, as any reader, form or request hands it over: texts word for word, nothing decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from patients.rules.codemaps import LOINC


class Unreadable(Exception):
    """A whole file or message is rejected: `reason` is one word, the text says what is wrong with it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Coding:
    """A code of a test or of a value. `system` is a URI or what the source calls it; LOINC has one name."""

    system: str
    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class PatientNumber:
    """A number of the patient and the names of whoever gave it out (any of them may be the source's)."""

    value: str
    authorities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom a result is about, as the sender says. A number alone is enough only where `number_suffices`."""

    numbers: tuple[PatientNumber, ...] = ()
    family_name: str = ""
    birth_date: date | None = None
    sex: str = ""
    number_suffices: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultEnvelope:
    """A result as received. Times are instants, or a date where no time is known.

    `analyte` is given where the sender uses our codes; else `codings` in the sender's order of preference.
    `spoken` is the value in the common grammar where the format has another one ("<^10" is spoken "<10").
    `decimal` is the decimal sign of the numbers, "" that of the source; `reference_unit` "" that of the value.
    `coded` is the meaning of a value's standard code; `span` a reported range of values, never a number.
    `barred` holds faults that forbid to read the item at all, `faults` those of the value.
    """

    analyte: str = ""
    codings: tuple[Coding, ...] = ()
    code_text: str = ""
    value: str = ""
    spoken: str | None = None
    coded: str = ""
    span: tuple[str, str] | None = None
    unit: str = ""
    decimal: str = ""
    collected: datetime | date | None = None
    bad_time: bool = False
    reported_at: datetime | None = None
    reference_low: str = ""
    reference_high: str = ""
    reference_unit: str = ""
    reference_text: str = ""
    flag: str = ""
    assay: str = ""
    method: str = ""
    lab: str = ""
    note: str = ""
    status: str = ""
    source: str = ""
    source_id: str = ""
    named: Named = Named()
    laboratory: bool = True
    attachment: bool = False
    barred: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    where: Mapping[str, object] = field(default_factory=dict)
    raw: str = ""

    @property
    def shown_code(self) -> Coding:
        """The code that people and code maps know the item by: the first one given, or our own."""
        return self.codings[0] if self.codings else Coding("", self.analyte, self.code_text)

    @property
    def loinc(self) -> str:
        """The first LOINC code given, or ""."""
        return next((c.code for c in self.codings if c.system == LOINC), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What belongs together in a file: one HL7 message, or a run of table rows or FHIR entries.

    `digest` identifies a message that may be sent again inside other files ("" where only items are known).
    `ack` and `reason` answer the sender; `rejected` means that nothing of it could be read.
    """

    items: tuple[ResultEnvelope, ...] = ()
    index: int = 0
    control_id: str = ""
    digest: str = ""
    sender: tuple[str, str] = ("", "")
    ack: str = ""
    reason: str = ""
    rejected: bool = False
    warnings: tuple[str, ...] = ()
