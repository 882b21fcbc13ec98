"""What a milestone's line says: shape and word agree, the judged assay is marked, what is missing is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from outcomes.admin import milestone_view
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.signing import milestone_id
from outcomes.rules.verdicts import MilestoneState
from tests.rules.milestone_story import milestone, story
from tests.rules.story import PERSON
from tests.rules.test_contract_terms import FIX, assessed

SAMPLE = {"fix": [[365, "os", "12.9"], [365, "ch", "5.5"]]}


def row(state: MilestoneState) -> dict[str, Any]:
    pk = milestone_id(PERSON.id, state.contract, state.month)
    plain = {"frozen": False, "signed_by": None, "changed_because": None}
    versions = [{"version": state.version, "verdict": state.verdict, **plain}]
    return {"id": str(pk), "patient": str(PERSON.id), **milestone_json(state), "versions": versions}


@pytest.mark.parametrize(
    ("assay", "word", "shape", "value"),
    [("one_stage", "Met", "disc-tick", "12.9"), ("chromogenic", "Not met", "square-x", "5.5")],
)
def test_the_same_sample_is_met_under_one_assay_and_not_under_the_other(
    assay: str, word: str, shape: str, value: str
) -> None:
    state = assessed(SAMPLE, 396, {"fix-level": {**FIX, "assay": assay, "threshold": 12}})[12]
    found = milestone_view.line(row(state))
    assert (found["mark"].text, found["mark"].shape) == (word, shape)
    (criterion,) = milestone_view.arithmetic(row(state))
    assert (criterion["mark"].text, criterion["value"]) == (word, f"{value} IU/dL")
    assert criterion["condition"] == "above 12 IU/dL"
    assert {a["assay"]: (a["text"], a["rule"]) for a in found["activities"]} == {
        "one-stage": ("12.9", assay == "one_stage"),
        "chromogenic": ("5.5", assay == "chromogenic"),
    }


def test_what_is_missing_is_named() -> None:
    nothing = row(milestone(story({}), "sample-level", 12))
    assert milestone_view.line(nothing)["missing"] == ["one-stage activity", "lead-in before the infusion"]
    seen = row(
        milestone(
            story({**SAMPLE, "events": [["lead_in", -365, ""]], "bleeds": [[-9, {}]]}), "sample-level", 12
        )
    )
    assert milestone_view.line(seen)["missing"] == []
    gap = {"events": [["lead_in", -365, ""], ["follow_up_gap", 190, ""]], "bleeds": [[-9, {}]]}
    assert milestone_view.line(row(milestone(story(gap), "sample-level", 12)))["missing"][1:] == [
        "observed days"
    ]


def test_measures_are_told_in_words() -> None:
    told = dict(milestone_view.measured(row(milestone(story(SAMPLE), "sample-level", 12))))
    assert told["Factor activity, one-stage"] == "12.9 IU/dL, 2 Mar 2027"
    assert told["Window of the bleeding rate"] == "1 Sep 2026 to 2 Mar 2027"
    assert told["Crude ABR of the lead-in"] == "not known"
    assert told["Off prophylaxis"] == "yes"
    assert milestone_view.measured(row(milestone(story({}), "sample-level", 60, 10))) == []


def test_versions_say_what_changed() -> None:
    found = row(milestone(story(SAMPLE), "sample-level", 12))
    changed = copy.deepcopy(found)
    changed["versions"][0]["changed_because"] = {
        "reason": "A result was corrected.",
        "changes": [
            {"field": "criteria.fix-level.value", "old": "12.9", "new": None},
            {
                "field": "measures.fix_one_stage",
                "old": {"value": "12.9", "comparator": "", "on": "2027-03-02"},
                "new": None,
            },
        ],
    }
    (version,) = milestone_view.versions(changed)
    assert version["changes"] == [
        "criteria: fix-level: value was 12.9, is not known",
        "measures: fix one stage was 12.9 on 2027-03-02, is not known",
    ]
