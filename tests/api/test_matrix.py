"""Each route and method, asked by each role at its own site and at a foreign one: the matrix, carried out.

At the own site a role of the row gets past the door (whatever the request itself is worth), any other role
gets 403. At a foreign site an object is 404 for everybody, before the role is looked at.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse

from outcomes.rules.signing import milestone_id
from outcomes.services import cohort
from patients import access, matrix
from patients.models import ROLES, Inbound, QuarantineItem, Result
from patients.services import sites
from patients.services.sites import create_source
from tests.api.conftest import NOW, World, client_of, ok
from tests.factories.messages import oru
from tests.factories.people import PASSWORD, make_site
from workflow.models import Alert, TaskDue
from workflow.services import imports

SITE_ROLES = tuple(r for r in ROLES if r != "payer_analyst")
LISTS = (
    "api:sites", "api:patients", "api:worklist", "api:alerts", "api:contracts", "api:overrides", "api:imports",
    "api:quarantine", "api:code-maps", "api:table-mappings", "api:feeds", "api:figures", "api:audit-events",
    "api:audit-reads", "api:audit-refusals", "api:audit-events-file", "api:audit-reads-file", "api:audit-refusals-file",
)  # fmt: skip
BY_CONTRACT = ("api:contract-milestones", "api:contract-exposure")
PERSONAL = ("api:feed",)
"""What belongs to one person; its own test asks for it as everybody."""
EXPORTS = tuple(name for name in matrix.rows() if name.startswith("api:export"))
"""What is asked for first and looked at later; the tests of exports do so as everybody."""
DENIED, MISSING = 403, 404
BODIES = {"api:milestone-attest": {"password": PASSWORD}}
CASES = [
    (name, method)
    for name, row in matrix.rows().items()
    if name.startswith("api:") and name not in ("api:schema", "api:docs", *PERSONAL, *EXPORTS)
    for method in row
]


@dataclass
class Objects:
    """One of everything at the site north."""

    world: World
    patient: Any
    course: str

    def kwargs(self, name: str) -> dict[str, Any]:
        """What fills the address of a route; {} for a list over all patients."""
        by_name = {
            "api:site": lambda: {"site": self.world.north.pk},
            **dict.fromkeys(BY_CONTRACT, lambda: {"contract": "sample-level"}),
            "api:milestone-version": lambda: {"milestone": self.milestone(), "version": 1},
            "api:packet-version": lambda: {"patient": self.patient, "version": 1},
            "api:steroid-course": lambda: {"course": self.course},
            "api:steroid-doses": lambda: {"course": self.course},
            **dict.fromkeys(LISTS, dict),
        }
        by_noun = {
            "result": lambda: {"result": Result.objects.filter(analyte="ALT")[0].pk},
            "task": lambda: {"task": TaskDue.objects.filter(kind="liver-panel")[0].pk},
            "import": lambda: {"inbound": Inbound.objects.get().pk},
            "quarantine": lambda: {"item": QuarantineItem.objects.get().pk},
            "milestone": lambda: {"milestone": self.milestone()},
            "alert": lambda: {"alert": Alert.objects.filter(state="open")[0].pk},
        }
        noun = name.removeprefix("api:").split("-")[0]
        made = by_name.get(name) or by_noun.get(noun) or (lambda: {"patient": self.patient})
        return dict(made())

    def milestone(self) -> Any:
        return milestone_id(self.patient, "sample-level", 12)


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: Any) -> Iterator[Objects]:
    """One world for all cases, in a transaction that is never committed."""
    with django_db_blocker.unblock(), transaction.atomic():
        with access.everywhere(by="test"), time_machine.travel(NOW, tick=False):
            yield _make(World(make_site("north"), make_site("south", timezone="America/New_York")))
        transaction.set_rollback(True)


@pytest.fixture
def objects(made: Objects, django_db_blocker: Any) -> Iterator[Objects]:
    """That world; whatever the case does to it is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield made
        transaction.set_rollback(True)


def _make(world: World) -> Objects:
    for role in SITE_ROLES:
        world.api(role), world.api(role, "south")
    patient = world.told(cohort.alert_open, contract="sample-level")
    order = {"started_on": "2027-03-01", "template": "default"}
    made = world.api("clinician").post(reverse("api:steroid-courses", kwargs={"patient": patient}), order)
    source = create_source(code="lab", site=world.north)
    importer = world.user("lab_importer").username
    stream = io.BytesIO(oru("NM|X1^What^L||1|U/L|||||F", mrn="nobody"))
    kept = imports.keep(name="f", stream=stream, site=world.north.pk, source=source, by=importer)
    imports.run(inbound=kept)
    return Objects(world, patient, ok(made, 201)["id"])


@pytest.mark.parametrize(("name", "method"), CASES, ids=lambda v: str(v))
def test_a_route_does_for_each_role_what_its_row_says(objects: Objects, name: str, method: str) -> None:
    allowed = matrix.rows()[name][method]
    kwargs = objects.kwargs(name)
    url = reverse(name, kwargs=kwargs)
    for role in SITE_ROLES:
        own = _asked(objects.world, role, "north", method, url, BODIES.get(name))
        if role not in allowed:
            assert own == DENIED, (role, own)
        elif name != "api:sites" or method == "GET":
            assert own not in (401, DENIED, 405) and own < 500, (role, own)
        foreign = _asked(objects.world, role, "south", method, url)
        if kwargs and name not in BY_CONTRACT:
            assert foreign == MISSING, (role, foreign)


@pytest.mark.parametrize(("name", "method"), CASES, ids=lambda v: str(v))
def test_a_stranger_and_an_analyst_reach_no_patient(objects: Objects, name: str, method: str) -> None:
    url = reverse(name, kwargs=objects.kwargs(name))
    assert getattr(client_of(None), method.lower())(url, {}).status_code == 401
    answer = getattr(client_of(_analyst()), method.lower())(url, {})
    if "payer_analyst" in matrix.rows()[name][method]:
        assert answer.status_code == 200 and str(objects.patient) not in answer.content.decode()
    else:
        assert answer.status_code in (DENIED, MISSING), answer.status_code


def _asked(world: World, role: str, site: str, method: str, url: str, body: Any = None) -> int:
    answer = getattr(world.api(role, site), method.lower())(url, body or {})
    return int(answer.status_code)


def _analyst() -> Any:
    return sites.create_staff(
        username="analyst",
        email="p@example.org",
        role="payer_analyst",
        contract="sample-level",
        since=date(2020, 1, 1),
    )
