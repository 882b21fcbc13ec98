"""A site's own numbers: only where ours is an assumption, from their day on, and said in the source."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from patients import data as patients_data
from tests.rules.story import act, certified, day, gates_met, history, infusion, moment, protocol, result
from workflow.rules.effects import GateVerdict
from workflow.rules.facts import History, PatientFacts, known, next_true_on
from workflow.rules.gates import judge
from workflow.rules.overrides import for_site, names, number
from workflow.rules.planner import feasible
from workflow.rules.site_settings import Setting

IMAGING = "gates.liver-imaging.validity_days"


def own(key: str, value: Any, *, recorded: int = -30, first: int | None = None, last: int | None = None, **more: Any) -> Setting:  # fmt: skip
    return Setting(
        kind="override",
        key=key,
        recorded_at=moment(recorded),
        from_on=None if first is None else day(first),
        to_on=None if last is None else day(last),
        payload={"value": value, **more},
    )


def told(*settings: Setting, **more: Any) -> History:
    return history(**(gates_met() | {"settings": [certified(), *settings]} | more))


def imaging(on: int, *settings: Setting, **more: Any) -> GateVerdict:
    facts = known(told(*settings, **more), as_of=day(on))
    return judge(for_site(protocol(), facts).gate("liver-imaging"), facts, facts.day0 or day(on), day(on))


def test_a_site_may_shorten_an_assumed_validity() -> None:
    assert imaging(0).valid_until == day(120)
    verdict = imaging(0, own(IMAGING, 59))
    assert verdict.verdict == "expired"
    assert "validity_days 59 set by the site since 2026-01-31 instead of 180 (half a year" in verdict.source
    assert imaging(0, own(IMAGING, "60")).valid_until == day(0)


@pytest.mark.parametrize(
    ("rows", "days"),
    [
        ([own(IMAGING, 90, recorded=-30), own(IMAGING, 100, recorded=-20)], 100),
        ([own(IMAGING, 90, recorded=-30), own(IMAGING, 100, recorded=-20, first=1)], 90),
        ([own(IMAGING, 90, recorded=-30), own(IMAGING, 90, recorded=-20, last=-1)], 180),
        ([own(IMAGING, 90, recorded=-30), own(IMAGING, 90, recorded=-20, revoked=True)], 180),
        ([own(IMAGING, 90, recorded=-30, last=0)], 90),
        ([own(IMAGING, 90, recorded=1)], 180),
        ([own(IMAGING, 90, recorded=1, first=0)], 90),
    ],
)
def test_the_newest_row_that_has_begun_decides(rows: list[Setting], days: int) -> None:
    assert imaging(0, *rows).valid_until == day(days - 60)
    assert imaging(0, *rows[::-1]).valid_until == day(days - 60)


def test_a_number_set_after_day_0_leaves_the_infusion_alone() -> None:
    given = {"infusions": [infusion()]}
    assert imaging(10, own(IMAGING, 30, recorded=5), **given).verdict == "pass"
    assert imaging(10, own(IMAGING, 30, recorded=-5), **given).verdict == "expired"


def test_what_was_set_later_was_not_known_before() -> None:
    facts = known(told(own(IMAGING, 30)), as_of=day(0), as_known_at=moment(-31))
    assert for_site(protocol(), facts) == protocol()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gates.liver-enzymes.validity_days", 30),
        ("gates.aav5-nab.validity_days", 60),
        ("gates.aav5-nab.thresholds", 900),
        ("gates.liver-imaging.consult", 1),
        ("gates.nothing.validity_days", 30),
        ("gates.liver-imaging", 30),
        ("turnaround_days.NOTHING", 3),
        ("", 3),
        (IMAGING, -1),
        (IMAGING, "1.5"),
        (IMAGING, "soon"),
        (IMAGING, None),
        (IMAGING, True),
        (IMAGING, "NaN"),
        (IMAGING, 10_001),
    ],
)
def test_what_is_no_assumption_or_no_such_number_changes_nothing(key: str, value: Any) -> None:
    facts = known(told(own(key, value)), as_of=day(0))
    assert for_site(protocol("us-standard"), facts) == protocol("us-standard")


def test_a_number_of_the_pathway_is_set_under_a_policy_too() -> None:
    facts = known(told(own("gates.aav5-nab.negative_to", "50.5")), as_of=day(0))
    gate = for_site(protocol("us-standard"), facts).gate("aav5-nab")
    assert gate.under is not None
    assert gate["negative_to"] == gate.under["negative_to"] == Decimal("50.5")
    assert gate.sources["negative_to"].text.startswith("50.5 set by the site")


def planned(*settings: Setting) -> PatientFacts:
    plan = act("plan", "", {"infusion_on": day(20).isoformat()}, -1)
    return known(told(*settings, acts=[plan]), as_of=day(0))


def test_a_site_may_set_the_turnaround_of_its_laboratory() -> None:
    def last_safe(facts: PatientFacts) -> date | None:
        draws = feasible(for_site(protocol(), facts), facts, day(0)).draws
        return next(d.last_safe for d in draws if d.gate == "aav5-nab")

    assert last_safe(planned()) == day(10)
    facts = planned(own("turnaround_days.AAV5_NAB", 5))
    assert last_safe(facts) == day(15)
    gate = for_site(protocol(), facts).gate("aav5-nab")
    assert gate.source.text.endswith("; AAV5_NAB turnaround 5 set by the site since 2026-01-31 instead of 10")
    assert for_site(protocol(), facts).gate("hiv") == protocol().gate("hiv")


def test_beginning_and_end_are_announced() -> None:
    story = history(settings=[own(IMAGING, 90, first=3, last=7), certified(day(1), day(2))])
    assert next_true_on(story, after=day(0)) == day(3)
    assert next_true_on(story, after=day(3)) == day(8)
    assert next_true_on(story, after=day(8)) is None


def test_which_numbers_a_site_may_set() -> None:
    known_names = set(names(protocol("us-standard")))
    assert {IMAGING, "gates.blood-counts.validity_days", "gates.weight.drift_percent"} <= known_names
    assert "turnaround_days.AAV5_NAB" in known_names
    assert "gates.liver-enzymes.validity_days" not in known_names
    assert {n: number(protocol(), n) for n in (IMAGING, "turnaround_days.ALT")} == {
        IMAGING: 180,
        "turnaround_days.ALT": 1,
    }


def test_every_turnaround_of_the_catalogue_is_an_assumption() -> None:
    path = Path(patients_data.__file__).parent / "catalog" / "analytes_v1.toml"
    rows = tomllib.loads(path.read_text())["analytes"].values()
    assert {r["turnaround_days"]["certainty"] for r in rows if "turnaround_days" in r} == {"assumption"}


def test_a_result_is_judged_by_the_sites_number() -> None:
    rows = [result("LIVER_US", -100, "normal", key="new"), result("LIVER_ELASTO", -100, "normal", key="new")]
    kept = [r for r in gates_met()["results"] if not r.analyte.startswith("LIVER")]
    assert imaging(0, own(IMAGING, 90), results=[*kept, *rows]).verdict == "expired"
    assert imaging(0, results=[*kept, *rows]).verdict == "pass"
