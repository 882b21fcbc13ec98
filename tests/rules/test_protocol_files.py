"""The pathway and policy files that ship, and what the parser says of broken ones."""

from __future__ import annotations

import copy
import shutil
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from patients.data import catalog
from workflow import data
from workflow.rules.gate_kinds import Known
from workflow.rules.protocol import CERTAINTIES
from workflow.rules.protocol_parse import merge_faults, parse_pathway, parse_policy

FILES = sorted(path for folder in data.FOLDERS.values() for path in folder.glob("*.toml"))
KNOWN = Known(analytes=frozenset(catalog().analytes))
HEMGENIX_GATES = """age diagnosis indication prior-gene-therapy fix-inhibitor aav5-nab hepatitis-b hepatitis-c
hiv liver-enzymes liver-imaging blood-counts baseline-fix weight site-of-care attestations authorization"""

# policy: the gates that are shown but do not block
NOT_BLOCKING = {
    "label-us": {"blood-counts", "baseline-fix", "weight", "site-of-care", "authorization"},
    "us-standard": {"blood-counts", "baseline-fix", "authorization"},
    "ca-cda": {"blood-counts", "baseline-fix", "weight", "site-of-care", "authorization"},
    "tx-medicaid": {"blood-counts", "baseline-fix", "weight", "authorization"},
}
# policy: the titer must be below this limit, per assay; empty: a titer is information
TITER_LIMITS = {
    "label-us": {},
    "us-standard": {"clinical-study": 678, "extended-range": 898},
    "ca-cda": {"extended-range": 900},
    "tx-medicaid": {},
}
PLACES = {"label-us": "19 21 22", "us-standard": "19 21 22", "tx-medicaid": "11 19 21 22"}


def raw(code: str) -> dict[str, Any]:
    path = next(p for p in FILES if p.stem == f"{code}_v1")
    return tomllib.loads(path.read_text(), parse_float=Decimal)


def attestations() -> frozenset[str]:
    return frozenset(data.protocol("hemgenix", None, "label-us", None).attestation_codes)


def test_all_shipped_files_are_sound():
    assert data.faults() == ()


@pytest.mark.parametrize("policy", NOT_BLOCKING)
def test_hemgenix_gates_and_which_block(policy):
    protocol = data.protocol("hemgenix", None, policy, None)
    assert [g.code for g in protocol.gates] == HEMGENIX_GATES.split()
    assert {g.code for g in protocol.gates if not g.blocking} == NOT_BLOCKING[policy]


@pytest.mark.parametrize("policy", TITER_LIMITS)
def test_titer_limit_belongs_to_an_assay(policy):
    gate = data.protocol("hemgenix", None, policy, None).gate("aav5-nab")
    limits = {t["assay"]: t["limit"] for t in gate.params.get("thresholds", ())}
    assert limits == TITER_LIMITS[policy]
    assert gate.kind == ("titer-threshold" if limits else "titer-information")
    assert gate.authority == (f"payer:{policy}" if limits else "label-us")
    assert (gate["validity_days"], gate["order_to_days"]) == (28, 14)


@pytest.mark.parametrize("policy", PLACES)
def test_places_of_service(policy):
    gate = data.protocol("hemgenix", None, policy, None).gate("site-of-care")
    assert " ".join(gate["allowed_places"]) == PLACES[policy]


@pytest.mark.parametrize(
    ("vials", "ndc", "certainty"),
    [
        (10, "00053-0100-10", "assumption"),
        (15, "00053-0150-15", "assumption"),
        (30, "00053-0300-30", "code-set"),
        (48, "00053-0480-48", "assumption"),
    ],
)
def test_hemgenix_kit_codes(vials, ndc, certainty):
    kits = {k.vials: k for k in data.protocol("hemgenix", None, "label-us", None).dosing.kits}
    assert sorted(kits) == list(range(10, 49))
    assert (kits[vials].ndc, kits[vials].certainty) == (ndc, certainty)


def test_codes_that_are_no_kit_stay_selectable():
    ndcs = data.protocol("hemgenix", None, "label-us", None).dosing.ndcs
    assert {"00053-0099-01", "63833-0876-01"} <= set(ndcs)


