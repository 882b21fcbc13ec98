"""Whole patients from scenario files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.rules.story import decide, history, infusion, result

FILES = sorted((Path(__file__).parent.parent / "scenarios" / "patients").glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_patient(path: Path) -> None:
    scene = tomllib.loads(path.read_text())
    rows = [
        result(r["analyte"], r["on"], r["value"], uln=r.get("uln", ""), assay=r.get("assay", ""))
        for r in scene["results"]
    ]
    told = history(results=rows, infusions=[infusion(scene["infusion_on"])])
    decision = decide(told, scene["asked_on"], scene["policy"])
    expected: dict[str, Any] = scene["expected"]
    verdicts = {g.code: g.verdict for g in decision.gates}
    assert {code: verdicts[code] for code in expected["gates"]} == expected["gates"]
    check_alert(decision, expected["alert"], scene)


def check_alert(decision: Any, expected: dict[str, Any], scene: dict[str, Any]) -> None:
    (alert,) = [a for a in decision.alerts if a.rule == expected["rule"]]
    assert (alert.first_hit_on - scene["infusion_on"]).days // 7 == expected["week"]
    assert list(alert.hits[0].arms) == expected["arms"]
    assert list(alert.not_evaluable) == expected["not_evaluable"]
    assert (str(alert.hits[0].value), str(alert.hits[0].uln)) == (expected["value"], expected["uln"])
