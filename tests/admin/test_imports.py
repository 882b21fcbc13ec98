"""Imports through the front door: trial, import, what one import says, and files that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from patients.models import Inbound, InboundItem, QuarantineItem, Result
from tests.factories.lab import ALT, csv_of, make_source, row, take
from tests.factories.people import PatientFactory, make_site, make_staff
from workflow.services import imports

pytestmark = pytest.mark.django_db
LIST, NEW = "/admin/desk/imports/", "/admin/desk/imports/new/"


@pytest.fixture
def ana(site: Any, client: Client) -> Client:
    client.force_login(make_staff(site, "coordinator", "ana"))
    PatientFactory(site=site, mrn="M1", family_name="Muster")
    return client


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def upload(data: bytes, name: str = "panel.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def test_an_empty_list_says_what_to_do(ana: Client, site: Any):
    assert "Nothing has been imported yet." in page(ana, LIST)
    assert "There is no source yet." in page(ana, NEW)


def test_a_trial_says_what_an_import_would_do_and_stores_nothing(ana: Client, site: Any):
    make_source(site)
    sent = {"file": upload(csv_of(row(ALT), row("LALT"))), "source": "lab", "try": "1"}
    answer = ana.post(NEW, sent)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "An import would give 2 items: 1 result, 1 waits on the desk." in text
    assert "Nothing was stored." in text and "Code not known" in text
    assert (Inbound.objects.count(), Result.objects.count(), QuarantineItem.objects.count()) == (0, 0, 0)


def test_an_import_leads_to_its_own_page(ana: Client, site: Any):
    make_source(site)
    data = csv_of(row(ALT), row("LALT"))
    answer = ana.post(NEW, {"file": upload(data), "source": "lab", "import": "1"}, follow=True)
    text = answer.content.decode()
    assert "Imported panel.csv: 2 items: 1 result, 1 waits on the desk." in text
    inbound = Inbound.objects.get()
    assert (inbound.by, inbound.state) == ("ana", "done")
    for wanted in (
        f"imports/{inbound.pk}/errors.csv",
        f"imports/{inbound.pk}/raw/",
        "row 1",
        "Code not known",
    ):
        assert wanted in text
    listed = page(ana, LIST)
    assert "panel.csv" in listed and "<b>1</b> waits on the desk" in listed


def test_the_same_file_again_changes_nothing(ana: Client, site: Any):
    source, data = make_source(site), csv_of(row(ALT), row("LALT"))
    take(source, data)
    answer = ana.post(NEW, {"file": upload(data), "source": "lab", "import": "1"}, follow=True)
    assert "2 known already" in answer.content.decode()
    assert Result.objects.count() == 1


def test_every_fault_of_the_form_is_named_beside_its_field(ana: Client, site: Any):
    make_source(site)
    answer = ana.post(NEW, {"import": "1", "format": "word", "mapping": "x"})
    text = answer.content.decode()
    assert answer.status_code == 422
    for name in ("file", "source", "format", "mapping"):
        assert f'href="#{name}"' in text and f'id="{name}-fault"' in text


def test_a_table_needs_its_source(ana: Client, site: Any):
    make_source(site)
    sent = {"file": upload(csv_of(row(ALT))), "source": f"sender:{site.pk}", "import": "1"}
    answer = ana.post(NEW, sent)
    assert "Only HL7 messages name their sender" in answer.content.decode()
    assert not Inbound.objects.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7 \x01\x02", "in no format that is read"),
        (b"a,b\n1,2\n", "The columns do not fit."),
    ],
)
def test_an_unreadable_file_says_why_in_plain_words_and_is_kept(
    ana: Client, site: Any, data: bytes, words: str
):
    make_source(site)
    answer = ana.post(NEW, {"file": upload(data), "source": "lab", "import": "1"}, follow=True)
    text = answer.content.decode()
    assert "The file was not read" in text and words in text
    inbound = Inbound.objects.get(state="rejected")
    assert words in page(ana, LIST)
    assert inbound.blob is not None


def test_columns_that_are_missing_are_named(ana: Client, site: Any):
    make_source(site)
    ana.post(NEW, {"file": upload(b"mrn,value\n1,2\n"), "source": "lab", "import": "1"})
    assert "has no column collected_at" in page(ana, f"{LIST}{Inbound.objects.get().pk}/")


def test_items_are_paged_and_narrowed_by_what_became_of_them(ana: Client, site: Any):
    source = make_source(site)
    report = take(source, csv_of(*(row(ALT, str(n), day=n % 20 + 1) for n in range(60)), row("LALT")))
    path = f"{LIST}{report.id}/"
    text = page(ana, path)
    assert text.count("data-row") == 50 and "Next page" in text
    assert page(ana, f"{path}?page=2").count("data-row") == InboundItem.objects.count() - 50
    narrowed = page(ana, f"{path}?disposition=quarantine")
    assert "Code not known" in narrowed
    assert "No item of this kind." in page(ana, f"{path}?disposition=nothing")


def test_an_import_that_was_cut_off_can_be_read_now(ana: Client, site: Any):
    import io

    source = make_source(site)
    kept = imports.keep(
        name="late.csv", stream=io.BytesIO(csv_of(row(ALT))), site=site.pk, source=source, by="t"
    )
    assert "have not been read in full yet" in page(ana, f"{LIST}{kept.pk}/")
    ana.post(f"{LIST}{kept.pk}/")
    kept.refresh_from_db()
    assert kept.state == "done"


def test_foreign_imports_do_not_exist(ana: Client, site: Any):
    report = take(make_source(make_site("south"), "theirs"), csv_of(row(ALT)), name="secret.csv")
    page(ana, f"{LIST}{report.id}/", 404)
    assert "secret.csv" not in page(ana, LIST)


def test_a_site_admin_opens_no_import(site: Any, client: Client):
    client.force_login(make_staff(site, "site_admin", "adam"))
    for path in (LIST, NEW):
        page(client, path, 403)


def test_lists_need_as_many_queries_for_many_as_for_one(
    ana: Client, site: Any, django_assert_max_num_queries: Any
):
    source = make_source(site)
    for n in range(4):
        report = take(source, csv_of(*(row(f"L{n}{i}", day=i + 1) for i in range(10))), name=f"{n}.csv")
    page(ana, LIST)
    with django_assert_max_num_queries(9):
        page(ana, LIST)
    with django_assert_max_num_queries(10):
        page(ana, f"{LIST}{report.id}/")


def test_a_file_of_many_items_is_read_in_the_background(ana: Client, site: Any, monkeypatch: Any):
    make_source(site)
    monkeypatch.setattr(imports, "AT_ONCE", 1)
    data = csv_of(row(ALT), row("LALT"))
    answer = ana.post(NEW, {"file": upload(data), "source": "lab", "import": "1"}, follow=True)
    assert "so it is read in the background" in answer.content.decode()
    assert Inbound.objects.get().state == "queued"
    assert "Read in the background" in page(ana, LIST)
    assert imports.run_queued() == 1
    assert Inbound.objects.get().state == "done"