@pytest.mark.parametrize(
    ("pathway", "slots"),
    [
        ("hemgenix", "w01-w13 m06 m09 m12 m18 m24 m36 m48 m60"),
        (
            "roctavian",
            "w01-w26 w28 w30 w32 w34 w36 w38 w40 w42 w44 w46 w48 w50 w52 m15 m18 m21 m24 m30 m36 m42 m48",
        ),
        ("beqvez", "w01-w18 w24 w32 w42 w52 m15 m18 m21 m24 m27 m30 m33 m36 m42 m48 m54 m60 m66 m72"),
    ],
)
def test_liver_panel_calendar(pathway, slots):
    protocol = data.protocol(pathway, None, "label-us", None)
    panel = next(m for m in protocol.monitoring if m.kind == "liver-panel")
    codes = [s.code for s in panel.slots]
    weeks, *others = slots.split()
    last = int(weeks[-2:])
    expected = [f"w{n:02d}" for n in range(1, last + 1)] + others
    assert codes[: len(expected)] == expected
    assert protocol.phases.monitoring_to_week == last
    assert all((s.before, s.after) == (3, 3) for s in panel.slots[:last])


@pytest.mark.parametrize(
    ("month", "days"),
    [(3, 14), (6, 21), (9, 30), (12, 30), (24, 30), (36, 45), (48, 45), (60, 45), (72, 60), (180, 60)],
)
def test_month_windows(month, days):
    assert data.protocol("hemgenix", None, "label-us", None).windows[month] == (days, days)


def test_week_3_factor_activity_is_mandatory():
    protocol = data.protocol("hemgenix", None, "label-us", None)
    series = next(m for m in protocol.monitoring if m.kind == "fix-activity")
    assert [s.code for s in series.slots if s.mandatory] == ["w03"]


def test_discontinued_pathway_says_so():
    assert data.protocol("beqvez", None, "label-us", None).status == "discontinued"
    assert data.protocol("hemgenix", None, "label-us", None).status == "active"


def test_turnaround_days_come_with_the_protocol():
    days = data.protocol("hemgenix", None, "label-us", None).turnaround_days
    assert {a: days[a] for a in ("AAV5_NAB", "HBSAG", "FIX_INH", "ALT", "LIVER_US")} == {
        "AAV5_NAB": 10,
        "HBSAG": 3,
        "FIX_INH": 2,
        "ALT": 1,
        "LIVER_US": 7,
    }


def test_version_in_force_by_date():
    assert data.version_in_force("pathway", "hemgenix", date(2022, 11, 22)) == "1"
    for kind, code, on in [
        ("pathway", "hemgenix", date(2022, 11, 21)),
        ("pathway", "no-such", date(2026, 1, 1)),
        ("policy", "hemgenix", date(2026, 1, 1)),
    ]:
        with pytest.raises(LookupError):
            data.version_in_force(kind, code, on)


def test_unknown_version_and_uncovered_pathway_are_refused():
    for wanted in [("hemgenix", "99", "label-us", "1"), ("roctavian", "1", "us-standard", "1")]:
        with pytest.raises(LookupError):
            data.protocol(*wanted)
    assert data.covered("roctavian", "label-us")
    assert not data.covered("roctavian", "us-standard")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_number_says_where_it_comes_from(path):
    unsourced = list(numbers_without_source(tomllib.loads(path.read_text()), "", sourced=False))
    assert unsourced == []


def numbers_without_source(value: Any, key: str, *, sourced: bool) -> Iterator[str]:
    if isinstance(value, dict):
        sourced = bool(value.get("source")) and value.get("certainty") in CERTAINTIES
        for name, inner in value.items():
            yield from numbers_without_source(inner, f"{key}.{name}", sourced=sourced)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers_without_source(inner, key, sourced=sourced)
    elif isinstance(value, int | float) and not isinstance(value, bool) and not sourced:
        yield key


# --- Broken files ---------------------------------------------------------------------------------

