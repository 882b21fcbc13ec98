"""A contract as plain values, parsed with every fault of its file reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from workflow.rules.effects import ObligationSet, ObligationSlot
from workflow.rules.reading import Fault, Node

METRICS = ("fix_activity", "abr", "abr_change", "factor_use", "off_prophylaxis")
ASSAYS = ("one_stage", "chromogenic")
WINDOWS = ("since_previous", "trailing_12m", "from_month_7")
COMPARATORS = (">", ">=", "<", "<=")
COMBINE = ("all",)
EVENTS = ("death", "liver_transplant", "withdrawn", "lost_to_follow_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition of a milestone. `threshold` is compared with the metric (for a drop: percent of change)."""

    code: str
    metric: str
    from_month: int
    assay: str = ""
    window: str = ""
    comparator: str = ""
    threshold: Decimal | None = None
    source: str = ""
    certainty: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    month: int
    before: int
    after: int
    refund_percent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One version of an outcomes-based agreement. `invented` contracts are labelled so wherever they are shown."""

    code: str
    version: str
    title: str
    invented: bool
    status: str
    payer: str
    effective_from: date
    effective_to: date | None
    currency: str
    price_basis: str
    price: Decimal
    combine: str
    analytes: tuple[str, ...]
    censoring: tuple[str, ...]
    grace_days: int
    refund_cap_percent: Decimal
    warranty_months: int | None
    milestones: tuple[Milestone, ...]
    criteria: tuple[Criterion, ...]

    def criteria_at(self, month: int) -> tuple[Criterion, ...]:
        """Criteria that apply at a milestone."""
        return tuple(c for c in self.criteria if month >= c.from_month)


def parse_contract(data: Mapping[str, Any]) -> tuple[Contract | None, list[Fault]]:
    """The contract, or None, and every fault with its key."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    effective_from = node.day("effective_from")
    contract = Contract(
        code=node.text("code"),
        version=node.text("version"),
        title=node.text("title"),
        invented=node.flag("invented", False),
        status=node.one_of("status", ("draft", "released")),
        payer=node.text("payer"),
        effective_from=effective_from or date.min,
        effective_to=node.day("effective_to", None),
        currency=node.text("currency"),
        price_basis=node.one_of("price_basis", ("WAC", "net", "paid")),
        price=node.decimal("price"),
        combine=node.one_of("combine", COMBINE),
        analytes=node.texts("analytes"),
        censoring=node.texts("censoring"),
        grace_days=node.whole("grace_days"),
        refund_cap_percent=node.decimal("refund_cap_percent"),
        warranty_months=node.whole("warranty_months", 0) or None,
        milestones=tuple(_milestone(n) for n in node.tables_at("milestones")),
        criteria=tuple(_criterion(code, n) for code, n in node.named_tables("criteria")),
    )
    node.close()
    _whole(contract, node)
    return (None if faults else contract), faults


def _milestone(node: Node) -> Milestone:
    row = Milestone(
        month=node.whole("month"),
        before=node.whole("before"),
        after=node.whole("after"),
        refund_percent=node.decimal("refund_percent"),
    )
    node.close()
    return row


def _criterion(code: str, node: Node) -> Criterion:
    metric = node.one_of("metric", METRICS)
    drop = node.decimal("drop_percent", None)
    source = node.source()
    row = Criterion(
        code=code,
        metric=metric,
        from_month=node.whole("from_month"),
        assay=node.one_of("assay", ASSAYS, "") if node.has("assay") else "",
        window=node.one_of("window", WINDOWS, "") if node.has("window") else "",
        comparator=node.one_of("comparator", COMPARATORS, "") if node.has("comparator") else "",
        threshold=-drop if drop is not None else node.decimal("threshold", None),
        source=source.text,
        certainty=source.certainty,
    )
    if metric == "fix_activity" and not row.assay:
        node.fault("assay", "a factor activity names its assay: one_stage or chromogenic")
    node.close()
    return row


def _whole(contract: Contract, node: Node) -> None:
    """Faults that only show when the file is looked at as a whole."""
    months = [m.month for m in contract.milestones]
    if not months:
        node.fault("milestones", "a contract has at least one milestone")
    if months != sorted(set(months)):
        node.fault("milestones", "months must rise, each once")
    if not contract.criteria:
        node.fault("criteria", "a contract has at least one criterion")
    for event in contract.censoring:
        if event not in EVENTS:
            node.fault("censoring", f"“{event}” is none of {', '.join(EVENTS)}")
    if contract.refund_cap_percent > 100:
        node.fault("refund_cap_percent", "cannot be more than 100")


def obligations(contract: Contract) -> ObligationSet:
    """The months a contract asks for, as data for the workflow."""
    return ObligationSet(
        code=f"contract:{contract.code}",
        kind="milestone",
        slots=tuple(
            ObligationSlot(month=m.month, before=m.before, after=m.after) for m in contract.milestones
        ),
        title=contract.title,
        analytes=contract.analytes,
        grace_days=contract.grace_days,
    )
