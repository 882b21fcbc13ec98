"""The process dies at any statement of a request that raises an alert: alert and notices are both there, or neither.

Each failpoint is a process of its own that ends itself by `kill -9`, at the door of one statement or at the commit.
"""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NoReturn

import pytest
from django.db import connection
from knox.models import AuthToken
from rest_framework.test import APIClient

from patients.access import everywhere
from patients.models import Patient, Result, Site, Source, User
from patients.services.sites import create_source
from tests.api.conftest import V1
from tests.factories.people import make_site, make_staff
from tests.faults.plant import until
from tests.services.ready import NOON, given, ready_patient
from workflow.models import Alert, Notice, Pathway
from workflow.services import imports, infusions

NOTHING, ALL = (0, 0, 0), (1, 1, 2)
RISE = {
    "analyte": "ALT",
    "value": "77",
    "unit": "U/L",
    "collected_at": "2026-03-30T08:00:00Z",
    "reference_high": "40",
}


@pytest.fixture
def site(transactional_db: None) -> Site:
    with everywhere(by="t"):
        site = make_site("north")
    with everywhere(by="t"):
        for role in ("coordinator", "clinician"):
            make_staff(site, role)
        create_source(code="lab", site=site)
    return site


def infused(site: Site) -> Patient:
    """Somebody four weeks after the infusion."""
    with everywhere(by="t"):
        someone = ready_patient(site)
        infusions.record(patient=someone.pk, fields=given(), by="t", at=NOON)
    return someone


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def dies(what: Callable[[], None]) -> bool:
    """Runs it in a copy of this process: whether that was killed before it had done."""
    connection.close()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            what()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def others() -> int:
    """Other sessions in this database: what a dead process held is held until its session is gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and usesysid is not null and pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


@contextmanager
def dying(at: int) -> Iterator[None]:
    """Dies before statement number `at`, from 0."""
    numbers = count()

    def asked(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if next(numbers) == at:
            die()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(asked):
        yield


def at_the_commit(what: Callable[[], None]) -> None:
    """Dies at the door of the first commit."""
    connection._commit = die
    what()


def state(patient: Patient) -> tuple[int, int, int]:
    """Results, alerts and notices of the rise, once the dead process's session is gone."""
    assert until(lambda: not others(), 10)
    with everywhere(by="t"):
        Pathway.objects.select_for_update().get(pk=patient.pk)
        return (
            Result.objects.filter(patient=patient, value=77).count(),
            Alert.objects.filter(patient=patient).count(),
            Notice.objects.filter(patient=patient, kind="alert").count(),
        )


def by_request(patient: Patient) -> Callable[[], None]:
    """A coordinator enters the value."""
    client = APIClient()
    token = AuthToken.objects.create(User.objects.get(username="coordinator-north"))[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.post(f"{V1}patients/{patient.pk}/results/", {}, format="json").status_code == 422

    def post() -> None:
        answer = client.post(f"{V1}patients/{patient.pk}/results/", RISE, format="json")
        assert answer.status_code in (200, 201), answer.content

    return post


def by_message(patient: Patient) -> Callable[[], None]:
    """The laboratory sends it; a run that died goes on where it was."""
    text = "\r".join(
        [
            r"MSH|^~\&|LAB|X|D|Y|20260330090000||ORU^R01|M1|P|2.5",
            f"PID|1||{patient.mrn}||{patient.family_name}^{patient.given_name}",
            "OBR|1||F1|24323-8^CMP^LN|||202603300800",
            "OBX|1|NM|1742-6^ALT^LN||77|U/L|0-40|H|||F|||202603300800+0200",
        ]
    )
    with everywhere(by="t"):
        source = Source.objects.get(code="lab")
        kept = imports.keep(
            name="a.hl7", stream=io.BytesIO(text.encode()), site=patient.site_id, source=source, by="t"
        )

    def run() -> None:
        imports.run(inbound=kept)

    return run


def failpoints(patient: Patient, what: Callable[[], None]) -> int:
    """Dies at each boundary in turn until it gets through; how many there were."""
    assert dies(lambda: at_the_commit(what))
    assert state(patient) == NOTHING
    for at in count():
        with dying(at):
            died = dies(what)
        found = state(patient)
        assert found in (NOTHING, ALL), at
        if not died:
            assert found == ALL
            return at + 1
    raise AssertionError


def test_alert_and_notices_are_both_there_or_neither(site: Site) -> None:
    passed = 0
    for way in (by_request, by_message):
        patient = infused(site)
        number = failpoints(patient, way(patient))
        assert number > 20
        passed += number
    assert passed >= 30
