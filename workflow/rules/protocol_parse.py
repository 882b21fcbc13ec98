"""Pathway and policy files: from parsed TOML to a `Protocol`, with every fault of a file at once.

A pathway file holds all gates of the product, the calendar, the safety rules and the dose. A policy file
is an overlay: for a gate code it may change kind, parameters, authority, source and whether it blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from workflow.rules.calendar_parse import AUTHORITIES, parse_monitoring, parse_windows
from workflow.rules.dosing_parse import parse_dosing
from workflow.rules.gate_kinds import KINDS, Known, analytes, attestation, completed, given_params
from workflow.rules.protocol import Gate, MonitoringItem, Phases, Protocol, Registry, Source
from workflow.rules.reading import Fault, Node
from workflow.rules.safety_parse import (
    parse_bridging,
    parse_extra_panel,
    parse_factor_fall,
    parse_steroids,
    parse_triggers,
)

STATUSES = ("draft", "released", "withdrawn")
AVAILABILITIES = ("active", "discontinued")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What every versioned file says of itself. Only a released file is in LOCK and can be pinned."""

    code: str
    version: str
    title: str
    status: str
    effective_from: date
    effective_to: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathwayFile:
    release: Release
    protocol: Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What a policy says about one gate. None: as in the pathway."""

    kind: str | None
    authority: str
    blocking: bool | None
    source: Source
    params: Mapping[str, Any]
    sources: Mapping[str, Source]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """`pathways` is empty for a policy that adds nothing and therefore fits every pathway."""

    release: Release
    pathways: tuple[str, ...]
    gates: Mapping[str, Overlay]

    def covers(self, pathway: str) -> bool:
        return not self.pathways or pathway in self.pathways


def parse_pathway(data: Mapping[str, Any], known: Known) -> tuple[PathwayFile | None, list[Fault]]:
    """The pathway, or None and all faults. `known` names the analytes of the catalogue."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    release = parse_release(node)
    codes = node.texts("attestation_codes")
    known = replace(known, attestations=frozenset(codes))
    windows = parse_windows(node.table_at("windows"))
    monitoring = parse_monitoring(node, windows, known)
    planning = node.table_at("planning")
    protocol = Protocol(
        pathway=release.code,
        pathway_version=release.version,
        policy="",
        policy_version="",
        title=release.title,
        status=node.one_of("availability", AVAILABILITIES),
        gates=tuple(_gate(code, table, known) for code, table in node.named_tables("gates")),
        monitoring=monitoring,
        triggers=parse_triggers(node, known),
        extra_panel=parse_extra_panel(node, {m.kind for m in monitoring}),
        factor_fall=parse_factor_fall(node, known),
        steroids=parse_steroids(node),
        bridging=parse_bridging(node, known),
        dosing=parse_dosing(node.table_at("dosing"), known),
        phases=_phases(node.table_at("phases"), monitoring),
        registries=tuple(_registry(code, table) for code, table in node.named_tables("registries")),
        windows=windows.months,
        turnaround_days={},
        planning_horizon_days=planning.whole("horizon_days"),
        plan_passed_grace_days=planning.whole("plan_passed_grace_days"),
        attestation_codes=codes,
        hcc_risk=_hcc_risk(node, known),
    )
    planning.close()
    node.close()
    return (None if faults else PathwayFile(release=release, protocol=protocol)), faults


