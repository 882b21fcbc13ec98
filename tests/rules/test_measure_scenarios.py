"""Every measure against numbers worked out by hand: see `tests/scenarios/measures/README.md`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outcomes.rules.milestone_json import milestone_json
from tests.rules.milestone_story import milestone, offset, story

FOLDER = Path(__file__).parent.parent / "scenarios" / "measures"
DAYS = ("window_start", "window_end", "back_on_prophylaxis_on")


def rows() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.toml")):
        for row in tomllib.loads(path.read_text())["rows"]:
            yield pytest.param(row, id=f"{path.stem}: {row['name']}")


def shown(name: str, value: Any) -> Any:
    if name in DAYS:
        return offset(value)
    if isinstance(value, dict):
        return [value["comparator"] + value["value"], offset(value["on"])]
    return "" if value is None else value


@pytest.mark.parametrize("row", list(rows()))
def test_measure(row: dict[str, Any]) -> None:
    state = milestone(story(row), row.get("contract", "sample-level"), row.get("month", 12), row.get("on"))
    told = milestone_json(state)
    measured = told["measures"] or {}
    assert {n: shown(n, measured[n]) for n in row.get("measures", {})} == row.get("measures", {})
    judged = {c["code"]: c["verdict"] for c in told["criteria"]}
    assert {c: judged[c] for c in row.get("criteria", {})} == row.get("criteria", {})
    assert any(row.get("words", "") in c["reason"] for c in told["criteria"]), told["criteria"]


def test_every_measure_has_a_scenario_file() -> None:
    assert {p.stem for p in FOLDER.glob("*.toml")} == {
        "activity",
        "bleeding-rate",
        "factor-use",
        "prophylaxis",
    }
