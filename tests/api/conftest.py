"""A fixed morning, two sites with their staff, and clients that speak to the API as one of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
import time_machine
from knox.models import AuthToken
from rest_framework.test import APIClient

from outcomes.services.cohort import Teller
from patients import access
from patients.models import Site, User
from tests.factories.people import make_site, make_staff

NOW = datetime(2027, 3, 1, 11, 0, tzinfo=UTC)
TODAY = date(2027, 3, 1)
V1 = "/api/v1/"


class Client(APIClient):
    """Starts every request without any site in view, as a fresh transaction of the server does."""

    def request(self, **kwargs: Any) -> Any:
        with access.site_context((), by="request"):
            return super().request(**kwargs)


def client_of(user: User | None) -> Client:
    """A client with a fresh token of the user; without one it is anonymous."""
    client = Client(raise_request_exception=False)
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AuthToken.objects.create(user)[1]}")
    return client


@dataclass
class World:
    """The sites north and south, and who works there."""

    north: Site
    south: Site
    staff: dict[tuple[str, str], User] = field(default_factory=dict)
    clients: dict[tuple[str, str], Client] = field(default_factory=dict)

    def user(self, role: str, site: str = "north") -> User:
        key = (role, site)
        if key not in self.staff:
            self.staff[key] = make_staff(getattr(self, site), role)
        return self.staff[key]

    def api(self, role: str = "coordinator", site: str = "north") -> Client:
        key = (role, site)
        if key not in self.clients:
            self.clients[key] = client_of(self.user(role, site))
        return self.clients[key]

    def teller(self, mrn: str = "N-1", site: str = "north", **more: Any) -> Teller:
        """A patient's story, told through the services, with the same chances every time."""
        return Teller(getattr(self, site), TODAY, random.Random(mrn), mrn, **more)

    def told(
        self, story: Callable[[Teller], None], mrn: str = "N-1", site: str = "north", **more: Any
    ) -> UUID:
        teller = self.teller(mrn, site, **more)
        story(teller)
        return teller.patient


@pytest.fixture
def world(everywhere: None) -> Iterator[World]:
    with time_machine.travel(NOW, tick=False):
        yield World(make_site("north"), make_site("south", timezone="America/New_York"))


def person(**changes: Any) -> dict[str, Any]:
    """A patient as posted; a change to `...` leaves the field out."""
    fields = {
        "site": "north",
        "mrn": "M-100",
        "family_name": "Muster",
        "given_name": "Alex",
        "birth_date": "1988-04-02",
        "sex": "male",
        "pathway": "hemgenix",
        **changes,
    }
    return {k: v for k, v in fields.items() if v is not ...}


def problem(answer: Any, status: int) -> dict[str, Any]:
    """The problem document of an answer that must have this status."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status and body["title"] and "errors" in body
    return body


def pointers(answer: Any, status: int = 422) -> set[str]:
    return {fault["pointer"] for fault in problem(answer, status)["errors"]}


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.content
    return answer.json()