Break = Callable[[dict[str, Any]], object]
BROKEN: dict[str, tuple[Break, str, str]] = {
    "gap between month windows": (
        lambda d: d["windows"]["months"].pop(1),
        "windows.months[1].first",
        "gap: no window for months 6 to 8",
    ),
    "overlap of month windows": (
        lambda d: d["windows"]["months"][1].update(first=5),
        "windows.months[1].first",
        "overlap: month 5",
    ),
    "empty band": (
        lambda d: d["windows"]["months"][1].update(last=4),
        "windows.months[1]",
        "empty band: month 6 to 4",
    ),
    "gap between weekly windows": (
        lambda d: d["windows"]["week"].update(after=2),
        "monitoring.liver-panel.slots",
        "gap of 1 days between the windows of w01 and w02",
    ),
    "overlap of weekly windows": (
        lambda d: d["windows"]["week"].update(after=4),
        "monitoring.liver-panel.slots",
        "the windows of w01 and w02 overlap",
    ),
    "duplicate slot": (
        lambda d: d["monitoring"]["liver-panel"]["slots"][1]["numbers"]["value"].append(6),
        "monitoring.liver-panel.slots",
        "m06 is listed twice",
    ),
    "negative days": (
        lambda d: d["gates"]["weight"]["params"]["validity_days"].update(value=-1),
        "gates.weight.params.validity_days",
        "is negative",
    ),
    "no source": (
        lambda d: d["gates"]["age"]["params"].update(min_years=18),
        "gates.age.params.min_years",
        "has no source",
    ),
    "empty source": (
        lambda d: d["gates"]["age"]["params"]["min_years"].update(source=" "),
        "gates.age.params.min_years.source",
        "is missing",
    ),
    "bad certainty": (
        lambda d: d["gates"]["age"].update(certainty="sure"),
        "gates.age.certainty",
        "“sure” is none of",
    ),
    "unknown analyte": (
        lambda d: d["gates"]["aav5-nab"]["params"].update(analytes=["AAV5"]),
        "gates.aav5-nab.params.analytes",
        "“AAV5” is no known analyte",
    ),
    "unknown attestation": (
        lambda d: d["gates"]["attestations"]["params"]["codes"].append("oath"),
        "gates.attestations.params.codes",
        "“oath” is no known attestation",
    ),
    "unknown gate kind": (
        lambda d: d["gates"]["age"].update(kind="years"),
        "gates.age.kind",
        "“years” is none of",
    ),
    "missing parameter": (
        lambda d: d["gates"]["fix-inhibitor"]["params"].pop("cutoff"),
        "gates.fix-inhibitor.params.cutoff",
        "is missing",
    ),
    "unknown parameter": (
        lambda d: d["gates"]["hiv"]["params"].update(copies=True),
        "gates.hiv.params.copies",
        "is no parameter",
    ),
    "unknown key": (lambda d: d["dosing"].update(colour="blue"), "dosing.colour", "is no known key here"),
    "fewer vials at most than at least": (
        lambda d: d["dosing"]["max_vials"].update(value=9),
        "dosing.min_vials",
        "is above max_vials",
    ),
    "kit size twice": (
        lambda d: d["dosing"]["kits"][0].update(last=30),
        "dosing.kits",
        "30 vials are listed twice",
    ),
    "drug code of no form": (
        lambda d: d["dosing"]["other_ndcs"][0].update(ndc="53-99-1"),
        "dosing.other_ndcs[0].ndc",
        "is no drug code",
    ),
    "gap before the steroid hold": (
        lambda d: d["steroids"].update(hold_from_day=30),
        "steroids.hold_from_day",
        "gap or overlap",
    ),
    "a comma for a point": (
        lambda d: d["gates"]["fix-inhibitor"]["params"]["cutoff"].update(value="0,6"),
        "gates.fix-inhibitor.params.cutoff",
        "is no number",
    ),
    "trigger without arm": (
        lambda d: d["triggers"]["alt-rise"].update(arms={}),
        "triggers.alt-rise.arms",
        "needs at least one arm",
    ),
    "registry months out of order": (
        lambda d: d["registries"]["athn"]["months"].reverse(),
        "registries.athn.months",
        "must rise",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pathway_is_refused_with_the_key(name):
    spoil, key, message = BROKEN[name]
    broken = copy.deepcopy(raw("hemgenix"))
    spoil(broken)
    parsed, faults = parse_pathway(broken, KNOWN)
    assert parsed is None
    assert any(f.key == key and message in f.message for f in faults), faults


def test_all_faults_are_reported_at_once():
    broken = copy.deepcopy(raw("hemgenix"))
    names = [
        "negative days",
        "unknown analyte",
        "missing parameter",
        "gap between weekly windows",
        "kit size twice",
    ]
    for name in names:
        BROKEN[name][0](broken)
    _, faults = parse_pathway(broken, KNOWN)
    assert {BROKEN[n][1] for n in names} <= {f.key for f in faults}


def test_an_empty_file_is_all_faults_and_no_crash():
    parsed, faults = parse_pathway({}, KNOWN)
    assert parsed is None
    assert {"code", "version", "effective_from", "gates", "monitoring"} <= {f.key for f in faults}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every table or list of a file with every key or position in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(inner):
        yield value, key
        yield from places(child)


JUNK: tuple[Any, ...] = (None, -1, "", [], {}, [5], Decimal("NaN"), True)


@pytest.mark.parametrize("code", ["hemgenix", "us-standard"])
def test_no_spoiled_value_stops_the_parser(code):
    """Each value of a file in turn becomes something else; the answer is faults, never an exception."""
    parse = parse_pathway if code == "hemgenix" else parse_policy
    known = Known(KNOWN.analytes, attestations())
    spoiled = raw(code)
    for n, (table, key) in enumerate(list(places(spoiled))):
        kept = table[key]
        for junk in (JUNK[n % 8], JUNK[(n + 3) % 8]):
            table[key] = junk
            parse(spoiled, known)
        table[key] = kept


def test_a_policy_may_only_name_gates_of_its_pathways():
    broken = copy.deepcopy(raw("us-standard"))
    broken["gates"]["aav9-nab"] = broken["gates"].pop("aav5-nab")
    policy, faults = parse_policy(broken, Known(KNOWN.analytes, attestations()))
    pathway, _ = parse_pathway(raw("hemgenix"), KNOWN)
    assert policy and pathway and not faults
    assert [f.key for f in merge_faults(pathway, policy)] == ["gates.aav9-nab"]


def test_a_policy_that_changes_the_kind_needs_its_parameters():
    broken = copy.deepcopy(raw("us-standard"))
    del broken["gates"]["aav5-nab"]["params"]["thresholds"]
    policy, _ = parse_policy(broken, Known(KNOWN.analytes, attestations()))
    pathway, _ = parse_pathway(raw("hemgenix"), KNOWN)
    assert policy and pathway
    assert [f.key for f in merge_faults(pathway, policy)] == ["gates.aav5-nab.params.thresholds"]


# --- LOCK and the command -------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the data folders that the reader is pointed at, so that a test may spoil files."""
    folders = {kind: tmp_path / folder.name for kind, folder in data.FOLDERS.items()}
    for kind, folder in data.FOLDERS.items():
        shutil.copytree(folder, folders[kind])
    monkeypatch.setattr(data, "FOLDERS", folders)
    data.forget()
    yield tmp_path
    data.forget()


def test_a_released_file_is_never_edited(copied):
    path = copied / "protocols" / "hemgenix_v1.toml"
    path.write_text(path.read_text() + "\n")
    assert [(f.file, f.message) for f in data.lock_faults()] == [
        ("protocols/hemgenix_v1.toml", "was edited after its release: make a new version instead")
    ]


def test_a_released_file_is_locked_and_a_locked_file_stays(copied):
    policies = copied / "policies"
    shutil.copy(policies / "label-us_v1.toml", policies / "label-us_v2.toml")
    (policies / "ca-cda_v1.toml").unlink()
    assert [f.file for f in data.lock_faults()] == ["policies/label-us_v2.toml", "policies/ca-cda_v1.toml"]


def test_a_draft_needs_no_lock_and_is_not_in_force(copied):
    text = (copied / "policies" / "label-us_v1.toml").read_text()
    draft = text.replace('version = "1"', 'version = "2"').replace("released", "draft")
    (copied / "policies" / "label-us_v2.toml").write_text(draft)
    assert data.faults() == ()
    assert data.version_in_force("policy", "label-us", date(2026, 1, 1)) == "1"
    assert data.protocol("hemgenix", None, "label-us", None).policy_version == "1"


def test_check_protocols_prints_faults_of_several_files(copied, capsys):
    from django.core.management import CommandError, call_command

    spoiled = copied / "protocols" / "beqvez_v1.toml"
    spoiled.write_text(spoiled.read_text().replace('"AAVRH74_NAB"', '"NAB"'))
    (copied / "policies" / "tx-medicaid_v1.toml").write_text("code = ")
    with pytest.raises(CommandError) as refused:
        call_command("check_protocols")
    printed = capsys.readouterr().out
    assert (refused.value.returncode, str(refused.value)) == (1, "4 faults in data files")
    assert "protocols/beqvez_v1.toml: gates.aavrh74-nab.params.analytes: “NAB” is no known analyte" in printed
    assert "policies/tx-medicaid_v1.toml: is no TOML" in printed
    assert printed.count("was edited after its release") == 2


def test_check_protocols_is_content_with_what_ships(capsys):
    from django.core.management import call_command

    call_command("check_protocols")
    assert "sound" in capsys.readouterr().out
