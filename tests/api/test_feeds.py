"""`feeds/` and the calendar under its secret address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import icalendar
import pytest
from django.test import Client

from config.embedded import Valkey
from outcomes.services import cohort
from patients import access
from patients.models import ROLES, Idempotency, Membership, ReadLog, User
from tests.api.conftest import V1, World, client_of, ok, pointers, problem
from workflow.models import Feed


def make(world: World, role: str = "coordinator", **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = ok(world.api(role).post(V1 + "feeds/", body), 201)
    return made


def read(url: str, client: Client | None = None) -> Any:
    with access.site_context((), by="calendar"):
        return (client or Client()).get(url.removeprefix("http://localhost:8000"))


def test_the_address_is_told_once_and_answers_with_a_calendar(world: World) -> None:
    world.told(cohort.infused_last_week)
    made = make(world)
    assert set(made) == {"id", "url", "site", "titles", "created_at", "fetched_at"}
    assert made["url"].startswith("http://localhost:8000/feeds/") and made["url"].endswith(".ics")
    (listed,) = ok(world.api().get(V1 + "feeds/"))["results"]
    assert listed == {k: v for k, v in made.items() if k != "url"}
    answer = read(made["url"])
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert len(icalendar.Calendar.from_ical(answer.content).walk("VEVENT")) > 20
    assert ok(world.api().get(V1 + "feeds/"))["results"][0]["fetched_at"] is not None
    assert ReadLog.objects.filter(route="feed").count() == 0, "there is no patient data in it"


def test_an_address_ends_with_its_feed_with_the_rights_and_with_the_account(world: World) -> None:
    world.told(cohort.infused_last_week)
    first, second = make(world), make(world)
    assert world.api().delete(V1 + f"feeds/{first['id']}/").status_code == 204
    gone, unknown = read(first["url"]), read("/feeds/nothing.ics")
    assert (gone.status_code, unknown.status_code) == (404, 404)
    assert gone.content == unknown.content, "a revoked address looks like one that never was"
    assert read(second["url"]).status_code == 200
    User.objects.filter(username="coordinator-north").update(is_active=False)
    assert read(second["url"]).status_code == 404
    User.objects.filter(username="coordinator-north").update(is_active=True)
    Membership.objects.update(role="auditor")
    assert read(second["url"]).status_code == 404


def test_somebody_elses_session_does_not_change_what_a_feed_tells(world: World) -> None:
    world.told(cohort.infused_last_week)
    url = make(world)["url"]
    stranger = Client()
    stranger.force_login(world.user("coordinator", "south"))
    assert read(url, stranger).content == read(url).content


def test_a_feed_is_of_an_own_site_or_all(world: World) -> None:
    assert make(world, site="north", titles="task")["site"] == "north"
    assert make(world, site=None)["site"] is None
    for site in ("south", "nowhere"):
        assert pointers(world.api().post(V1 + "feeds/", {"site": site})) == {"/site"}
    assert pointers(world.api().post(V1 + "feeds/", {"titles": "names"})) == {"/titles"}
    problem(world.api().post(V1 + "feeds/", {"person": "ana"}), 400)


def test_a_feed_belongs_to_its_owner_alone(world: World) -> None:
    made = make(world)
    url = V1 + f"feeds/{made['id']}/"
    for site in ("north", "south"):
        for role in ROLES:
            if role == "payer_analyst" or (role, site) == ("coordinator", "north"):
                continue
            expected = 404 if role in ("coordinator", "clinician") else 403
            problem(world.api(role, site).delete(url), expected)
            assert ok(world.api(role, site).get(V1 + "feeds/"))["results"] == [] if expected == 404 else True
    assert client_of(None).delete(url).status_code == 401
    problem(world.api().delete(V1 + f"feeds/{uuid4()}/"), 404)
    assert Feed.objects.get().revoked_at is None


def test_a_repeated_request_answers_alike_and_keeps_no_secret_in_the_open(world: World) -> None:
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}
    first = world.api().post(V1 + "feeds/", {}, **key)
    again = world.api().post(V1 + "feeds/", {}, **key)
    assert ok(first, 201) == ok(again, 201) and again["Idempotency-Replayed"] == "true"
    assert Feed.objects.count() == 1
    secret = first.json()["url"].rpartition("/")[2].removesuffix(".ics")
    assert secret not in Idempotency.objects.get().body


@pytest.fixture
def counter(tmp_path: Path, settings: Any) -> Iterator[Valkey]:
    valkey = Valkey(tmp_path / "valkey")
    valkey.ensure()
    settings.REDIS_URL = valkey.url
    yield valkey
    valkey.stop()


def test_a_feed_is_not_read_without_end_but_always_without_the_counter(
    world: World, counter: Valkey, settings: Any
) -> None:
    settings.FEED_READS_PER_HOUR = 2
    one, other = make(world)["url"], make(world)["url"]
    assert [read(one).status_code for _ in range(4)] == [200, 200, 429, 429]
    assert read(one)["Retry-After"] == "3600"
    assert read(other).status_code == 200, "each address has its own count"
    counter.stop()
    assert read(one).status_code == 200
