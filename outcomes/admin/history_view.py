"""Who recorded what, and when: every fact and act of a patient, newest first; corrections say old and new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby, islice
from typing import Any
from zoneinfo import ZoneInfo

from outcomes.rules import signing
from patients.rules.words import MILESTONES, analyte, unit
from workflow.rules import contacts
from workflow.rules.charts import plain
from workflow.rules.facts import Act, Fact, History, ResultFact

SHOWN = 40
CHANGES = ("plan", "demographics", "pin", "assign", "snooze", "book", "steroid")
"""Acts that replace the act of the same key before: told as old and new."""
KEYED_BY_ID = (
    "acknowledge", "steroid", "steroid-dose", "override", "confirm-override", "void-request", "void", "infusion-note",
    "attending", "transfer-offer", "merge", "unmerge",
)  # fmt: skip
HIDDEN = ("alert", "hits", "changes", "obligations")


@dataclass(frozen=True, slots=True)
class Event:
    """One line: recorded at the site's time, by whom, what it was."""

    at: datetime
    by: str
    what: str
    detail: str


def events(known: History, *, shown: int | None = SHOWN) -> list[Event]:
    """The newest lines; all of them with `shown=None`."""
    zone = ZoneInfo(known.timezone)
    told = [Event(fact.recorded_at.astimezone(zone), fact.by, *text) for fact, text in _told(known)]
    told.sort(key=lambda e: e.at, reverse=True)
    return list(islice(_together(told), shown))


def _told(known: History) -> Iterator[tuple[Fact | ResultFact, tuple[str, str]]]:
    yield from _results(known.results)
    yield from _acts(known.acts)
    yield from _versions(_facts(known), {a.key: a.reason for a in known.acts if a.kind == "retract"})


def _versions(
    facts: Iterable[tuple[Fact, tuple[str, str]]], why: Mapping[str, str]
) -> Iterator[tuple[Fact, tuple[str, str]]]:
    """A fact that supersedes another says what the other said, or that it was entered in error and why."""
    found = list(facts)
    said = {fact.id: detail for fact, (_, detail) in found}
    for fact, (what, detail) in found:
        before = said.get(fact.supersedes) if fact.supersedes else None
        if fact.retracted:
            yield fact, (f"{what} retracted", "; ".join(filter(None, (detail, why.get(str(fact.id), "")))))
        elif before is None:
            yield fact, (what, detail)
        else:
            yield fact, (f"{what} corrected", f"{before} became {detail}")


def _facts(known: History) -> Iterator[tuple[Fact, tuple[str, str]]]:
    for b in known.bleeds:
        treated = "treated" if b.treated else "not treated"
        yield b, ("Bleed", f"{b.site}, {b.cause}, {treated}, began {_day(b.onset_on)}")
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
        lots = ", ".join(dict.fromkeys(filter(None, (k.lot, *k.vial_lots))))
        yield k, ("Kit", f"{k.vials} vials ordered {_day(k.ordered_on)}{lots and f', lot {lots}'}")
    for z in known.authorizations:
        yield z, ("Authorization", f"{z.payer}: {z.status}{z.number and f', number {z.number}'}")


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
        text = f"{analyte(r.analyte)} {_value(r)}, collected {_day(r.collected_on)}"
        if r.retracted:
            yield r, ("Result retracted", text)
        elif old is None:
            yield r, ("Result", text + ("" if r.final else f", {r.status}"))
        else:
            yield (
                r,
                (
                    "Result corrected",
                    f"{analyte(r.analyte)} of {_day(r.collected_on)}: {_value(old)} became {_value(r)}",
                ),
            )


def _value(r: ResultFact) -> str:
    """The value as reported, else as kept."""
    text = r.value_text or (
        f"{r.comparator}{plain(r.value)}" if r.value is not None else _words(r.code or "")
    )
    return f"{text} {unit(r.unit_text or r.unit)}".strip()


def _acts(acts: Iterable[Act]) -> Iterator[tuple[Act, tuple[str, str]]]:
    """Each act; one that replaces another says which of its values were what before."""
    before: dict[tuple[str, str], Act] = {}
    for act in sorted(acts, key=lambda a: (a.recorded_at, a.id)):
        if act.kind == "retract":
            continue
        old = before.get((act.kind, act.key)) if act.kind in CHANGES else None
        before[act.kind, act.key] = act
        what, detail = _act(act)
        changed = _changed(old, act) if old is not None else ""
        yield act, (what, "; ".join(filter(None, (detail, changed and f"before: {changed}"))))


def _changed(old: Act, new: Act) -> str:
    """The old values of what a new act says otherwise."""
    mine, others = _values(old), _values(new)
    return ", ".join(f"{name} {text or 'nothing'}" for name, text in mine.items() if others.get(name) != text)


def _values(act: Act) -> dict[str, str]:
    return {
        _words(k): _told_value(v)
        for k, v in act.payload.items()
        if k not in HIDDEN and isinstance(v, str) and v
    }


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
    values = [f"{name} {text}" for name, text in _values(act).items()]
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
