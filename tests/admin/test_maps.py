"""Code maps and table mappings through the front door: saving one replays, faults are named, roles hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from patients.models import CodeMap, Result, TableMapping
from tests.factories.lab import csv_of, make_source, row, take
from tests.factories.people import PatientFactory, make_site, make_staff

pytestmark = pytest.mark.django_db
CODES, TABLES = "/admin/desk/code-maps/", "/admin/desk/table-mappings/"


@pytest.fixture
def adam(site: Any, client: Client) -> Client:
    """A site administrator, with a patient and a source at the site."""
    client.force_login(make_staff(site, "site_admin", "adam"))
    PatientFactory(site=site, mrn="M1", family_name="Muster")
    make_source(site)
    return client


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_a_site_admin_finds_code_maps_but_no_desk(adam: Client):
    text = page(adam, CODES)
    assert "No code is mapped yet." in text
    assert 'href="/admin/desk/imports/"' not in text


def test_saving_a_map_reads_again_what_waits_and_says_so(adam: Client, site: Any):
    source = make_source(site)
    take(source, csv_of(row("LALT"), row("LALT", day=4)))
    answer = adam.post(f"{CODES}new/", {"source": "lab", "code": "LALT", "analyte": "ALT"}, follow=True)
    assert "Code LALT of lab is mapped. 2 items read again: 2 became results." in answer.content.decode()
    assert Result.objects.count() == 2


def test_a_map_is_changed_in_place(adam: Client, site: Any):
    adam.post(
        f"{CODES}new/", {"source": "lab", "code": "X", "unit": "mkat", "analyte": "ALT", "factor": "60"}
    )
    made = CodeMap.objects.get()
    assert (made.factor, made.unit) == (Decimal(60), "mkat")
    shown = page(adam, f"{CODES}{made.pk}/")
    assert 'value="60"' in shown and "mkat" in shown
    adam.post(f"{CODES}{made.pk}/", {"analyte": "AST", "factor": "30"})
    made.refresh_from_db()
    assert (made.analyte, made.factor, made.unit) == ("AST", Decimal(30), "mkat")


def test_a_cut_off_says_from_where_a_number_is_positive(adam: Client):
    adam.post(f"{CODES}new/", {"source": "lab", "code": "HB", "analyte": "HBSAG", "cutoff": "1.0"})
    assert CodeMap.objects.get().value_rule == "cutoff:1.0"
    sent = {"source": "lab", "code": "HB", "analyte": "HBSAG", "cutoff": "some"}
    answer = adam.post(f"{CODES}new/", sent)
    assert 'href="#cutoff"' in answer.content.decode()


def test_faults_of_a_map_stand_beside_their_fields(adam: Client):
    answer = adam.post(f"{CODES}new/", {"factor": "-1"})
    text = answer.content.decode()
    assert answer.status_code == 422
    for name in ("source", "code", "analyte"):
        assert f'id="{name}-fault"' in text
    known = adam.post(f"{CODES}new/", {"source": "lab", "code": "A", "analyte": "ALT", "factor": "0"})
    assert "A factor is a number above 0." in known.content.decode()


def test_a_source_of_another_site_cannot_be_mapped(adam: Client):
    other = make_source(make_site("south"), "theirs")
    row = CodeMap.objects.create(source=other, site=other.site, code="A", analyte="ALT")
    answer = adam.post(f"{CODES}new/", {"source": "theirs", "code": "A", "analyte": "ALT"})
    assert answer.status_code == 422
    page(adam, f"{CODES}{row.pk}/", 404)
    assert "theirs" not in page(adam, CODES)


def test_maps_are_found_by_source_and_code(adam: Client, site: Any):
    for code in ("ONE", "TWO"):
        adam.post(f"{CODES}new/", {"source": "lab", "code": code, "analyte": "UNTRACKED"})
    assert "Not followed here" in page(adam, CODES)
    assert page(adam, f"{CODES}?code=tw").count("data-row") == 1
    assert "Nothing fits" in page(adam, f"{CODES}?source=none")
    assert adam.get(f"{CODES}?code=%00").status_code == 200


GRID = {
    "columns-mrn": "Patient",
    "columns-family_name": "Name",
    "columns-code": "Test",
    "columns-value": "Result",
    "columns-collected_at": "Date",
    "constants-unit": "U/L",
    "key-mrn": "yes",
    "date_formats": "%d.%m.%Y\n%d.%m.%y",
}


def test_a_table_is_mapped_changed_and_used(adam: Client, site: Any):
    answer = adam.post(f"{TABLES}new/", {"source": "lab", "name": "panel", **GRID}, follow=True)
    assert "The table mapping panel of lab is saved" in answer.content.decode()
    made = TableMapping.objects.get()
    assert made.columns["value"] == "Result" and made.constants == {"unit": "U/L"}
    assert made.key == ["mrn"] and made.date_formats == ["%d.%m.%Y", "%d.%m.%y"]
    assert 'value="Result"' in page(adam, f"{TABLES}{made.pk}/")
    adam.post(f"{TABLES}{made.pk}/", {**GRID, "columns-value": "Wert"})
    made.refresh_from_db()
    assert made.columns["value"] == "Wert"
    adam.post(f"{CODES}new/", {"source": "lab", "code": "LALT", "analyte": "ALT"})
    adam.force_login(make_staff(site, "coordinator", "ana"))
    file = SimpleUploadedFile("p.csv", b"Patient,Name,Test,Wert,Date\nM1,Muster,LALT,31,03.11.2026\n")
    adam.post(
        "/admin/desk/imports/new/", {"file": file, "source": "lab", "mapping": str(made.pk), "import": "1"}
    )
    assert Result.objects.get().value_text == "31"


def test_faults_of_a_table_are_named_all_at_once(adam: Client):
    sent = {
        "source": "lab",
        "name": "panel",
        "columns-mrn": "A",
        "columns-value": "A",
        "date_formats": "no date",
    }
    answer = adam.post(f"{TABLES}new/", sent)
    text = answer.content.decode()
    assert answer.status_code == 422
    for wanted in ("columns-collected_at", "columns-code", "columns-mrn", "date_formats"):
        assert f'href="#{wanted}"' in text
    assert not TableMapping.objects.exists()


def test_a_table_without_name_or_source_is_refused(adam: Client):
    text = adam.post(f"{TABLES}new/", GRID).content.decode()
    assert 'id="source-fault"' in text and 'id="name-fault"' in text


@pytest.mark.parametrize("role", ["lab_importer", "auditor"])
def test_other_roles_change_no_map(site: Any, client: Client, role: str):
    make_source(site)
    client.force_login(make_staff(site, role))
    for path in (CODES, f"{CODES}new/", TABLES, f"{TABLES}new/"):
        assert client.get(path).status_code in (302, 403)
    client.post(f"{CODES}new/", {"source": "lab", "code": "A", "analyte": "ALT"})
    assert not CodeMap.objects.exists()
