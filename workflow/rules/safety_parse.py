"""The safety part of a pathway file: triggers, extra panels, falling factor and the steroid template."""

from __future__ import annotations

from workflow.rules.gate_kinds import Known, analyte
from workflow.rules.protocol import Arm, Bridging, ExtraPanel, FactorFall, SteroidTemplate, Trigger
from workflow.rules.reading import Node

REFERENCES = ("baseline", "uln")


def parse_triggers(node: Node, known: Known) -> tuple[Trigger, ...]:
    return tuple(_trigger(rule, table, known) for rule, table in node.named_tables("triggers"))


def _trigger(rule: str, node: Node, known: Known) -> Trigger:
    arms = tuple(_arm(code, table) for code, table in node.named_tables("arms"))
    if not arms:
        node.fault("arms", "a trigger needs at least one arm")
    decision = node.has("decision_due_days")
    trigger = Trigger(
        rule=rule,
        title=node.text("title"),
        analyte=analyte(node, "analyte", known),
        baseline_days=node.whole("baseline_days"),
        arms=arms,
        source=node.source(),
        confirm_on_repeat=node.flag("confirm_on_repeat", False),
        decision_task=decision,
        decision_due_days=node.whole("decision_due_days", 0),
        decision_grace_days=node.whole("decision_grace_days") if decision else 0,
    )
    node.close()
    return trigger


def _arm(code: str, node: Node) -> Arm:
    arm = Arm(
        code=code,
        against=node.one_of("against", REFERENCES),
        ratio=node.decimal("ratio"),
        strict=node.flag("strict"),
        source=node.source(),
    )
    node.close()
    return arm


def parse_extra_panel(node: Node, kinds: set[str]) -> ExtraPanel | None:
    if not node.has("extra_panel"):
        return None
    table = node.table_at("extra_panel")
    panel = ExtraPanel(
        kind=table.one_of("kind", tuple(sorted(kinds))),
        every_days=table.whole("every_days"),
        before=table.whole("before"),
        after=table.whole("after"),
        grace_days=table.whole("grace_days"),
        source=table.source(),
    )
    if panel.before + panel.after >= max(panel.every_days, 1):
        table.fault("every_days", "the windows of two extra panels overlap")
    table.close()
    return panel


def parse_factor_fall(node: Node, known: Known) -> FactorFall | None:
    if not node.has("factor_fall"):
        return None
    table = node.table_at("factor_fall")
    fall = FactorFall(
        analyte=analyte(table, "analyte", known),
        inhibitor=analyte(table, "inhibitor", known),
        fall_percent=table.decimal("fall_percent"),
        floor=table.decimal("floor"),
        lookback_days=table.whole("lookback_days"),
        window_days=table.whole("window_days"),
        grace_days=table.whole("grace_days"),
        source=table.source(),
    )
    table.close()
    return fall


def parse_bridging(node: Node, known: Known) -> Bridging | None:
    if not node.has("bridging"):
        return None
    table = node.table_at("bridging")
    above, above_source = table.decimal_from("above")
    bridging = Bridging(
        analyte=analyte(table, "analyte", known),
        above=above,
        results=table.whole("results"),
        apart_days=table.whole("apart_days"),
        above_source=above_source,
        source=table.source(),
    )
    if bridging.results < 1:
        table.fault("results", "must be at least 1")
    table.close()
    return bridging


def parse_steroids(node: Node) -> SteroidTemplate | None:
    if not node.has("steroids"):
        return None
    table = node.table_at("steroids")
    weeks = table.wholes("usual_weeks")
    if len(weeks) != 2 or weeks[0] > weeks[1]:
        table.fault("usual_weeks", "must be [fewest, most]")
        weeks = (0, 0)
    template = SteroidTemplate(
        steps=table.steps("steps"),
        hold_mg=table.decimal("hold_mg"),
        hold_from_day=table.whole("hold_from_day"),
        hold_min_days=table.whole("hold_min_days"),
        return_from_day=table.whole("return_from_day"),
        taper=table.steps("taper"),
        usual_weeks=(weeks[0], weeks[1]),
        source=table.source(),
    )
    if template.hold_from_day != sum(days for days, _ in template.steps) + 1:
        table.fault("hold_from_day", "gap or overlap: the hold begins on the day after the steps")
    table.close()
    return template
