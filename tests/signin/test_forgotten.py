"""A forgotten password: one notice for a known address, a link that works once and for an hour, no word to strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from patients.access import everywhere
from patients.models import User
from patients.services import passwords, signins, sites
from tests.abuse.test_requests import logged
from tests.factories.people import make_site, make_staff
from tests.factories.post import Letter, Post, open_post
from tests.signin.conftest import AWAY, NOW, browser, sign_in, signed_in
from workflow.models import Notice, SiteTask
from workflow.services import notices

ASK, ANA = "/accounts/password/reset/", "ana@example.org"
NEW = "another long pass phrase"


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with open_post(settings) as server:
        yield server


def ask(email: str = ANA, address: str = AWAY) -> Any:
    return browser(address).post(ASK, {"email": email})


def links(letters: list[Letter]) -> list[str]:
    return [
        found for letter in letters for found in re.findall(r"http\S+/key/\S+", letter.parts["text/plain"])
    ]


def follow(link: str, password: str = NEW) -> Any:
    """Opens a link and sends the form it leads to; the page that comes of it."""
    client = browser(AWAY)
    opened = client.get(link, follow=True)
    if "password1" not in opened.content.decode():
        return opened
    return client.post(
        opened.request["PATH_INFO"], {"password1": password, "password2": password}, follow=True
    )


def rows() -> list[Notice]:
    with everywhere(by="t"):
        return list(Notice.objects.filter(kind="password_reset").order_by("created_at"))


def test_the_whole_way_from_the_page_to_a_new_password(ana: User, post: Post) -> None:
    """The web process alone takes it down; the ordinary sender sends it."""
    with logged() as log:
        answer = ask(" ANA@Example.org ")
        assert (answer.status_code, answer["Location"]) == (302, f"{ASK}done/")
        assert (len(rows()), post.log, mail.outbox) == (1, [], [])
        assert notices.send(at=NOW).sent == 1
        [letter], [link] = post.log, links(post.log)
        assert "Your password is saved" in follow(link).content.decode()
    assert sign_in(browser(), password=NEW).status_code == 302
    assert (letter.to, letter.mail["Subject"]) == (ANA, "A new password for Daymark")
    assert "sign-in needed" not in letter.parts["text/plain"] + letter.parts["text/html"]
    assert "until 12:00 UTC" in letter.parts["text/plain"]
    secret = link.rstrip("/").partition("-")[2]
    assert secret not in log.getvalue()
    with everywhere(by="t"):
        assert secret not in str(Notice.objects.values())


def test_a_stranger_gets_the_same_answer_and_no_mail(ana: User, post: Post) -> None:
    known, unknown = ask(), ask("eve@example.org")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    pages = [
        browser(AWAY).post(ASK, {"email": email}, follow=True).content for email in (ANA, "eve@example.org")
    ]
    assert pages[0] == pages[1]
    notices.send(at=NOW)
    assert {letter.to for letter in post.log} == {ANA}
    assert mail.outbox == []


def test_a_link_works_once_and_ends_all_others(ana: User, post: Post, clock: Any) -> None:
    ask()
    notices.send(at=NOW)
    clock.shift(timedelta(seconds=20))
    ask()
    notices.send(at=NOW + timedelta(seconds=20))
    first, second = links(post.log)
    assert "is saved" in follow(second).content.decode()
    assert "does not work" in follow(second).content.decode()
    assert "does not work" in follow(first).content.decode()


@pytest.mark.parametrize(("seconds", "good"), [(3600, True), (3601, False)])
def test_a_mailed_link_works_for_an_hour(ana: User, post: Post, clock: Any, seconds: int, good: bool) -> None:
    ask()
    notices.send(at=NOW)
    clock.shift(timedelta(seconds=seconds))
    assert ("is saved" in follow(links(post.log)[0]).content.decode()) is good


def test_what_the_operator_gives_out_works_for_a_day_and_the_two_are_not_the_same(
    ana: User, clock: Any
) -> None:
    given = passwords.link(ana, key=passwords.GIVEN, at=NOW)
    assert given != passwords.link(ana, key=passwords.MAILED, at=NOW)
    clock.shift(timedelta(hours=24))
    assert "password1" in browser().get(given, follow=True).content.decode()
    clock.shift(timedelta(seconds=1))
    assert "does not work" in browser().get(given, follow=True).content.decode()


@pytest.mark.parametrize("change", ["password", "address", "closed", "sign-in"])
def test_what_changes_the_account_ends_the_link(ana: User, post: Post, change: str) -> None:
    ask()
    notices.send(at=NOW)
    changed(ana, change)
    assert "does not work" in follow(links(post.log)[0]).content.decode()


@pytest.mark.parametrize("change", ["password", "address", "closed", "late"])
def test_what_is_no_longer_so_is_not_sent(ana: User, post: Post, change: str) -> None:
    """And what failed is not sent an hour later with a link that is dead."""
    ask()
    changed(ana, change)
    late = timedelta(hours=1) if change == "late" else timedelta(minutes=59)
    assert notices.send(at=NOW + late).cancelled == 1
    assert post.log == []


def changed(person: User, change: str) -> None:
    if change == "password":
        person.set_password("a third long pass phrase")
        person.save()
    elif change == "address":
        User.objects.filter(pk=person.pk).update(email="new@example.org")
    elif change == "closed":
        signins.deactivate(username=person.username, today=date(2027, 3, 1))
    elif change == "sign-in":
        sign_in(browser())


def test_a_second_try_is_the_same_mail_with_the_same_link(ana: User, post: Post) -> None:
    ask()
    post.hangs_up.add(ANA)
    assert notices.send(at=NOW).deferred == 1
    post.hangs_up.clear()
    assert notices.send(at=NOW + timedelta(minutes=1)).sent == 1
    assert len(set(post.ids())) == 1 and len({letter.body for letter in post.log}) == 1


def test_an_address_that_is_refused_is_a_task_of_the_site(ana: User, post: Post) -> None:
    post.answers[ANA] = "550 no such user"
    ask()
    assert notices.send(at=NOW).failed == 1
    assert [(t.site.code, t.person.username) for t in SiteTask.objects.all()] == [("north", "ana")]


def test_somebody_who_works_at_no_site_gets_the_link_and_no_site_hears_of_it(ana: User, post: Post) -> None:
    sites.create_staff(
        username="pia", email="pia@example.org", role="payer_analyst", contract="c", since=date(2020, 1, 1)
    )
    ask("pia@example.org")
    post.answers["pia@example.org"] = "450 later"
    assert notices.send(at=NOW).deferred == 1
    post.answers["pia@example.org"] = "550 gone"
    assert notices.send(at=NOW + timedelta(minutes=1)).failed == 1
    assert not SiteTask.objects.exists()
    assert [row.site_id for row in rows()] == [None]


def test_three_an_hour_for_an_account(ana: User, clock: Any) -> None:
    for _ in range(5):
        assert ask()["Location"] == f"{ASK}done/"
        clock.shift(timedelta(seconds=1))
    assert len(rows()) == 3
    clock.shift(timedelta(hours=1))
    ask()
    assert len(rows()) == 4


def test_only_so_many_from_an_address(ana: User, monkeypatch: Any) -> None:
    """The counter is the broker's, which is not there in this test."""
    used: list[str] = []
    monkeypatch.setattr(
        "config.account_forms.within", lambda name, **limit: used.append(name) or len(used) <= 1
    )
    assert ask().status_code == 302
    known, unknown = ask(), ask("eve@example.org")
    assert (known.status_code, unknown.status_code, len(rows())) == (200, 200, 1)
    assert "Too many" in known.content.decode() and "Too many" in unknown.content.decode()


