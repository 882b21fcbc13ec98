"""Every gate, row by row from its scenario file: see `tests/scenarios/gates/README.md`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patients.rules import words
from tests.rules.story import (
    PERSON,
    act,
    attest,
    bleed,
    certified,
    day,
    gates_met,
    history,
    infusion,
    moment,
    name,
    protocol,
    regimen,
    result,
)  # fmt: skip
from workflow import data
from workflow.rules.facts import AuthorizationFact, History, KitFact, WaitingItem, known
from workflow.rules.gates import breakpoints, judge
from workflow.rules.site_settings import Setting

FOLDER = Path(__file__).parent.parent / "scenarios" / "gates"


def rows() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.toml")):
        table = tomllib.loads(path.read_text())
        for row in table["rows"]:
            yield pytest.param(path.stem, table.get("lacks", []), row, id=f"{path.stem}: {row['name']}")


def told(lacks: list[str], row: dict[str, Any]) -> History:
    """The patient of a row."""
    met = gates_met()
    gone = {*lacks, *row.get("without", [])}
    results = [r for r in met["results"] if r.analyte not in gone]
    results += [result(a, on, v, **(more[0] if more else {})) for on, a, v, *more in row.get("results", [])]
    sworn = [a for a in met["attestations"] if a.code not in gone]
    sworn += [attest(*a) for a in row.get("attested", [])]
    facts: dict[str, Any] = {
        "results": results,
        "attestations": sworn,
        "regimens": [] if "regimens" in gone else met["regimens"],
        "bleeds": [bleed(on, life_threatening=grave) for on, grave in row.get("bleeds", [])],
        "settings": _certifications(row),
        "kits": _kits(row),
        "waiting": _waiting(row),
        "authorizations": _authorizations(row),
        "infusions": [infusion()] if row.get("infused") else [],
    }
    facts["regimens"] = [*facts["regimens"], *(regimen(*r) for r in row.get("regimens", []))]
    return history(**facts, person=replace(PERSON, birth_date=row.get("born", PERSON.birth_date)))


def _certifications(row: dict[str, Any]) -> list[Setting]:
    """In the reverse order of recording, because their order must not matter."""
    spans = [row.get("certified", [date(2020, 1, 1)]), *row.get("certified_then", [])]
    return [certified(*span, row=i) for i, span in enumerate(spans)][::-1]


def _kits(row: dict[str, Any]) -> list[KitFact]:
    from decimal import Decimal

    if "kit" not in row:
        return []
    return [
        KitFact(
            id=name("kit"), recorded_at=moment(-10), ordered_on=day(-10), weight_kg=Decimal(row["kit"]), vials=20,
            received_on=None,
        )
    ]  # fmt: skip


def _waiting(row: dict[str, Any]) -> list[WaitingItem]:
    """Analyte, reason and, where the item says when it was collected, the day."""
    if "waiting" not in row:
        return []
    analyte, reason, *on = row["waiting"]
    return [
        WaitingItem(
            id=name("waiting"),
            analyte=analyte,
            reason=reason,
            received_at=moment(row.get("received", -29)),
            collected_on=day(on[0]) if on else None,
        )
    ]


def _authorizations(row: dict[str, Any]) -> list[AuthorizationFact]:
    if "authorization" not in row:
        return []
    status, *span = row["authorization"]
    first, last = span or (None, None)
    return [
        AuthorizationFact(
            id=name("pa"), recorded_at=moment(-20), payer="Sample", number="1", status=status, submitted_on=day(-20),
            decided_on=day(row["decided"]) if "decided" in row else None, valid_from=None if first is None else day(first), valid_to=None if last is None else day(last),
        )
    ]  # fmt: skip


@pytest.mark.parametrize(("code", "lacks", "row"), list(rows()))
def test_gate(code: str, lacks: list[str], row: dict[str, Any]) -> None:
    on = day(row.get("on", 0))
    asked = day(row.get("asked", row.get("on", 0)))
    facts = known(told(lacks, row), as_of=asked)
    verdict = judge(protocol(row.get("policy", "label-us")).gate(code), facts, on, asked)
    assert verdict.verdict == row["verdict"], verdict.reason
    assert row.get("words", "") in verdict.reason
    assert row.get("next", "") in verdict.next_step
    if "silent" in row:
        assert row["silent"] not in verdict.reason
    if "until" in row:
        assert verdict.valid_until == day(row["until"])
    if "blocking" in row:
        assert verdict.blocking is row["blocking"]
    if "authority" in row:
        assert verdict.authority == row["authority"]
    if verdict.verdict not in ("pass", "waived"):
        assert verdict.next_step
    assert verdict.reason.endswith(".")
    assert not [c for c in words.ANALYTES if "_" in c and c in verdict.reason + verdict.next_step], "a code"
    assert verdict.source and verdict.certainty


def test_every_gate_of_the_pathway_has_a_scenario_file() -> None:
    assert {p.stem for p in FOLDER.glob("*.toml")} == {g.code for g in protocol().gates}


@pytest.mark.parametrize("policy", ["label-us", "us-standard", "ca-cda", "tx-medicaid"])
def test_with_everything_in_place_every_gate_passes(policy: str) -> None:
    met = gates_met()
    assay = {"ca-cda": "extended-range"}.get(policy, "clinical-study")
    met["results"] = [r._replace(assay=assay) if r.analyte == "AAV5_NAB" else r for r in met["results"]]
    facts = known(history(**met), as_of=day(0))
    verdicts = {g.code: judge(g, facts, day(0), day(0)).verdict for g in protocol(policy).gates}
    assert {c for c, v in verdicts.items() if v != "pass"} == {"authorization"}


SHOWN_ONLY = {"blood-counts", "baseline-fix", "authorization"}


@pytest.mark.parametrize(
    ("policy", "shown_only"),
    [
        ("label-us", SHOWN_ONLY | {"weight", "site-of-care"}),
        ("us-standard", SHOWN_ONLY),
        ("ca-cda", SHOWN_ONLY | {"weight", "site-of-care"}),
        ("tx-medicaid", SHOWN_ONLY | {"weight"}),
    ],
)
def test_which_gates_block(policy: str, shown_only: set[str]) -> None:
    assert {g.code for g in protocol(policy).gates if not g.blocking} == shown_only
    assert len(protocol(policy).gates) == 17


def test_a_rule_that_fails_is_no_all_clear() -> None:
    gate = replace(protocol().gate("age"), params={})
    verdict = judge(gate, known(history(), as_of=day(0)), day(0), day(0))
    assert verdict.verdict == "indeterminate"
    assert verdict.blocks


def test_an_overridden_gate_is_waived_by_name_and_reason() -> None:
    given_anyway = infusion()
    gates = [{"code": "age", "verdict": "fail", "reason": "11 years"}]
    payload = {"second_person": "dr-b", "gates": gates}
    override = act("override", str(given_anyway.id), payload, 0, by="dr-a", reason="trial")
    told_history = history(
        infusions=[given_anyway], acts=[override], person=replace(PERSON, birth_date=date(2015, 1, 1))
    )
    verdict = judge(protocol().gate("age"), known(told_history, as_of=day(0)), day(0), day(0))
    assert verdict.verdict == "waived"
    assert verdict.reason == "Waived by dr-a and dr-b (not yet confirmed): trial (was fail: 11 years)"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-60, 60), st.sampled_from(["30", "60", "90"])), max_size=4),
    st.lists(st.tuples(st.sampled_from(["ALT", "FIX_INH", "HBV_DNA"]), st.integers(-60, 60)), max_size=3),
    st.lists(st.tuples(st.integers(-60, 60), st.sampled_from(["0.1", "0.9", "<0.7"])), max_size=4),
    st.sampled_from(["label-us", "us-standard"]),
)
def test_a_verdict_changes_at_breakpoints_only(
    alts: list[tuple[int, str]],
    waiting: list[tuple[str, int]],
    inhibitors: list[tuple[int, str]],
    policy: str,
) -> None:
    met = gates_met()
    met["waiting"] = [
        WaitingItem(
            id=name("waiting", i),
            analyte=a,
            reason="unit-unknown",
            received_at=moment(on),
            collected_on=day(on),
        )
        for i, (a, on) in enumerate(waiting)
    ]
    met["results"] = [
        *met["results"],
        *(result("ALT", on, v, uln="40", key=str(i)) for i, (on, v) in enumerate(alts)),
        *(result("FIX_INH", on, v, key=str(i)) for i, (on, v) in enumerate(inhibitors)),
    ]
    facts = known(history(**met), as_of=day(60))
    for gate in protocol(policy).gates:
        points = breakpoints(gate, facts)
        before = judge(gate, facts, day(-60), day(60))
        for on in range(-59, 120):
            now = judge(gate, facts, day(on), day(60))
            if now.verdict != before.verdict:
                assert day(on) in points, (gate.code, on, before.verdict, now.verdict)
            before = now


VALUES = {
    "HBSAG": ("negative",), "HBCAB": ("negative", "positive"), "HBSAB": ("negative", "positive"),
    "HBV_DNA": ("not detected", "<10"), "HCV_AB": ("negative", "positive"), "HCV_RNA": ("not detected", "<15"),
    "HIV_AGAB": ("negative", "positive"), "HIV_RNA": ("20", "not detected"), "PLT": ("220",), "INR": ("1.0",),
    "PT": ("12",), "ALT": ("30", "60"), "FIX_INH": ("0.1",), "WEIGHT": ("72",), "LIVER_US": ("normal",),
    "AAV5_NAB": ("1:21",), "FIX_CH": ("0.9",),
}  # fmt: skip
DRAWN = st.tuples(st.sampled_from(sorted(VALUES)), st.integers(-40, 0), st.integers(0, 1))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(DRAWN, max_size=8),
    st.booleans(),
    st.integers(0, 20),
    st.sampled_from(["label-us", "us-standard"]),
)
def test_a_pass_or_hold_lasts_exactly_to_its_last_valid_day(
    drawn: list[tuple[str, int, int]], consulted: bool, on: int, policy: str
) -> None:
    met = gates_met()
    rows = [
        result(a, at, VALUES[a][which % len(VALUES[a])], uln="40", assay="clinical-study", key=str(i))
        for i, (a, at, which) in enumerate(drawn)
    ]
    sworn = [*met["attestations"], *([attest("hepatology-consult", 0)] if consulted else [])]
    told_history = history(results=[*met["results"], *rows], attestations=sworn, regimens=met["regimens"])
    facts = known(told_history, as_of=day(0))
    for gate in protocol(policy).gates:
        verdict = judge(gate, facts, day(on), day(0))
        until = verdict.valid_until
        if verdict.verdict not in ("pass", "hold") or until is None:
            continue
        later = [judge(gate, facts, day(n), day(0)) for n in range(on, (until - day(0)).days + 2)]
        assert [v.verdict == verdict.verdict for v in later] == [*[True] * (len(later) - 1), False], gate.code
        assert {v.valid_until for v in later[:-1]} == {until}, gate.code


def test_places_of_service() -> None:
    from workflow.rules.gates import allowed_places

    assert allowed_places(protocol("us-standard")) == ("19", "21", "22")
    assert set(allowed_places(protocol("tx-medicaid"))) == {"11", "19", "21", "22"}
    assert allowed_places(protocol("label-us")) == allowed_places(protocol("ca-cda")) == ()
    assert data.codes("policy") == {"label-us", "us-standard", "ca-cda", "tx-medicaid"}
