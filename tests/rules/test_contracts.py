"""Contract files and where their milestones lie: pending before the window, due from its first day, censored."""

from __future__ import annotations

import copy
import tomllib
from decimal import Decimal
from typing import Any

import pytest

from outcomes import data
from outcomes.rules.contract import obligations, parse_contract
from outcomes.rules.milestones import assess
from tests.rules.story import day, event, history, infusion
from workflow.rules.facts import known
from workflow.rules.windows import add_months

LEVEL = tomllib.loads((data.FOLDER / "sample-level_v1.toml").read_text(), parse_float=Decimal)


def test_the_shipped_contracts_are_sound_locked_and_labelled_invented() -> None:
    assert data.faults() == ()
    assert {c.code for c in data.contracts()} == {"sample-level", "sample-warranty"}
    assert all(c.invented and "invented" in c.title for c in data.contracts())


def test_an_edited_released_file_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in data.FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edited = tmp_path / "sample-level_v1.toml"
    edited.write_text(edited.read_text().replace("threshold = 5", "threshold = 6"))
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    assert [f.message for f in data._lock_faults()] == [
        "was edited after its release: make a new version instead"
    ]


def test_the_sample_terms() -> None:
    level = data.contract("sample-level", "1")
    assert [(m.month, str(m.refund_percent)) for m in level.milestones] == [
        (3, "0"), (6, "0"), (12, "20"), (24, "20"), (36, "15"), (60, "10"),
    ]  # fmt: skip
    assert (str(level.refund_cap_percent), level.price_basis, str(level.price)) == ("60", "WAC", "3500000")
    assert [c.code for c in level.criteria_at(3)] == ["fix-level"]
    assert [c.code for c in level.criteria_at(6)] == ["fix-level", "off-prophylaxis"]
    assert [c.code for c in level.criteria_at(12)] == ["fix-level", "abr-drop", "off-prophylaxis"]
    drop = next(c for c in level.criteria if c.code == "abr-drop")
    assert (str(drop.threshold), drop.comparator, drop.window) == ("-50", "<=", "from_month_7")
    warranty = data.contract("sample-warranty", "1")
    assert ([m.month for m in warranty.milestones], warranty.warranty_months) == ([6, 12, 24, 36, 48], 48)


def test_every_fault_of_a_file_is_reported_at_once() -> None:
    broken = copy.deepcopy(LEVEL)
    del broken["payer"]
    broken["milestones"][1]["month"] = 3
    del broken["milestones"][2]["source"]
    broken["criteria"]["fix-level"].pop("assay")
    broken["criteria"]["abr-drop"]["metric"] = "happiness"
    broken["censoring"] = ["moved"]
    broken["colour"] = "red"
    found, faults = parse_contract(broken)
    assert found is None
    keys = {f.key for f in faults}
    for key in ("payer", "milestones", "milestones[2]", "criteria.fix-level.assay", "criteria.abr-drop.metric",
                "censoring", "colour"):  # fmt: skip
        assert any(k == key or k.startswith(key) for k in keys), key


def verdict(month: int, on: int, *events: Any, code: str = "sample-level") -> tuple[str, str]:
    facts = known(history(infusions=[infusion()], events=events), as_of=day(on))
    state = next(
        s for s in assess(facts, data.contract(code, "1"), day(on), data.measure_rules()) if s.month == month
    )
    return state.verdict, state.reason


TARGET = (add_months(day(0), 12) - day(0)).days


@pytest.mark.parametrize(
    ("on", "word"), [(TARGET - 31, "pending"), (TARGET - 30, "due"), (TARGET, "due"), (TARGET + 30, "due")]
)
def test_pending_until_the_window_opens_then_due(on: int, word: str) -> None:
    assert verdict(12, on) == (word, "")


def test_after_the_window_without_data_it_is_not_evaluable() -> None:
    word, reason = verdict(12, TARGET + 31)
    assert word == "not_evaluable"
    assert "Missing: no one-stage sample" in reason
    assert "no lead-in" in reason


@pytest.mark.parametrize("kind", ["death", "liver_transplant", "withdrawn", "lost_to_follow_up"])
def test_milestones_after_the_end_of_observation_are_censored(kind: str) -> None:
    ended = event(kind, TARGET)
    assert verdict(12, TARGET + 1, ended)[0] == "due"
    assert verdict(24, TARGET + 1, ended)[0] == "not_evaluable"
    assert verdict(24, TARGET + 1)[0] == "pending"


def test_a_gap_does_not_censor() -> None:
    assert verdict(24, TARGET + 1, event("follow_up_gap", TARGET))[0] == "pending"


def test_before_the_infusion_there_is_no_milestone() -> None:
    facts = known(history(), as_of=day(0))
    assert assess(facts, data.contract("sample-level", "1"), day(0), data.measure_rules()) == ()


def test_what_the_workflow_is_told() -> None:
    owed = obligations(data.contract("sample-level", "1"))
    assert (owed.code, [s.month for s in owed.slots]) == ("contract:sample-level", [3, 6, 12, 24, 36, 60])
    assert (owed.slots[2].before, owed.slots[2].after) == (30, 30)


@pytest.mark.parametrize("text", ["sample-level", str(data.contract_id(data.contract("sample-level", "1")))])
def test_a_contract_is_found_by_code_and_id(text: str) -> None:
    found = data.find_contract(text)
    assert found is not None
    assert found.code == "sample-level"
