"""The quarantine desk through the front door: what it shows, what a decision does, who may decide."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from patients.models import CodeMap, QuarantineItem, Result, ResultHead
from tests.factories.lab import ALT, AST, csv_of, make_source, row, take, waiting
from tests.factories.people import PatientFactory, make_site, make_staff

pytestmark = pytest.mark.django_db
DESK = "/admin/desk/"


@pytest.fixture
def ana(site: Any, client: Client) -> Client:
    client.force_login(make_staff(site, "coordinator", "ana"))
    return client


@pytest.fixture
def ada(site: Any) -> Any:
    return PatientFactory(site=site, mrn="M1", family_name="Muster")


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def at(item: QuarantineItem) -> str:
    return f"{DESK}{item.pk}/"


def test_an_empty_desk_says_so(ana: Client):
    assert "Nothing waits." in page(ana, DESK)


def test_items_of_one_code_stand_together(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(*(row("LALT", day=d) for d in (1, 2, 3)), row(ALT, unit="furlong")))
    text = page(ana, DESK)
    assert text.count("data-row") == 2
    assert "<b>3</b>" in text
    assert "Code not known" in text and "Unit not known" in text


def test_one_map_reads_all_of_them_again_and_says_what_became_of_them(ana: Client, site: Any, ada: Any):
    source = make_source(site)
    take(source, csv_of(*(row("LALT", day=d) for d in (1, 2, 3)), row("LALT", unit="furlong", day=4)))
    item = waiting()
    assert "for every item of this source with this code, 4 now" in page(ana, at(item))
    sent = {"action": "map", "analyte": "ALT", "reason": "Their code for ALT"}
    answer = ana.post(at(item), sent, follow=True)
    assert "Code mapped. 4 items read again: 3 became results, 1 still waits." in answer.content.decode()
    assert Result.objects.filter(analyte="ALT").count() == 3
    assert CodeMap.objects.get(source=source, code="LALT").analyte == "ALT"
    item.refresh_from_db()
    assert (item.resolved_by, item.resolved_reason) == ("ana", "Their code for ALT")


def test_raw_and_understood_stand_side_by_side(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(row(ALT, "0.9", "furlong")))
    text = page(ana, at(waiting()))
    for wanted in (
        "As received",
        "M1,Muster",
        "As understood",
        "0.9 furlong",
        "3 Nov 2026",
        "Alanine",
        ada.code,
    ):
        assert wanted in text


def test_faults_stand_beside_their_fields_and_keep_what_was_typed(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(row("LALT")))
    answer = ana.post(at(waiting()), {"action": "map", "analyte": "", "unit": "U/L", "factor": "many"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#map-reason"' in text and 'id="map-reason-fault"' in text
    assert 'href="#map-factor"' in text and 'href="#map-analyte"' in text
    assert "Say why in one sentence." in text
    assert 'value="many"' in text
    assert not CodeMap.objects.exists()


def test_a_missing_analyte_is_named(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(row("LALT")))
    answer = ana.post(at(waiting()), {"action": "map", "reason": "x"})
    assert 'href="#map-analyte"' in answer.content.decode()


def test_a_conversion_that_does_not_help_is_refused_beside_the_form(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(row(ALT, "31", "furlong")))
    item = waiting()
    answer = ana.post(at(item), {"action": "convert", "unit": "mile", "reason": "guess"})
    assert answer.status_code == 422
    assert "would still wait" in answer.content.decode()
    ana.post(at(item), {"action": "convert", "unit": "U/L", "reason": "Laboratory says so"})
    assert Result.objects.get().value == 31


def test_a_stranger_is_named_by_choice_or_by_code(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(*(row(c, who="M9,Muster,1985-05-17") for c in (ALT, AST))))
    text = page(ana, DESK)
    assert text.count("data-row") == 1
    item = waiting()
    shown = page(ana, at(item))
    assert "same family name, date of birth" in shown
    assert "for 2 items about this person" in shown
    sent = {"action": "assign_patient", "patient": "other", "other": "nobody", "reason": "Old number"}
    refused = ana.post(at(item), sent)
    assert refused.status_code == 422
    assert "has the code or number “nobody”" in refused.content.decode()
    ana.post(at(item), {**sent, "other": ada.code})
    assert Result.objects.filter(patient=ada).count() == 2


def test_a_patient_of_another_site_cannot_be_named(ana: Client, site: Any):
    other = PatientFactory(site=make_site("south"), mrn="M9")
    take(make_source(site), csv_of(row(ALT, who="M9,Muster,1985-05-17")))
    sent = {"action": "assign_patient", "patient": str(other.pk), "reason": "x"}
    answer = ana.post(at(waiting()), sent)
    assert answer.status_code == 422
    assert "Give a patient of this site." in answer.content.decode()


@pytest.mark.parametrize(("first", "then"), [("31", "62"), ("62", "31"), ("28", "56"), ("30", "57")])
@pytest.mark.parametrize(("action", "counts"), [("accept", 1), ("discard", 0)])
def test_of_two_contradicting_reports_the_chosen_one_counts(
    ana: Client, site: Any, ada: Any, first: str, then: str, action: str, counts: int
):
    source = make_source(site)
    take(source, csv_of(row(ALT, first)))
    take(source, csv_of(row(ALT, then)), name="again.csv")
    item = waiting(reason="final-changed-without-correction")
    text = page(ana, at(item))
    assert text.count("counts now") == text.count("this item</span>") == 1
    assert f"{first} U/L</b>" in text and f"{then} U/L</b>" in text
    ana.post(at(item), {"action": action, "reason": "Confirmed by telephone"})
    head = ResultHead.objects.get(patient=ada)
    assert Result.objects.get(pk=head.result).value_text == (first, then)[counts]
    assert not head.conflict


def test_what_was_discarded_stays_readable_with_who_when_and_why(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(row(ALT, "99999999")))
    item = waiting()
    answer = ana.post(at(item), {"action": "discard", "reason": "A sentinel"}, follow=True)
    assert "1 item discarded" in answer.content.decode()
    listed = page(ana, f"{DESK}?state=discarded")
    assert "A sentinel" in listed and "ana" in listed
    shown = page(ana, at(item))
    assert "A sentinel" in shown and "What to do" not in shown


def test_deciding_twice_is_told(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(row(ALT, "99999999")))
    sent = {"action": "discard", "reason": "A sentinel"}
    item = waiting()
    ana.post(at(item), sent)
    answer = ana.post(at(item), sent)
    assert answer.status_code == 409
    assert "This item is discarded already." in answer.content.decode()


def test_an_unknown_decision_is_refused(ana: Client, site: Any, ada: Any):
    take(make_source(site), csv_of(row("LALT")))
    assert ana.post(at(waiting()), {"action": "burn"}).status_code == 422


def test_filters_narrow_by_source_reason_and_state(ana: Client, site: Any, ada: Any):
    take(make_source(site, "one"), csv_of(row("LALT")))
    take(make_source(site, "two"), csv_of(row(ALT, unit="furlong")))
    assert page(ana, f"{DESK}?source=one").count("data-row") == 1
    assert page(ana, f"{DESK}?reason=unit-unknown").count("data-row") == 1
    assert "Nothing fits these filters." in page(ana, f"{DESK}?source=one&reason=unit-unknown")
    for odd in ("?page=x", "?page=9", "?state=odd", "?import=odd", "?source=%00"):
        assert ana.get(DESK + odd).status_code == 200


def test_foreign_items_do_not_exist_and_foreign_sites_are_not_listed(ana: Client, site: Any, ada: Any):
    other = make_site("south")
    PatientFactory(site=other, mrn="M1", family_name="Muster")
    take(make_source(other, "theirs"), csv_of(row("LXYZ")))
    page(ana, at(waiting()), 404)
    assert "LXYZ" not in page(ana, DESK)


def test_a_site_admin_opens_no_desk(site: Any, client: Client, ada: Any):
    take(make_source(site), csv_of(row("LALT")))
    client.force_login(make_staff(site, "site_admin", "adam"))
    page(client, DESK, 403)
    page(client, at(waiting()), 403)


def test_caring_at_one_site_and_administering_another_shows_the_first_only(
    site: Any, client: Client, ada: Any
):
    other = make_site("south")
    PatientFactory(site=other, mrn="M1", family_name="Muster")
    take(make_source(other, "theirs"), csv_of(row("LXYZ")))
    take(make_source(site, "ours"), csv_of(row("LALT")))
    make_staff(site, "coordinator", "both")
    client.force_login(make_staff(other, "site_admin", "both"))
    text = page(client, DESK)
    assert "LALT" in text and "LXYZ" not in text
    page(client, at(QuarantineItem.objects.get(code="LXYZ")), 403)


def test_the_desk_needs_as_many_queries_for_many_items_as_for_one(
    ana: Client, site: Any, ada: Any, django_assert_max_num_queries: Any
):
    source = make_source(site)
    take(source, csv_of(*(row(f"L{n}", day=n % 20 + 1) for n in range(30))))
    page(ana, DESK)
    with django_assert_max_num_queries(12):
        page(ana, DESK)
    with django_assert_max_num_queries(12):
        page(ana, at(waiting()))


def test_what_laboratories_send_is_shown_as_text(ana: Client, site: Any, ada: Any):
    nasty = "<script>alert(1)</script>"
    take(make_source(site), csv_of(row(nasty, nasty)))
    for text in (page(ana, DESK), page(ana, at(waiting()))):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_today_counts_what_waits_and_leads_to_the_desk(ana: Client, site: Any, ada: Any):
    assert "quarantine desk" not in page(ana, "/admin/today/")
    take(make_source(site), csv_of(row("LALT"), row("LAST")))
    text = page(ana, "/admin/today/")
    assert "<b>2</b> On the quarantine desk" in text and 'href="/admin/desk/"' in text


def test_the_patient_page_lists_what_waits_about_this_patient(ana: Client, site: Any, ada: Any):
    other = PatientFactory(site=site, mrn="M2", family_name="Other")
    take(make_source(site), csv_of(row("LALT"), row("LXYZ", who="M2,Other,1985-05-17")))
    text = page(ana, f"/admin/patients/{ada.pk}/")
    assert "Wait on the quarantine desk" in text and "LALT" in text and "LXYZ" not in text
    assert "LXYZ" in page(ana, f"/admin/patients/{other.pk}/")