def parse_policy(data: Mapping[str, Any], known: Known) -> tuple[PolicyFile | None, list[Fault]]:
    """The policy, or None and all faults. `known` names the analytes and the attestations of all pathways."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    release = parse_release(node)
    overlays = node.named_tables("gates") if node.has("gates") else iter(())
    policy = PolicyFile(
        release=release,
        pathways=node.texts("pathways", ()),
        gates={code: _overlay(table, release.code, known) for code, table in overlays},
    )
    node.close()
    return (None if faults else policy), faults


def merge_faults(pathway: PathwayFile, policy: PolicyFile) -> list[Fault]:
    """What keeps a policy from fitting a pathway it names: gates that do not exist, missing parameters."""
    faults = []
    codes = {g.code for g in pathway.protocol.gates}
    for code in policy.gates:
        if code not in codes:
            faults.append(Fault(f"gates.{code}", f"{pathway.release.code} has no such gate"))
    for gate in pathway.protocol.gates:
        if gate.code in policy.gates:
            overlay = policy.gates[gate.code]
            _, missing = completed({**gate.params, **overlay.params}, overlay.kind or gate.kind)
            faults.extend(Fault(f"gates.{gate.code}.params.{name}", "is missing") for name in missing)
    return faults


def merge(pathway: PathwayFile, policy: PolicyFile, turnaround_days: Mapping[str, int]) -> Protocol:
    """One pathway version under one policy version. Raises LookupError when the policy does not cover it."""
    if not policy.covers(pathway.release.code):
        raise LookupError(f"policy {policy.release.code} does not cover pathway {pathway.release.code}")
    gates = tuple(_overlaid(g, policy.gates.get(g.code)) for g in pathway.protocol.gates)
    return replace(
        pathway.protocol,
        policy=policy.release.code,
        policy_version=policy.release.version,
        gates=gates,
        turnaround_days=dict(turnaround_days),
    )


def _overlaid(gate: Gate, overlay: Overlay | None) -> Gate:
    if overlay is None:
        return gate
    kind = overlay.kind or gate.kind
    params, _ = completed({**gate.params, **overlay.params}, kind)
    blocking = gate.blocking if overlay.blocking is None else overlay.blocking
    return replace(
        gate,
        kind=kind,
        authority=overlay.authority,
        blocking=blocking,
        source=overlay.source,
        params=params,
        sources={**gate.sources, **overlay.sources},
        under=replace(gate, blocking=blocking),
    )


def parse_release(node: Node) -> Release:
    """What the file says of itself."""
    version = node.text("version")
    if version and not (version.isascii() and version.isdigit()):
        node.fault("version", f"“{version}” is no whole number")
    begin, end = node.day("effective_from") or date.max, node.day("effective_to", None)
    if end is not None and end < begin:
        node.fault("effective_to", "lies before effective_from")
    return Release(
        code=node.text("code"),
        version=version,
        title=node.text("title"),
        status=node.one_of("status", STATUSES),
        effective_from=begin,
        effective_to=end,
    )


def _gate(code: str, node: Node, known: Known) -> Gate:
    kind = _kind(node)
    params, sources = _params(node, kind, known)
    full, missing = completed(params, kind) if kind else ({}, [])
    for name in missing:
        node.fault(f"params.{name}", "is missing")
    gate = Gate(
        code=code,
        kind=kind,
        title=node.text("title"),
        authority=_authority(node, node.text("authority")),
        blocking=node.flag("blocking"),
        source=node.source(),
        params=full,
        sources=sources,
    )
    node.close()
    return gate


def _overlay(node: Node, policy: str, known: Known) -> Overlay:
    kind = _kind(node) if node.has("kind") or node.has("params") else ""
    params, sources = _params(node, kind, known)
    overlay = Overlay(
        kind=kind or None,
        authority=_authority(node, node.text("authority", f"payer:{policy}")),
        blocking=node.flag("blocking") if node.has("blocking") else None,
        source=node.source(),
        params=params,
        sources=sources,
    )
    node.close()
    return overlay


def _kind(node: Node) -> str:
    kind = node.one_of("kind", tuple(KINDS))
    return kind if kind in KINDS else ""


def _params(node: Node, kind: str, known: Known) -> tuple[dict[str, Any], dict[str, Source]]:
    node.read.add("params")
    if not kind or not node.has("params"):
        return {}, {}
    return given_params(node.table_at("params"), kind, known)


def _authority(node: Node, value: str) -> str:
    if value and value not in AUTHORITIES and not value.startswith("payer:"):
        node.fault("authority", f"“{value}” is none of {', '.join(AUTHORITIES)} or payer:<policy>")
    return value


def _phases(node: Node, monitoring: tuple[MonitoringItem, ...]) -> Phases:
    """Where a phase ends. The last week of monitoring must be a week that is monitored."""
    phases = Phases(
        monitoring_to_week=node.whole("monitoring_to_week"),
        follow_up_to_month=node.whole("follow_up_to_month"),
        long_term_to_year=node.whole("long_term_to_year"),
    )
    node.close()
    weeks = {s.number for item in monitoring for s in item.slots if s.unit == "w"}
    if phases.monitoring_to_week not in weeks:
        node.fault("monitoring_to_week", "is no week of any monitoring series")
    if phases.follow_up_to_month > 12 * phases.long_term_to_year:
        node.fault("long_term_to_year", "ends before follow_up_to_month")
    return phases


def _registry(code: str, node: Node) -> Registry:
    registry = Registry(code=code, months=node.wholes("months"), source=node.source())
    if list(registry.months) != sorted(set(registry.months)):
        node.fault("months", "must rise, each month once")
    node.close()
    return registry


def _hcc_risk(node: Node, known: Known) -> dict[str, Any]:
    """Who gets liver-cancer screening: by attestation, or because a listed test was ever positive."""
    table = node.table_at("hcc_risk")
    found = {
        "attestation": attestation(table, "attestation", known),
        "positive": analytes(table, "positive", known),
        "source": table.source(),
    }
    table.close()
    return found
