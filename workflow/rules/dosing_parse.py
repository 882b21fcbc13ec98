"""The dose part of a pathway file: vg/kg, vials, and the dated catalogue of drug codes per kit size."""

from __future__ import annotations

from decimal import Decimal

from workflow.rules.gate_kinds import Known, analyte
from workflow.rules.ndc import normalised
from workflow.rules.protocol import Dosing, KitSize, ListedNdc
from workflow.rules.reading import Node

WEIGHT_BASES = ("actual", "bmi-capped")


def parse_dosing(node: Node, known: Known) -> Dosing:
    kits = tuple(kit for row in node.tables_at("kits", []) for kit in _kits(row))
    dosing = Dosing(
        vg_per_kg=node.decimal("vg_per_kg"),
        vg_per_ml=node.decimal("vg_per_ml"),
        vial_ml=node.decimal("vial_ml"),
        min_vials=node.whole("min_vials"),
        max_vials=node.whole("max_vials"),
        kits=kits,
        other_ndcs=tuple(_listed(row) for row in node.tables_at("other_ndcs", [])),
        weight_analyte=analyte(node, "weight_analyte", known),
        source=node.source(),
        weight_basis=node.one_of("weight_basis", WEIGHT_BASES, "actual"),
        height_analyte=analyte(node, "height_analyte", known) if node.has("height_analyte") else "",
        bmi_cap=_optional(node, "bmi_cap"),
        max_rate_ml_h=_optional(node, "max_rate_ml_h"),
        observe_hours=_optional(node, "observe_hours"),
        use_within_hours=_optional(node, "use_within_hours"),
        kit_lead_days=node.whole("kit_lead_days") if node.has("kit_lead_days") else None,
    )
    _check(node, dosing)
    node.close()
    return dosing


def _optional(node: Node, name: str) -> Decimal | None:
    return node.decimal(name) if node.has(name) else None


def _kits(row: Node) -> list[KitSize]:
    """The kit sizes of one row: `first` to `last` vials, each with the code the pattern gives.

    In the pattern `{vials}` stands for the number of vials in two digits.
    """
    first, last = row.whole("first"), row.whole("last")
    pattern, source = row.text("ndc"), row.source()
    valid_from, valid_to = row.day("valid_from", None), row.day("valid_to", None)
    row.close()
    if last < first:
        row.fault("", f"empty band: {first} to {last} vials")
    codes = {n: _ndc(row, pattern.replace("{vials}", f"{n:02d}")) for n in range(first, last + 1)}
    return [
        KitSize(
            vials=n,
            ndc=code,
            certainty=source.certainty,
            source=source.text,
            valid_from=valid_from,
            valid_to=valid_to,
        )
        for n, code in codes.items()
    ]


def _listed(row: Node) -> ListedNdc:
    listed = ListedNdc(
        ndc=_ndc(row, row.text("ndc")),
        use=row.text("use"),
        source=row.source(),
        valid_from=row.day("valid_from", None),
        valid_to=row.day("valid_to", None),
    )
    row.close()
    return listed


def _ndc(row: Node, text: str) -> str:
    code = normalised(text, [])
    if code is None:
        row.fault("ndc", f"“{text}” is no drug code in the form 5-4-2")
    return code or ""


def _check(node: Node, dosing: Dosing) -> None:
    if dosing.min_vials > dosing.max_vials:
        node.fault("min_vials", "is above max_vials")
    for name in ("vg_per_kg", "vg_per_ml", "vial_ml"):
        if getattr(dosing, name) <= 0:
            node.fault(name, "must be above 0")
    if dosing.weight_basis == "bmi-capped" and (dosing.bmi_cap is None or not dosing.height_analyte):
        node.fault("weight_basis", "bmi-capped needs bmi_cap and height_analyte")
    sizes = [(k.vials, k.valid_from) for k in dosing.kits]
    for size in sorted({vials for vials, begin in sizes if sizes.count((vials, begin)) > 1}):
        node.fault("kits", f"{size} vials are listed twice")
    for kit in dosing.kits:
        if not dosing.min_vials <= kit.vials <= dosing.max_vials:
            node.fault("kits", f"{kit.vials} vials are outside min_vials to max_vials")
