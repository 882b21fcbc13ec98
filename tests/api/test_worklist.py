"""`worklist/` and `alerts/`: lists over all patients with filters, and the answers to them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from outcomes.services import cohort
from tests.api.conftest import NOW, TODAY, V1, World, ok, pointers, problem
from workflow.services import undelivered

TASK_KEYS = {
    "id", "patient", "site", "key", "kind", "title", "opens_on", "due_on", "closes_on", "booked_on",
    "booked_delta_days", "state", "obligations", "fulfilled_by", "why", "assignee", "snoozed_until",
}  # fmt: skip
CLOSED = {"done", "done_out_of_window", "waived", "cancelled", "missed"}


def tasks(world: World, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ok(world.api().get(V1 + "worklist/", {"page_size": 200, **query}))["results"]
    return rows


def act(world: World, task: dict[str, Any], verb: str, body: Any, role: str = "coordinator") -> Any:
    return world.api(role).post(V1 + f"worklist/{task['id']}/{verb}/", body)


@pytest.fixture
def task(world: World) -> dict[str, Any]:
    """An open liver panel."""
    world.told(cohort.infused_last_week)
    return next(t for t in tasks(world) if t["state"] == "open" and t["kind"] == "liver-panel")


def test_a_row_is_a_task_with_its_patient_and_site(world: World) -> None:
    patient = world.told(cohort.infused_last_week)
    row = tasks(world)[0]
    assert set(row) >= TASK_KEYS
    assert (row["patient"], row["site"]) == (str(patient), "north")


def test_tasks_are_filtered(world: World) -> None:
    first = world.told(cohort.weeks_missed, "N-1")
    second = world.told(cohort.infused_last_week, "N-2")
    world.told(cohort.infused_last_week, "S-1", "south")
    every = tasks(world)
    assert {t["patient"] for t in every} == {str(first), str(second)}
    assert {t["state"] for t in tasks(world, state="open")} == {"open"}
    assert {t["kind"] for t in tasks(world, kind="fix-activity")} == {"fix-activity"}
    assert {t["patient"] for t in tasks(world, patient=str(second))} == {str(second)}
    soon = tasks(world, due_before="2027-03-05")
    assert soon and all(t["due_on"] < "2027-03-05" for t in soon)
    assert tasks(world, site="south") == [] and tasks(world, assignee="nobody") == []
    dues = [t["due_on"] for t in tasks(world, ordering="-due_on")]
    assert dues == sorted(dues, reverse=True)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"state": "sleeping"}, 422),
        ({"due_before": "soon"}, 422),
        ({"patient": "no-uuid"}, 422),
        ({"colour": "red"}, 400),
        ({"ordering": "title"}, 400),
        ({"kind": "\x00"}, 400),
    ],
)
def test_odd_questions_are_refused(world: World, query: dict[str, str], status: int) -> None:
    problem(world.api().get(V1 + "worklist/", query), status)


@pytest.mark.parametrize(("verb", "state"), [("complete", "done"), ("waive", "waived"), ("miss", "missed")])
def test_a_task_is_ended_with_a_reason(world: World, task: dict[str, Any], verb: str, state: str) -> None:
    assert pointers(act(world, task, verb, {})) == {"/reason"}
    body = ok(act(world, task, verb, {"reason": "seen at the other hospital"}))
    assert (body["id"], body["state"]) == (task["id"], state)
    status = ok(world.api().get(V1 + f"patients/{task['patient']}/status/"))
    assert next(t["state"] for t in status["tasks"] if t["key"] == task["key"]) == state


def test_an_ended_task_is_not_ended_twice(world: World, task: dict[str, Any]) -> None:
    ok(act(world, task, "complete", {"reason": "done by phone"}))
    for verb in ("complete", "waive", "miss"):
        problem(act(world, task, verb, {"reason": "again"}), 409)


def test_a_snoozed_task_keeps_its_dates(world: World, task: dict[str, Any]) -> None:
    assert pointers(act(world, task, "snooze", {"until": TODAY.isoformat(), "reason": "x"})) == {"/until"}
    until = (TODAY + timedelta(2)).isoformat()
    body = ok(act(world, task, "snooze", {"until": until, "reason": "courier late"}))
    assert body["snoozed_until"] == until
    dates = ("opens_on", "due_on", "closes_on")
    assert [body[n] for n in dates] == [task[n] for n in dates]


def test_a_task_is_assigned_to_a_colleague_of_the_site(world: World, task: dict[str, Any]) -> None:
    name = world.user("clinician").username
    assert ok(act(world, task, "assign", {"assignee": name}))["assignee"] == name
    assert [t["id"] for t in tasks(world, assignee=name)] == [task["id"]]
    assert ok(act(world, task, "assign", {"assignee": ""}))["assignee"] is None
    foreign = world.user("clinician", "south").username
    assert pointers(act(world, task, "assign", {"assignee": foreign})) == {"/assignee"}
    assert pointers(act(world, task, "assign", {"assignee": "nobody-here"})) == {"/assignee"}


def test_a_task_taken_meanwhile_answers_with_both_values(world: World, task: dict[str, Any]) -> None:
    coordinator, clinician = (world.user(r).username for r in ("coordinator", "clinician"))
    ok(act(world, task, "assign", {"assignee": clinician, "seen": "", "reason": "on call"}, "clinician"))
    body = problem(act(world, task, "assign", {"assignee": coordinator, "seen": ""}), 412)
    assert (body["current"], body["submitted"]) == ({"assignee": clinician}, {"assignee": coordinator})


def test_an_ended_task_says_who_ended_it(world: World, task: dict[str, Any]) -> None:
    ok(act(world, task, "complete", {"reason": "done by phone"}, "clinician"))
    body = problem(act(world, task, "complete", {"reason": "done"}), 409)
    assert (body["ended_by"], body["ended_at"]) == ("clinician-north", "2027-03-01T11:00:00Z")
    assert "clinician-north on 1 Mar 2027 at 12:00" in body["detail"]


def test_a_hold_ends_with_the_window_and_can_be_lifted(world: World, task: dict[str, Any]) -> None:
    beyond = (date.fromisoformat(task["closes_on"]) + timedelta(1)).isoformat()
    assert pointers(act(world, task, "snooze", {"until": beyond, "reason": "x"})) == {"/until"}
    assert ok(act(world, task, "snooze", {"until": task["closes_on"], "reason": "x"}))["snoozed_until"]
    assert ok(act(world, task, "snooze", {"until": None, "reason": "back"}))["snoozed_until"] is None


CALL = {"who": "patient", "how": "phone", "outcome": "left_message"}


def test_contacts_are_logged_and_the_list_shows_them_at_once(world: World, task: dict[str, Any]) -> None:
    made = ok(
        act(world, task, "contacts", {**CALL, "at": "2027-03-01T09:30:00+01:00", "note": "neighbour"}), 201
    )
    assert set(made) == {"id", "at", "who", "how", "outcome", "note", "by", "recorded_at"}
    ok(act(world, task, "contacts", CALL), 201)
    listed = ok(world.api().get(V1 + f"worklist/{task['id']}/contacts/"))["results"]
    assert [c["at"] for c in listed] == ["2027-03-01T11:00:00Z", "2027-03-01T08:30:00Z"]
    row = next(t for t in tasks(world) if t["id"] == task["id"])
    assert row["contacts"]["count"] == 2 and row["contacts"]["last"]["outcome"] == "left_message"
    hidden = ok(world.api("auditor").get(V1 + f"worklist/{task['id']}/contacts/"))["results"]
    assert [c["note"] for c in hidden] == [None, None]


ODD_CALLS = [
    ({"who": "neighbour"}, "/who"),
    ({"how": "pigeon"}, "/how"),
    ({"outcome": "ok"}, "/outcome"),
    ({"who": "other"}, "/note"),
    ({"outcome": "other"}, "/note"),
    ({"at": "2027-03-01T12:00:00Z"}, "/at"),
    ({"at": "yesterday"}, "/at"),
]


def test_a_contact_is_in_known_words_and_not_ahead_of_the_clock(world: World, task: dict[str, Any]) -> None:
    for change, pointer in ODD_CALLS:
        assert pointers(act(world, task, "contacts", {**CALL, **change})) == {pointer}


def test_every_task_says_why(world: World) -> None:
    for number, story in enumerate((cohort.alert_open, cohort.booked, cohort.steroids_running)):
        world.told(story, f"N-{number}")
    assert [t["key"] for t in tasks(world) if not t["why"]] == []


def test_unknown_and_foreign_tasks_are_not_found(world: World, task: dict[str, Any]) -> None:
    foreign = world.api(site="south").post(V1 + f"worklist/{task['id']}/complete/", {"reason": "x"})
    problem(foreign, 404)
    problem(act(world, {"id": uuid4()}, "complete", {"reason": "x"}), 404)


@pytest.fixture
def alert(world: World) -> dict[str, Any]:
    world.told(cohort.alert_open)
    row: dict[str, Any] = ok(world.api().get(V1 + "alerts/", {"rule": "alt-rise"}))["results"][0]
    return row


def answer(world: World, alert: dict[str, Any], role: str = "coordinator", **body: Any) -> Any:
    return world.api(role).post(V1 + f"alerts/{alert['id']}/acknowledge/", body)


def test_alerts_are_listed_and_filtered(world: World, alert: dict[str, Any]) -> None:
    api = world.api()
    assert (alert["state"], alert["value"], alert["site"]) == ("open", "52", "north")

    def ids(**query: str) -> list[str]:
        return [a["id"] for a in ok(api.get(V1 + "alerts/", query))["results"]]

    assert alert["id"] in ids(state="open") and alert["id"] in ids(patient=alert["patient"])
    assert ids(state="acknowledged") == [] and ids(site="south") == []
    assert ok(world.api(site="south").get(V1 + "alerts/"))["results"] == []
    for query in ("colour=red", "ordering=value"):
        problem(api.get(V1 + f"alerts/?{query}"), 400)
    problem(api.get(V1 + "alerts/?patient=no-uuid"), 422)


@pytest.mark.parametrize("role", ["coordinator", "clinician"])
def test_coordinators_and_clinicians_acknowledge(world: World, alert: dict[str, Any], role: str) -> None:
    body = ok(answer(world, alert, role, decision="observe", note="repeat next week"))
    assert (body["state"], body["decision"], body["decided_by"]) == (
        "acknowledged",
        "observe",
        f"{role}-north",
    )


def test_of_two_who_answer_an_alert_the_second_is_told_when_it_says_what_it_has_seen(
    world: World, alert: dict[str, Any]
) -> None:
    url, body = V1 + f"alerts/{alert['id']}/acknowledge/", {"decision": "observe", "note": "first"}
    api = world.api()
    problem(api.post(url, body, headers={"If-Match": "one"}), 400)
    first = api.post(url, body, headers={"If-Match": '"0"'})
    assert (ok(first)["decision"], first["ETag"]) == ("observe", '"1"')
    late = {"decision": "repeat_test", "note": "second"}
    told = problem(api.post(url, late, headers={"If-Match": '"0"'}), 412)
    assert (told["current"]["note"], told["submitted"]) == ("first", late)
    assert ok(api.get(V1 + "alerts/", {"state": "acknowledged"}))["results"][0]["decision"] == "observe"
    again = api.post(url, late, headers={"If-Match": first["ETag"]})
    assert (ok(again)["decision"], again["ETag"]) == ("repeat_test", '"2"')
    assert api.post(url, body)["ETag"] == '"3"'


def test_other_roles_do_not_acknowledge(world: World, alert: dict[str, Any]) -> None:
    for role in ("auditor", "lab_importer", "site_admin"):
        problem(answer(world, alert, role, decision="observe"), 403)
    world.user("coordinator", "south")
    problem(world.api(site="south").post(V1 + f"alerts/{alert['id']}/acknowledge/", {}), 404)


def test_a_decision_is_of_the_list_and_another_one_says_what(world: World, alert: dict[str, Any]) -> None:
    assert pointers(answer(world, alert, decision="wait")) == {"/decision"}
    assert pointers(answer(world, alert)) == {"/decision"}
    assert pointers(answer(world, alert, decision="other")) == {"/note"}
    ok(answer(world, alert, decision="other", note="moved to another centre"))


def test_only_a_clinician_says_that_an_episode_is_over_and_only_without_a_baseline(
    world: World, alert: dict[str, Any]
) -> None:
    problem(answer(world, alert, "coordinator", decision="observe", episode_over=True), 403)
    refused = answer(world, alert, "clinician", decision="observe", episode_over=True)
    assert pointers(refused) == {"/episode_over"}
    ok(answer(world, alert, "coordinator", decision="observe", episode_over=False))


def test_a_withdrawn_alert_needs_no_answer(world: World) -> None:
    world.told(cohort.corrected_value)
    row = ok(world.api().get(V1 + "alerts/", {"state": "withdrawn"}))["results"][0]
    problem(answer(world, row, decision="observe"), 409)


def test_mail_that_cannot_be_delivered_is_a_task_of_the_list(world: World) -> None:
    """About no patient: its site sees it, nobody else's, and it is completed or waived, not put off."""
    ana = world.user("coordinator")
    for site in (world.north, world.south):
        undelivered.opened(site=site.pk, person=ana.pk, why="smtp 550", at=NOW)
    (row,) = tasks(world, kind="notice-failed")
    assert set(row) >= TASK_KEYS
    assert (row["site"], row["patient"], row["state"]) == ("north", None, "open")
    assert ana.username in row["title"] and "smtp 550" in row["why"]
    assert tasks(world)[0] == row, "it stands before the tasks of patients"
    assert tasks(world, patient=str(uuid4())) == tasks(world, assignee=ana.username) == []
    problem(act(world, row, "miss", {"reason": "no"}), 409)
    foreign = world.api("coordinator", "south").post(
        V1 + f"worklist/{row['id']}/complete/", {"reason": "called"}
    )
    problem(foreign, 404)
    assert ok(act(world, row, "complete", {"reason": "called"}))["state"] == "done"
    assert tasks(world, kind="notice-failed", state="open") == []
    assert [t["reason"] for t in tasks(world, kind="notice-failed", state="done")] == ["called"]
    problem(act(world, row, "waive", {"reason": "twice"}), 409)
