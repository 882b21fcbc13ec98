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
COMBINE = ("all", "any")
MISSING_DATA = ("not_evaluable", "not_met")
BLEEDS = ("all", "treated", "spontaneous", "joint")
COUNTS = {
    "abr": BLEEDS,
    "abr_change": BLEEDS,
    "factor_use": ("all", "prophylaxis", "bleed", "surgery", "other", "without_surgery"),
}
NEEDED = {
    "fix_activity": ("assay", "comparator", "threshold"),
    "abr": ("window", "comparator", "threshold"),
    "abr_change": ("window", "comparator", "drop_percent"),
    "factor_use": ("comparator", "threshold"),
    "off_prophylaxis": (),
}
EVENTS = ("death", "liver_transplant", "withdrawn", "lost_to_follow_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition of a milestone. `threshold` is compared with the metric (for a drop: percent of change).

    `counts` says which bleeds or which uses of concentrate. `consecutive`: it fails only when it was not met at
    so many milestones in a row. `cure_days`: days after the window in which a repeated activity may still meet it.
    """

    code: str
    metric: str
    from_month: int
    assay: str = ""
    window: str = ""
    comparator: str = ""
    threshold: Decimal | None = None
    counts: str = "all"
    consecutive: int = 1
    cure_days: int = 0
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
    """One version of an outcomes-based agreement. `invented` contracts are labelled so wherever they are shown.

    `combine`: whether all criteria or any one must be met. `missing_data`: what a criterion without data is.
    `warranty_months`: a loss in month m refunds (warranty - m)/warranty of the cap; `never_off_month`: without a
    free day until that milestone all of the cap is refunded.
    """

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
    missing_data: str
    analytes: tuple[str, ...]
    censoring: tuple[str, ...]
    grace_days: int
    refund_cap_percent: Decimal
    warranty_months: int | None
    never_off_month: int | None
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
        missing_data=node.one_of("missing_data", MISSING_DATA, "not_evaluable"),
        analytes=node.texts("analytes"),
        censoring=node.texts("censoring"),
        grace_days=node.whole("grace_days"),
        refund_cap_percent=node.decimal("refund_cap_percent"),
        warranty_months=node.whole("warranty_months", 0) or None,
        never_off_month=node.whole("never_off_month", 0) or None,
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
        assay=_choice(node, "assay", ASSAYS),
        window=_choice(node, "window", WINDOWS),
        comparator=_choice(node, "comparator", COMPARATORS),
        threshold=-drop if drop is not None else node.decimal("threshold", None),
        counts=_choice(node, "counts", COUNTS.get(metric, ("all",))) or "all",
        consecutive=node.whole("consecutive", 1),
        cure_days=node.whole("cure_days", 0),
        source=source.text,
        certainty=source.certainty,
    )
    _sound(row, node)
    node.close()
    return row


def _choice(node: Node, name: str, allowed: tuple[str, ...]) -> str:
    return node.one_of(name, allowed, "") if node.has(name) else ""


def _sound(row: Criterion, node: Node) -> None:
    """Faults of keys that belong together."""
    for name in NEEDED.get(row.metric, ()):
        if not node.has(name):
            node.fault(name, f"is missing: a criterion on {row.metric} needs it")
    if row.consecutive < 1:
        node.fault("consecutive", "must be at least 1")
    if row.cure_days and row.metric != "fix_activity":
        node.fault("cure_days", "only a factor activity can be measured again")


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
    if any(m.refund_percent > 100 for m in contract.milestones):
        node.fault("milestones", "no milestone refunds more than 100 percent")
    _warranty(contract, node)


def _warranty(contract: Contract, node: Node) -> None:
    if contract.warranty_months is None:
        if contract.never_off_month is not None:
            node.fault("never_off_month", "needs warranty_months")
        return
    if any(m.refund_percent for m in contract.milestones):
        node.fault("milestones", "a warranty refunds by month of the loss, not by milestone")
    if not any(c.metric == "off_prophylaxis" for c in contract.criteria):
        node.fault("criteria", "a warranty has a criterion on off_prophylaxis")
    if contract.never_off_month not in (None, *(m.month for m in contract.milestones)):
        node.fault("never_off_month", "must be a milestone's month")


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
