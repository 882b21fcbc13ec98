"""Which parameters each kind of gate takes, and how a data file writes them.

The meaning of each kind is in `workflow.rules.gates`; `workflow.rules.protocol.Gate` lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workflow.rules.protocol import Source
from workflow.rules.reading import MISSING, UNKNOWN, Node


@dataclass(frozen=True, slots=True)
class Known:
    """The codes that data files may name."""

    analytes: frozenset[str]
    attestations: frozenset[str] = frozenset()


Value = tuple[Any, Source]
Read = Callable[[Node, str, Known], Value]


@dataclass(frozen=True, slots=True)
class Param:
    read: Read
    default: Any = MISSING


def analytes(node: Node, name: str, known: Known) -> tuple[str, ...]:
    codes = node.texts(name)
    if node.has(name) and not codes:
        node.fault(name, "names no analyte")
    for code in codes:
        _must_know(node, name, code, known.analytes, "analyte")
    return codes


def analyte(node: Node, name: str, known: Known) -> str:
    code = node.text(name)
    _must_know(node, name, code, known.analytes, "analyte")
    return code


def attestation(node: Node, name: str, known: Known) -> str:
    code = node.text(name)
    _must_know(node, name, code, known.attestations, "attestation")
    return code


def _must_know(node: Node, name: str, code: str, known: frozenset[str], what: str) -> None:
    if code and code not in known:
        node.fault(name, f"“{code}” is no known {what}")


def _unsourced(read: Callable[[Node, str, Known], Any]) -> Read:
    return lambda node, name, known: (read(node, name, known), UNKNOWN)


def _attestations(node: Node, name: str, known: Known) -> tuple[str, ...]:
    codes = node.texts(name)
    for code in codes:
        _must_know(node, name, code, known.attestations, "attestation")
    return codes


def _places(node: Node, name: str, known: Known) -> Value:
    """Place-of-service codes, two digits each, with one source for the list."""
    raw, source = node.sourced(name)
    if isinstance(raw, list) and raw and all(isinstance(p, str) and len(p) == 2 and p.isdigit() for p in raw):
        return tuple(raw), source
    if raw is not MISSING:
        node.fault(name, "must be a list of two-digit place-of-service codes")
    return (), source


def _thresholds(node: Node, name: str, known: Known) -> Value:
    """[{assay, limit}]: a titer limit belongs to one assay; there is no conversion between assays."""
    rows = []
    for row in node.tables_at(name):
        rows.append({"assay": row.text("assay"), "limit": row.decimal("limit")})
        row.close()
    if len({r["assay"] for r in rows}) < len(rows):
        node.fault(name, "names an assay twice")
    return tuple(rows), UNKNOWN


def _limits(node: Node, name: str, known: Known) -> Value:
    """[{analyte, at_least or at_most}]."""
    rows = []
    for row in node.tables_at(name):
        bounds = [b for b in ("at_least", "at_most") if row.has(b)]
        if len(bounds) != 1:
            row.fault("", "needs either at_least or at_most")
        rows.append({"analyte": analyte(row, "analyte", known)} | {b: row.decimal(b) for b in bounds})
        row.close()
    return tuple(rows), UNKNOWN


def _alternatives(node: Node, name: str, known: Known) -> Value:
    """[["INR", "PT"], …]: of each group one analyte is enough."""
    groups = node.table.get(name, [])
    node.read.add(name)
    if not isinstance(groups, list) or not all(_is_group(g) for g in groups):
        node.fault(name, "must be a list of lists of analytes")
        return (), UNKNOWN
    for code in (c for group in groups for c in group):
        _must_know(node, name, code, known.analytes, "analyte")
    return tuple(tuple(g) for g in groups), UNKNOWN


def _is_group(raw: Any) -> bool:
    return isinstance(raw, list) and bool(raw) and all(isinstance(code, str) for code in raw)


DAYS = Param(lambda node, name, known: node.whole_from(name))
OPTIONAL_DAYS = Param(DAYS.read, None)
NUMBER = Param(lambda node, name, known: node.decimal_from(name))
OPTIONAL_NUMBER = Param(NUMBER.read, None)
FLAG = Param(lambda node, name, known: (node.flag(name), UNKNOWN))
TEXT = Param(lambda node, name, known: (node.text(name), UNKNOWN))
ANALYTE = Param(_unsourced(analyte))
ANALYTES = Param(_unsourced(analytes))
CODE = Param(_unsourced(attestation))
OPTIONAL_CODE = Param(CODE.read, None)
CODES = Param(_unsourced(_attestations))

TITER = {
    "analytes": ANALYTES,
    "validity_days": DAYS,
    "negative_to": NUMBER,
    "order_from_days": OPTIONAL_DAYS,
    "order_to_days": OPTIONAL_DAYS,
    "attestation": OPTIONAL_CODE,
}

KINDS: dict[str, dict[str, Param]] = {
    "age": {"min_years": DAYS},
    "diagnosis": {"analytes": ANALYTES, "attestation": CODE},
    "indication": {"prophylaxis": FLAG, "life_threatening": OPTIONAL_CODE, "repeated_bleeds": OPTIONAL_CODE},
    "prior-gene-therapy": {"attestation": CODE},
    "inhibitor": {"analytes": ANALYTES, "cutoff": NUMBER, "retest_days": DAYS, "validity_days": DAYS},
    "titer-information": TITER,
    "titer-threshold": TITER | {"thresholds": Param(_thresholds)},
    "titer-negative": {
        "analytes": ANALYTES,
        "validity_days": DAYS,
        "negative_to": NUMBER,
        "order_from_days": OPTIONAL_DAYS,
        "order_to_days": OPTIONAL_DAYS,
    },
    "hepatitis-b": {
        "hbsag": ANALYTE,
        "anti_hbc": ANALYTE,
        "anti_hbc_igm": ANALYTE,
        "anti_hbs": ANALYTE,
        "dna": ANALYTE,
        "validity_days": DAYS,
        "consult": CODE,
        "vaccine_days": DAYS,
    },
    "reflex": {
        "screen": ANALYTE,
        "confirm": ANALYTE,
        "validity_days": DAYS,
        "consult": CODE,
        "limit": OPTIONAL_NUMBER,
        "name": TEXT,
    },
    "panel-uln": {"analytes": ANALYTES, "validity_days": DAYS, "fail_ratio": NUMBER, "consult": CODE},
    "imaging": {"analytes": ANALYTES, "validity_days": DAYS, "consult": CODE},
    "presence": {
        "all_of": ANALYTES,
        "any_of": Param(_alternatives, ()),
        "validity_days": DAYS,
        "limits": Param(_limits, ()),
    },
    "weight": {"analytes": ANALYTES, "validity_days": DAYS, "drift_percent": NUMBER},
    "site-of-care": {"pathway": TEXT, "allowed_places": Param(_places)},
    "attestations": {"codes": CODES},
    "authorization": {},
}


def given_params(node: Node, kind: str, known: Known) -> tuple[dict[str, Any], dict[str, Source]]:
    """The parameters written in a file, with the sources of those that are numbers."""
    params: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for name, param in KINDS[kind].items():
        if node.has(name):
            params[name], source = param.read(node, name, known)
            if source is not UNKNOWN:
                sources[name] = source
    for name in node.table:
        if name not in KINDS[kind]:
            node.fault(name, f"is no parameter of a gate of kind {kind}")
    return params, sources


def completed(params: dict[str, Any], kind: str) -> tuple[dict[str, Any], list[str]]:
    """`params` with defaults for the optional ones, and the names of those that are missing."""
    spec = KINDS[kind]
    missing = [n for n, p in spec.items() if n not in params and p.default is MISSING]
    defaults = {n: p.default for n, p in spec.items() if p.default is not MISSING}
    return {n: v for n, v in (defaults | params).items() if n in spec}, missing
