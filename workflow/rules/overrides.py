"""A site's own numbers in place of ours, where ours is an assumption; never a number of a label, payer or trial.

Names of such numbers: `gates.<gate>.<parameter>`, e.g. `gates.liver-imaging.validity_days`, and
`turnaround_days.<analyte>`. The site's number and the one it replaces are said in the gate's source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from workflow.rules.facts import PatientFacts
from workflow.rules.gates.judge import analytes_of
from workflow.rules.protocol import Gate, Protocol, Source
from workflow.rules.site_settings import OVERRIDE, Setting

MOST = 10_000
"""A larger number is a slip of the pen: no gate, window or turnaround lasts that many days."""


def for_site(protocol: Protocol, facts: PatientFacts) -> Protocol:
    """The protocol with the numbers that the patient's site has set; those that fit nothing change nothing."""
    rows = [s for s in facts.settings if s.kind == OVERRIDE and _fits(protocol, s)]
    if not rows:
        return protocol
    turnaround = {_analyte(s): s for s in rows if _analyte(s) in protocol.turnaround_days}
    return replace(
        protocol,
        gates=tuple(_gate(g, rows, turnaround, protocol) for g in protocol.gates),
        turnaround_days={**protocol.turnaround_days, **{a: value_of(s, 0) for a, s in turnaround.items()}},
    )


def names(protocol: Protocol) -> Iterator[str]:
    """Every number of a protocol that a site may set."""
    for gate in protocol.gates:
        yield from (f"gates.{gate.code}.{name}" for name in gate.params if _assumed(gate, name))
    yield from (f"turnaround_days.{analyte}" for analyte in protocol.turnaround_days)


def number(protocol: Protocol, name: str) -> int | Decimal:
    """The number that a name stands for. Raises LookupError for a name that is not in `names`."""
    if name not in set(names(protocol)):
        raise LookupError(f"{name} is no number that a site may set")
    first, _, rest = name.partition(".")
    if first == "turnaround_days":
        return protocol.turnaround_days[rest]
    code, _, param = rest.rpartition(".")
    found: int | Decimal = protocol.gate(code)[param]
    return found


def value_of(setting: Setting, like: int | Decimal) -> Any:
    """The number of a setting, 0 to MOST, and whole where the one it replaces is; None for anything else."""
    raw = setting.payload.get("value")
    try:
        value = Decimal(str(raw))
    except InvalidOperation:
        return None
    if isinstance(raw, bool) or not value.is_finite() or not 0 <= value <= MOST:
        return None
    if isinstance(like, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else None


def _fits(protocol: Protocol, setting: Setting) -> bool:
    try:
        return value_of(setting, number(protocol, setting.key)) is not None
    except LookupError:
        return False


def _assumed(gate: Gate, name: str) -> bool:
    source, value = gate.sources.get(name), gate.params[name]
    return source is not None and source.certainty == "assumption" and isinstance(value, int | Decimal)


def _analyte(setting: Setting) -> str:
    return setting.key.removeprefix("turnaround_days.")


def _gate(gate: Gate, rows: list[Setting], turnaround: dict[str, Setting], protocol: Protocol) -> Gate:
    """The gate with its own numbers replaced, and told of turnarounds that its draws rest on."""
    found = gate
    for setting in rows:
        name = setting.key.removeprefix(f"gates.{gate.code}.")
        if name in gate.params and _assumed(gate, name):
            found = _with(found, name, setting)
    for analyte, setting in turnaround.items():
        if analyte in analytes_of(gate):
            found = _told(found, f"{analyte} turnaround", setting, str(protocol.turnaround_days[analyte]))
    return found


def _with(gate: Gate, name: str, setting: Setting) -> Gate:
    old, source = gate[name], gate.sources[name]
    told = _told(gate, name, setting, f"{old} ({source.text})")
    return replace(
        told,
        params={**gate.params, name: value_of(setting, old)},
        sources={**gate.sources, name: Source(_words(setting, str(old)), source.certainty)},
        under=_with(gate.under, name, setting) if gate.under and name in gate.under.params else gate.under,
    )


def _told(gate: Gate, name: str, setting: Setting, old: str) -> Gate:
    text = f"{gate.source.text}; {name} {_words(setting, old)}"
    return replace(gate, source=Source(text, gate.source.certainty))


def _words(setting: Setting, old: str) -> str:
    since = f" since {setting.from_on.isoformat()}" if setting.from_on else ""
    return f"{setting.payload['value']} set by the site{since} instead of {old}"
