"""`status/`: the shape, the two times, and a bounded number of queries."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outcomes.services import cohort
from tests.api.conftest import NOW, TODAY, V1, World, ok, pointers, problem

KEYS = {
    "patient", "as_of", "as_known_at", "pathway", "policy", "phase", "plan", "infusion", "ready",
    "blocked_by", "feasible", "gates", "tasks", "alerts", "steroid_courses", "milestones",
}  # fmt: skip
OVERHEAD = re.compile(
    r"SAVEPOINT|set_config|current_setting|daymark_all_sites|knox_authtoken|django_session"
    r"|patients_membership|patients_readlog|\"patients_user\"",
    re.IGNORECASE,
)


def status_url(patient: UUID) -> str:
    return V1 + f"patients/{patient}/status/"


def test_a_status_has_every_part_of_its_public_shape(world: World) -> None:
    patient = world.told(cohort.steroids_running, policy="us-standard", contract="sample-level")
    body = ok(world.api().get(status_url(patient)))
    assert set(body) >= KEYS
    assert (body["patient"], body["as_of"]) == (str(patient), "2027-03-01")
    assert body["pathway"]["id"] == "hemgenix" and body["policy"]["id"] == "us-standard"
    assert (body["phase"], body["feasible"]) == ("monitoring", None)
    assert set(body["gates"][0]) >= {
        "code", "verdict", "blocking", "authority", "reason", "next_step", "valid_until", "rule", "evidence",
    }  # fmt: skip
    assert set(body["tasks"][0]) >= {
        "key", "kind", "title", "opens_on", "due_on", "closes_on", "booked_on", "booked_delta_days", "state", "obligations",
        "fulfilled_by", "why",
    }  # fmt: skip
    alert = next(a for a in body["alerts"] if a["rule"] == "alt-rise")
    assert (alert["value"], alert["unit"], alert["uln"]) == ("88", "U/L", "45")
    assert set(alert["arms"]) == {"above_2x_baseline", "above_uln"}
    assert body["steroid_courses"][0]["steps"][0]["mg_per_day"] == "60"
    assert [m["month"] for m in body["milestones"]] == [3, 6, 12, 24, 36, 60]
    assert body["infusion"]["day0"] == (TODAY - timedelta(57)).isoformat()


def test_as_of_shows_the_patient_as_on_that_day(world: World) -> None:
    """Before the infusion the same facts give a booked plan and no alert."""
    patient = world.told(cohort.alert_open)
    day0 = TODAY - timedelta(36)
    before = ok(world.api().get(status_url(patient), {"as_of": (day0 - timedelta(1)).isoformat()}))
    assert (before["phase"], before["infusion"], before["alerts"]) == ("scheduled", None, [])
    assert before["plan"]["infusion_on"] == day0.isoformat()
    after = ok(world.api().get(status_url(patient), {"as_of": day0.isoformat()}))
    assert after["infusion"]["day0"] == day0.isoformat() and after["plan"] is None


def test_as_of_may_lie_ahead(world: World) -> None:
    patient = world.told(cohort.infused_last_week)
    ahead = ok(world.api().get(status_url(patient), {"as_of": "2027-12-31"}))
    assert ahead["phase"] == "follow_up"
    states = {t["key"]: t["state"] for t in ahead["tasks"]}
    assert states["liver-panel:w03"] == "missed"


def test_as_known_at_shows_what_was_known_then(world: World) -> None:
    """A value of week 4 that was corrected a day later: known then as 95, known now as 29."""
    patient = world.told(cohort.corrected_value)
    week4 = TODAY - timedelta(3)
    then = NOW - timedelta(days=3)
    old = ok(world.api().get(status_url(patient), {"as_known_at": then.isoformat()}))
    assert (old["as_of"], [a["value"] for a in old["alerts"]]) == (week4.isoformat(), ["95"])
    assert [a["state"] for a in old["alerts"]] == ["open"]
    new = ok(world.api().get(status_url(patient)))
    assert [a["state"] for a in new["alerts"]] == ["withdrawn"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"as_of": "yesterday"}, "/as_of"),
        ({"as_of": "0001-01-01"}, "/as_of"),
        ({"as_of": "9999-12-31"}, "/as_of"),
        ({"as_known_at": "2027-02-01"}, "/as_known_at"),
        ({"as_known_at": "2027-02-01T10:00:00"}, "/as_known_at"),
        ({"as_known_at": "2027-03-02T10:00:00Z"}, "/as_known_at"),
        ({"as_known_at": "2020-01-01T10:00:00Z"}, "/as_known_at"),
    ],
)
def test_impossible_times_are_refused(world: World, query: dict[str, str], pointer: str) -> None:
    assert pointers(world.api().get(status_url(world.told(cohort.referred)), query)) == {pointer}


def test_an_unknown_question_is_refused(world: World) -> None:
    problem(world.api().get(status_url(world.told(cohort.referred)), {"asof": "2027-01-01"}), 400)
    problem(world.api().get(status_url(uuid4())), 404)


def test_reading_a_status_writes_nothing_but_the_read_log(world: World) -> None:
    patient = world.told(cohort.alert_open)
    api = world.api()
    ok(api.get(status_url(patient)))
    with CaptureQueriesContext(connection) as queries:
        ok(api.get(status_url(patient)))
    writes = [
        q["sql"] for q in queries if re.search(r"\b(insert into|update \"|delete from)", q["sql"].lower())
    ]
    assert len(writes) == 1 and "patients_readlog" in writes[0]


def test_six_hundred_results_need_no_more_than_twelve_queries(world: World) -> None:
    teller = world.teller()
    cohort.alert_open(teller)
    days = [TODAY - timedelta(1000 - 6 * week) for week in range(150)]
    items = [teller._item(on, a, "24", {}) for on in days for a in ("ALT", "AST", "ALP", "TBIL")]
    api = world.api()
    ok(api.post(V1 + f"patients/{teller.patient}/results/", items))
    with CaptureQueriesContext(connection) as queries:
        ok(api.get(status_url(teller.patient)))
    own = [q["sql"] for q in queries if not OVERHEAD.search(q["sql"])]
    assert len(own) <= 12, own
