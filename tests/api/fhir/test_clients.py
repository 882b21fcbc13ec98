"""Generic FHIR clients page through a thousand Observations of a patient over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.observation import Observation
from fhirpy import SyncFHIRClient
from knox.models import AuthToken

from patients import access
from tests.api.fhir import tools
from tests.factories.people import PatientFactory, make_site, make_staff
from workflow.services import intake

MANY = 1000


@dataclass
class Served:
    url: str
    token: str
    patient: UUID


@pytest.fixture
def served(transactional_db: None, live_server: Any) -> Iterator[Served]:
    """A patient with a thousand results, on a server that listens."""
    with access.everywhere(by="test"):
        site = make_site("north")
        user = make_staff(site, "clinician")
        patient = PatientFactory(site=site, birth_date=date(1985, 5, 17)).pk
        intake.record_results(patient=patient, items=items(), by="test", listed=True)
        token = AuthToken.objects.create(user)[1]
    yield Served(f"{live_server.url}/fhir/R4", token, patient)


def items() -> list[dict[str, Any]]:
    """Results at equal moments too, so that pages must part them by more than their time."""
    start = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
    return [
        {
            "analyte": ("ALT", "AST", "ALP", "GGT")[n % 4],
            "value": f"{20 + n % 30}.50",
            "unit": "U/L",
            "collected_at": (start - timedelta(hours=n // 4)).isoformat(),
            "source": "lab",
            "source_id": f"S-{n}",
        }
        for n in range(MANY)
    ]


def test_fhirclient_and_fhirpy_see_every_observation_once(served: Served) -> None:
    for ids in (with_fhirclient(served), with_fhirpy(served)):
        assert len(ids) == len(set(ids)) == MANY


def test_fhir_kit_client_sees_every_observation_once(served: Served) -> None:
    assert tools.run("page.mjs", served.url, served.token, str(served.patient)) == [[MANY, MANY]]


def with_fhirclient(served: Served) -> list[str]:
    client = FHIRClient(settings={"app_id": "test", "api_base": served.url})
    client.server.session.headers["Authorization"] = f"Bearer {served.token}"
    found: list[Observation] = list(
        Observation.where(struct={"patient": str(served.patient), "_count": "100"}).perform_resources_iter(
            client.server
        )
    )
    assert {str(o.valueQuantity.value)[-2:] for o in found} == {".5"}
    return [o.id for o in found]


def with_fhirpy(served: Served) -> list[str]:
    client = SyncFHIRClient(served.url, authorization=f"Bearer {served.token}")
    search = client.resources("Observation").search(patient=str(served.patient), category="laboratory")
    assert search.count() == MANY
    return [row.id for row in search.fetch_all()]


def test_a_reader_follows_the_links_to_the_end(served: Served) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {served.token}"
    url: str | None = f"{served.url}/Observation?patient=Patient/{served.patient}"
    sizes, ids = [], []
    while url:
        page = session.get(url, timeout=30).json()
        assert page["total"] == MANY
        ids += [entry["resource"]["id"] for entry in page["entry"]]
        sizes.append(len(page["entry"]))
        links = {part["relation"]: part["url"] for part in page["link"]}
        again = session.get(links["self"], timeout=30).json()
        assert [e["resource"]["id"] for e in again["entry"]] == ids[-sizes[-1] :]
        url = links.get("next")
    assert sizes == [50] * 20 and len(set(ids)) == MANY
    assert Bundle(page).total == MANY
