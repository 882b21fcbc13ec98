"""What a prior-authorization packet holds, as data: items, bleeding-rate numbers, bands, manufacturers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from workflow.rules.reading import Fault, Node

KINDS = ("gate", "diagnosis", "history", "certification", "attestation", "monitoring-plan", "steroid-plan")
WITH_GATES = ("gate", "diagnosis", "history", "certification")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSpec:
    """One item. `gates`: the first of these that the pathway has is judged. `attestation`: what is signed.

    `piece` names what is asked for beside the gate by the policies of `asked_by`.
    """

    code: str
    title: str
    kind: str
    source: str
    certainty: str
    gates: tuple[str, ...] = ()
    attestation: str = ""
    piece: str = ""
    asked_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """A word for activities of some analytes up to and including a number, in IU/dL."""

    word: str
    analytes: tuple[str, ...]
    up_to: Decimal
    source: str
    certainty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketFile:
    """One version of the packet's data. `manufacturers`: by product code in capitals."""

    code: str
    version: str
    title: str
    status: str
    effective_from: date
    items: tuple[ItemSpec, ...]
    rate_min_days: int
    rate_year_days: Decimal
    bands: tuple[Band, ...]
    manufacturers: Mapping[str, str]

    def bands_of(self, analyte: str) -> tuple[Band, ...]:
        return tuple(b for b in self.bands if analyte in b.analytes)


def parse_packet(data: Mapping[str, Any]) -> tuple[PacketFile | None, list[Fault]]:
    """The packet's data, or None, and every fault with its key."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    rate = node.table_at("bleeding_rate")
    found = PacketFile(
        code=node.text("code"),
        version=node.text("version"),
        title=node.text("title"),
        status=node.one_of("status", ("draft", "released")),
        effective_from=node.day("effective_from") or date.min,
        items=tuple(_item(n) for n in node.tables_at("items")),
        rate_min_days=rate.whole("min_days"),
        rate_year_days=rate.decimal("year_days"),
        bands=tuple(_band(n) for n in node.tables_at("severity")),
        manufacturers={code.upper(): _name(n) for code, n in node.named_tables("manufacturers")},
    )
    rate.close()
    node.close()
    _whole(found, node)
    return (None if faults else found), faults


def _item(node: Node) -> ItemSpec:
    source = node.source()
    row = ItemSpec(
        code=node.text("code"),
        title=node.text("title"),
        kind=node.one_of("kind", KINDS),
        source=source.text,
        certainty=source.certainty,
        gates=node.texts("gates", ()) if node.has("gates") else (),
        attestation=node.text("attestation", ""),
        piece=node.text("piece", ""),
        asked_by=node.texts("asked_by", ()) if node.has("asked_by") else (),
    )
    if row.kind in WITH_GATES and not row.gates:
        node.fault("gates", "is missing: the item is judged by a gate")
    if row.kind not in WITH_GATES and not row.attestation:
        node.fault("attestation", "is missing: the item is signed")
    node.close()
    return row


def _band(node: Node) -> Band:
    up_to, source = node.decimal_from("up_to")
    row = Band(node.text("word"), node.texts("analytes"), up_to, source.text, source.certainty)
    node.close()
    return row


def _name(node: Node) -> str:
    node.source()
    name = node.text("name")
    node.close()
    return name


def _whole(found: PacketFile, node: Node) -> None:
    codes = [i.code for i in found.items]
    if len(codes) != len(set(codes)):
        node.fault("items", "each code stands once")
    limits = [b.up_to for b in found.bands]
    if limits != sorted(set(limits)):
        node.fault("severity", "bands must rise, each once")
