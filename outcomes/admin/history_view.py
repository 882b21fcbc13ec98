"""Who recorded what, and when: every fact and act of a patient, newest first; corrections say old and new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby, islice
from typing import Any
from zoneinfo import ZoneInfo

from outcomes.admin.patient_view import shown_unit
from outcomes.rules import signing
from patients.rules.words import MILESTONES
from workflow.rules import contacts
from workflow.rules.charts import plain
from workflow.rules.facts import Act, Fact, History, ResultFact

SHOWN = 40
KEYED_BY_ID = (
    "acknowledge", "steroid", "steroid-dose", "override", "confirm-override", "void-request", "void", "infusion-note",
    "attending", "transfer-offer",
)  # fmt: skip
HIDDEN = ("alert", "hits", "changes", "obligations")


@dataclass(frozen=True, slots=True)
class Event:
    """One line: recorded at the site's time, by whom, what it was."""

    at: datetime
    by: str
    what: str
    detail: str


def events(known: History) -> list[Event]:
    zone = ZoneInfo(known.timezone)
    told = [Event(fact.recorded_at.astimezone(zone), fact.by, *text) for fact, text in _told(known)]
    told.sort(key=lambda e: e.at, reverse=True)
    return list(islice(_together(told), SHOWN))


def _told(known: History) -> Iterator[tuple[Fact, tuple[str, str]]]:
    yield from _results(known.results)
    yield from ((a, _act(a)) for a in known.acts)
    for b in known.bleeds:
        yield b, ("Bleed", f"{b.site}, {b.cause}, began {_day(b.onset_on)}")
    for u in known.factor_uses:
        yield u, ("Factor use", f"{u.product} {plain(u.iu)} IU on {_day(u.given_on)}, {u.reason}")
    for r in known.regimens:
        yield (
            r,
            ("Prophylaxis", f"{r.product} {plain(r.iu_per_kg)} IU/kg every {plain(r.interval_days)} days"),
        )
    for t in known.attestations:
        yield t, ("Attestation", f"{_words(t.code)}: {'yes' if t.value else 'no'}, {_day(t.on)}")
    for e in known.events:
        yield e, ("Event", f"{_words(e.kind)} from {_day(e.from_on)}")
    for c in known.coverages:
        yield c, ("Coverage", f"{c.payer} from {_day(c.from_on)}")
    for d in known.draws:
        yield d, ("Blood drawn", f"{_words(d.panel)} on {_day(d.drawn_on)}, result awaited")
    for i in known.infusions:
        yield i, ("Infusion", f"{i.outcome}, {plain(i.volume_ml)} mL on {_day(i.day0)}")
    for k in known.kits:
        yield k, ("Kit", f"{k.vials} vials ordered {_day(k.ordered_on)}")
    for z in known.authorizations:
        yield z, ("Authorization", f"{z.payer}: {z.status}")


def _together(told: list[Event]) -> Iterator[Event]:
    """Results of one draw that were recorded at once stand in one line."""
    for key, same in groupby(
        told, key=lambda e: (e.at, e.by, e.what, e.detail.rpartition(", collected ")[2])
    ):
        lines = list(same)
        if key[2] == "Result" and len(lines) > 1:
            values = ", ".join(e.detail.rpartition(", collected ")[0] for e in lines)
            yield replace(lines[0], detail=f"{values}, collected {key[3]}")
        else:
            yield from lines


def _results(results: Iterable[ResultFact]) -> Iterator[tuple[ResultFact, tuple[str, str]]]:
    """Each version; one that follows another of its lineage says old and new."""
    before: dict[Any, ResultFact] = {}
    for r in sorted(results, key=lambda r: (r.recorded_at, r.id)):
        old, before[r.lineage] = before.get(r.lineage), r
        text = f"{r.analyte} {_value(r)}, collected {_day(r.collected_on)}"
        if r.retracted:
            yield r, ("Result retracted", text)
        elif old is None:
            yield r, ("Result", text + ("" if r.final else f", {r.status}"))
        else:
            yield (
                r,
                (
                    "Result corrected",
                    f"{r.analyte} of {_day(r.collected_on)}: {_value(old)} became {_value(r)}",
                ),
            )


def _value(r: ResultFact) -> str:
    """The value as reported, else as kept."""
    text = r.value_text or (
        f"{r.comparator}{plain(r.value)}" if r.value is not None else _words(r.code or "")
    )
    return f"{text} {shown_unit(r.unit_text or r.unit)}".strip()


def _act(act: Act) -> tuple[str, str]:
    """An act by its kind; the payload's plain values and the reason say the rest."""
    if act.kind == signing.KIND:
        found = act.payload["statement"]
        verdict = MILESTONES[found["milestone"]["verdict"]]
        return (
            "Milestone attested",
            f"{act.key.partition(':')[2]}: {verdict}, version {act.payload['version']}",
        )
    if act.kind == "contact":
        return "Contact", "; ".join(filter(None, (act.key, contacts.said(act.payload), act.reason)))
    values = [
        f"{_words(k)} {_told_value(v)}"
        for k, v in act.payload.items()
        if k not in HIDDEN and isinstance(v, str) and v
    ]
    about = "" if act.kind in KEYED_BY_ID else act.key
    parts = [p for p in (about, ", ".join(values), act.reason) if p]
    return _words(act.kind).capitalize(), "; ".join(dict.fromkeys(parts))


def _told_value(text: str) -> str:
    try:
        return _day(date.fromisoformat(text))
    except ValueError:
        return _words(text)


def _words(code: str) -> str:
    return code.replace("_", " ").replace("-", " ")


def _day(on: date) -> str:
    return f"{on.day} {on:%b} {on.year}"
