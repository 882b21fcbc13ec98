"""Packet and claim as PDF: made for patients of the demo cohort, read back, the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from pypdf import PdfReader

from outcomes.services import cohort
from outcomes.sheets.claim_pdf import claim_pdf
from outcomes.sheets.packet_pdf import packet_pdf
from outcomes.sheets.paper import UNPRINTABLE
from tests.api.conftest import V1, World, ok, problem

STORIES = (cohort.titer_expires, cohort.titer_too_high, cohort.infused_last_week)


def text_of(content: bytes) -> str:
    """The text of a PDF, without its line breaks."""
    pages = PdfReader(BytesIO(content)).pages
    return " ".join(" ".join(p.extract_text().split()) for p in pages)


def pdf(world: World, path: str, role: str = "coordinator") -> bytes:
    answer = world.api(role).get(f"{V1}{path}?format=pdf")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/pdf", answer.content
    assert answer.content.startswith(b"%PDF-")
    return bytes(answer.content)


@pytest.mark.parametrize("story", STORIES)
def test_packet_and_claim_of_demo_patients(world: World, story: Callable[..., None]) -> None:
    patient = world.told(story, contract="sample-level")
    body = ok(world.api().get(f"{V1}packets/{patient}/"))
    packet, claim = (
        text_of(pdf(world, f"packets/{patient}/")),
        text_of(pdf(world, f"claims/{patient}/check/")),
    )
    for wanted in (body["person"]["family_name"], body["person"]["mrn"], "submits nothing", "D67"):
        assert wanted in packet and wanted in claim, wanted
    for item in body["items"]:
        assert item["title"] in packet
    for wanted in ("J1411", "0636", "96365", "sample-level", "Known reasons for a denial"):
        assert wanted in claim, wanted
    assert UNPRINTABLE not in packet + claim


def test_the_link_accepts_the_media_type_and_names_no_person(world: World) -> None:
    patient = world.told(cohort.cleared)
    answer = world.api().get(f"{V1}packets/{patient}/", HTTP_ACCEPT="application/pdf")
    assert answer["Content-Disposition"].startswith('inline; filename="packet-')
    assert answer["Cache-Control"] == "no-store"
    name = ok(world.api().get(f"{V1}packets/{patient}/"))["person"]["family_name"]
    assert name not in answer["Content-Disposition"]
    assert "json" in world.api().get(f"{V1}packets/{patient}/", HTTP_ACCEPT="text/html,*/*")["Content-Type"]
    problem(world.api().get(f"{V1}packets/{patient}/versions/9/?format=pdf"), 404)
    problem(world.api("lab_importer").get(f"{V1}packets/{patient}/?format=pdf"), 403)


def test_what_was_sent_prints_the_same_ever_after(world: World) -> None:
    patient = world.told(cohort.cleared)
    ok(world.api().post(f"{V1}packets/{patient}/", {"payer": "Plan – “A”"}), 201)
    first = pdf(world, f"packets/{patient}/versions/1/")
    fact = {"code": "nab-rationale", "on": "2027-03-01", "note": "low"}
    ok(world.api().post(f"{V1}patients/{patient}/attestations/", fact), 201)
    assert pdf(world, f"packets/{patient}/versions/1/") == first
    assert "version 1 to Plan – “A” on 2027-03-01" in text_of(first)


def test_an_auditor_prints_no_person(world: World) -> None:
    patient = world.told(cohort.cleared)
    person = ok(world.api().get(f"{V1}packets/{patient}/"))["person"]
    for path in (f"packets/{patient}/", f"claims/{patient}/check/"):
        text = text_of(pdf(world, path, "auditor"))
        assert person["code"] in text
        for secret in (person["family_name"], person["mrn"], person["birth_date"]):
            assert secret not in text, secret


NAMES = ["Łucja Gőgös–Şahin", "Đorđe Ćirić", "Nguyễn “Bé” Ánh", "Ζωή Ανδρέου", "Ярослава Їжак"]


def changed(world: World, patient: UUID, **names: str) -> dict[str, Any]:
    body: dict[str, Any] = ok(world.api().get(f"{V1}packets/{patient}/"))
    return {**body, "person": {**body["person"], **names}}


def test_names_and_signs_are_printed_as_they_are(world: World) -> None:
    patient = world.told(cohort.referred)
    claim = ok(world.api().get(f"{V1}claims/{patient}/check/"))
    for name in NAMES:
        body = changed(world, patient, family_name=name)
        assert name in text_of(packet_pdf(body)), name
        assert name in text_of(claim_pdf({**claim, "person": body["person"]})), name
    assert UNPRINTABLE in text_of(packet_pdf(changed(world, patient, family_name="山田")))