def test_accounts_with_one_address_are_told_each_and_closed_ones_not(ana: User, post: Post) -> None:
    site = make_site("south")
    for name in ("bob", "cyd"):
        make_staff(site, "clinician", name)
    User.objects.update(email=ANA)
    signins.deactivate(username="cyd", today=date(2027, 3, 1))
    ask()
    notices.send(at=NOW)
    told = sorted(re.findall("account “(.*?)”", " ".join(letter.parts["text/plain"] for letter in post.log)))
    assert told == ["ana", "bob"]


def test_a_new_password_opens_an_account_that_guessing_had_closed_and_ends_sessions(
    ana: User, post: Post, settings: Any
) -> None:
    settings.SIGN_IN_TOTAL = 3
    thief = browser()
    sign_in(thief)
    for n in range(3):
        sign_in(browser(f"203.0.113.{n}"), password="wrong")
    assert sign_in(browser()).status_code == 200
    ask()
    notices.send(at=NOW)
    follow(links(post.log)[0])
    assert not signed_in(thief)
    assert sign_in(browser(), password=NEW).status_code == 302


@pytest.mark.parametrize(
    "link", ["x-y", "00000000000000000000000000000000-abc-def", "zz-set-password", "1-1-1"]
)
def test_made_up_links_do_nothing(ana: User, link: str) -> None:
    assert "does not work" in browser().get(f"/accounts/password/reset/key/{link}/").content.decode()


def test_the_asking_takes_the_same_statements_for_everybody(ana: User) -> None:
    from django.test.utils import CaptureQueriesContext

    taken = []
    for email in (ANA, "eve@example.org"):
        with CaptureQueriesContext(connection) as found:
            ask(email)
        taken.append(len(found))
    assert taken[0] == taken[1]
