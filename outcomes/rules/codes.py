"""The dated catalogue of billing codes, parsed with every fault of its file reported at once.

A code has a role in a claim (drug, administration, diagnosis…), says what its code set says of it, and
counts on dates of service from `valid_from` to `valid_to`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow.rules.reading import Fault, Node

ROLES = (
    "drug", "drug-refused", "administration", "administration-more", "administration-refused", "revenue-drug",
    "revenue-drug-other", "revenue-administration", "diagnosis", "supporting", "supporting-refused", "place",
    "modifier", "modifier-nothing-discarded", "modifier-discarded", "modifier-visit",
)  # fmt: skip
SYSTEMS = ("HCPCS", "CPT", "NUBC", "ICD-10-CM", "POS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code in one role. `pathways` empty: for every pathway.

    `units`: units to bill of a drug. `over_minutes`: the infusion must have taken longer;
    `counted_minutes`: minutes of a further hour from which the code set counts it. `refused_from`: a
    refused code is wrong from this date of service on (None: always).
    """

    system: str
    code: str
    role: str
    says: str
    source: str
    certainty: str
    pathways: tuple[str, ...] = ()
    note: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    refused_from: date | None = None
    units: int | None = None
    over_minutes: int | None = None
    counted_minutes: int | None = None
    bill_type: str = ""
    inpatient: bool = False

    def counts(self, pathway: str, on: date) -> bool:
        """Whether the code is for this pathway and in force on a date of service."""
        if self.pathways and pathway not in self.pathways:
            return False
        if self.valid_from is not None and on < self.valid_from:
            return False
        return self.valid_to is None or on <= self.valid_to

    def refused(self, on: date) -> bool:
        return self.role.endswith("-refused") and (self.refused_from is None or on >= self.refused_from)


@dataclass(frozen=True, slots=True)
class Visits:
    """A range of visit codes that need the modifier for a visit on the same day."""

    first: int
    last: int
    says: str
    source: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Codes:
    """One version of the catalogue."""

    code: str
    version: str
    title: str
    status: str
    effective_from: date
    rows: tuple[Code, ...]
    visits: tuple[Visits, ...]

    def of(self, role: str, pathway: str, on: date) -> tuple[Code, ...]:
        """Codes of a role that count for a pathway on a date, in the order of the file."""
        return tuple(c for c in self.rows if c.role == role and c.counts(pathway, on))

    def first(self, role: str, pathway: str, on: date) -> Code | None:
        return next(iter(self.of(role, pathway, on)), None)

    def named(self, code: str, *roles: str) -> Code | None:
        """The code as listed in one of the roles (any role when none is given)."""
        return next((c for c in self.rows if c.code == code and (not roles or c.role in roles)), None)

    def visit(self, code: str) -> Visits | None:
        if not (code.isdigit() and len(code) == 5):
            return None
        return next((v for v in self.visits if v.first <= int(code) <= v.last), None)


def parse_codes(data: Mapping[str, Any]) -> tuple[Codes | None, list[Fault]]:
    """The catalogue, or None, and every fault with its key."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    found = Codes(
        code=node.text("code"),
        version=node.text("version"),
        title=node.text("title"),
        status=node.one_of("status", ("draft", "released")),
        effective_from=node.day("effective_from") or date.min,
        rows=tuple(_code(n) for n in node.tables_at("codes")),
        visits=tuple(_visits(n) for n in node.tables_at("visits", [])),
    )
    node.close()
    _once(found, node)
    return (None if faults else found), faults


def _code(node: Node) -> Code:
    source = node.source()
    row = Code(
        system=node.one_of("system", SYSTEMS),
        code=node.text("code"),
        role=node.one_of("role", ROLES),
        says=node.text("says"),
        source=source.text,
        certainty=source.certainty,
        pathways=node.texts("pathways", ()) if node.has("pathways") else (),
        note=node.text("note", ""),
        valid_from=node.day("valid_from", None),
        valid_to=node.day("valid_to", None),
        refused_from=node.day("refused_from", None),
        units=node.whole("units") if node.has("units") else None,
        over_minutes=node.whole("over_minutes") if node.has("over_minutes") else None,
        counted_minutes=node.whole("counted_minutes") if node.has("counted_minutes") else None,
        bill_type=node.text("bill_type", ""),
        inpatient=node.flag("inpatient", False),
    )
    if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
        node.fault("valid_to", "lies before valid_from")
    if row.role == "drug" and row.units is None:
        node.fault("units", "is missing: a drug says how many units are billed")
    node.close()
    return row


def _visits(node: Node) -> Visits:
    source = node.source()
    row = Visits(node.whole("first"), node.whole("last"), node.text("says"), source.text, source.certainty)
    node.close()
    return row


def _once(found: Codes, node: Node) -> None:
    seen: set[tuple[str, str, date | None]] = set()
    for row in found.rows:
        key = (row.role, row.code, row.valid_from)
        if key in seen:
            node.fault("codes", f"{row.code} stands twice as {row.role} from the same date")
        seen.add(key)
