"""The daily mail: at the person's hour on the site's clock, what it counts, whom it spares, and how to leave it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from patients.models import Membership, Site, User
from patients.services.mail import unsubscribe_secret
from tests.factories.people import make_site, make_staff
from tests.factories.post import Letter, Post, open_post
from tests.services.reminded import DAY, MONDAY, at, patient, rows, store, task
from workflow.models import Alert, Notice, TaskDue
from workflow.services import notices, sweep
from workflow.services.mails import counted_words

ANA = "ana@example.org"


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with open_post(settings) as server:
        yield server


@pytest.fixture
def ana(site: Site) -> User:
    sweep.sweep(at=at(-3))
    return make_staff(site, "coordinator", "ana")


def wants(person: User, **columns: Any) -> User:
    for name, value in columns.items():
        setattr(person, name, value)
    person.save()
    return person


def mailed(post: Post, *moments: Any) -> list[Letter]:
    """Mails that went out in the rounds at these moments."""
    before = len(post.log)
    for moment in moments:
        sweep.sweep(at=moment)
        notices.send(at=moment)
    return post.log[before:]


def digests() -> list[tuple[str, str]]:
    found = Notice.objects.filter(kind="digest").order_by("created_at", "recipient__username")
    return list(found.values_list("occurrence", "recipient__username"))


def test_one_mail_in_the_morning_tells_all_and_none_comes_beside_it(
    site: Site, ana: User, post: Post
) -> None:
    store(
        patient(site),
        task(),
        task(key="visit:2"),
        task(key="visit:3", opens_on=MONDAY - 9 * DAY, due_on=MONDAY),
    )
    (letter,) = mailed(post, at(0, 0), at(0, 5), at(0, 6), at(0, 7), at(0, 15))
    assert letter.mail["Subject"] == "Work list for Monday: 3 items need you"
    assert "1 task due today, 2 tasks that can start." in letter.parts["text/plain"]
    assert "You get this at 07:00 on workdays when something needs you." in letter.parts["text/plain"]
    carried = Notice.objects.filter(key__startswith="task:").values_list("sent_at", "delivered_in")
    digest = Notice.objects.get(kind="digest")
    assert set(carried) == {(at(0, 6), digest.pk)} and digest.delivered_in == digest.pk


def test_both_parts_of_every_mail_say_the_same(site: Site, ana: User, post: Post) -> None:
    store(patient(site), task())
    (letter,) = mailed(post, at(0, 6))
    plain, html = letter.parts["text/plain"], letter.parts["text/html"]
    assert html.count("</a>") == plain.count("http://") == 2
    links = re.findall(r'href="([^"]*)"', html)
    words = re.sub(r"<[^>]*>", " ", html)
    assert sorted(re.findall(r"[\w.,:-]+", words)) == sorted(re.findall(r"[\w.,:-]+", _without(plain, links)))


def _without(text: str, links: list[str]) -> str:
    for link in sorted(links, key=len, reverse=True):
        text = text.replace(f": {link}", "")
    return text


def test_daily_until_it_is_resolved_and_never_at_the_weekend(site: Site, ana: User, post: Post) -> None:
    store(patient(site), task())
    hours = [at(day, hour) for day in range(15) for hour in (5, 6, 12)]
    assert [letter.mail["Subject"].split()[3] for letter in mailed(post, *hours)] == [
        "Monday:", "Thursday:", "Friday:", "Monday:", "Tuesday:", "Wednesday:", "Thursday:", "Friday:",
    ]  # fmt: skip


def test_nothing_to_do_is_no_mail(site: Site, ana: User, post: Post) -> None:
    store(patient(site), task(ended_as="done"), task(key="b:1", snoozed_until=MONDAY + 9 * DAY))
    assert mailed(post, *(at(day, 6) for day in range(5))) == []
    assert digests() == []


def test_what_comes_up_later_the_same_day_is_told_that_day(site: Site, ana: User, post: Post) -> None:
    assert mailed(post, at(0, 6)) == []
    store(patient(site), task())
    assert len(mailed(post, at(0, 10))) == 1
    store(patient(site), task(key="b:1"))
    assert mailed(post, at(0, 11)) == []


@pytest.mark.parametrize(("zone", "hour", "utc"), [
    ("Europe/Berlin", 7, 6), ("Europe/Berlin", 0, 23 - 24), ("America/New_York", 7, 11), ("America/Los_Angeles", 9, 16),
    ("Asia/Kolkata", 9, 4), ("Pacific/Auckland", 7, 18 - 24),
])  # fmt: skip
def test_at_the_persons_hour_on_the_sites_clock(everywhere: None, zone: str, hour: int, utc: int) -> None:
    place = make_site("zone", timezone=zone)
    wants(make_staff(place, "coordinator", "ana"), digest_hour=hour)
    sweep.sweep(at=at(-2))
    store(patient(place), task(opens_on=MONDAY - 4 * DAY))
    hit = at(0, 0) + timedelta(hours=utc)
    minute = timedelta(minutes=31 if zone == "Asia/Kolkata" else 1)
    sweep.sweep(at=hit - minute)
    assert digests() == []
    sweep.sweep(at=hit + minute)
    assert digests() == [("2026-03-09", "ana")]


def test_who_wants_it_at_weekends_gets_it(site: Site, ana: User, post: Post) -> None:
    wants(ana, mail_weekends=True)
    store(patient(site), task())
    assert [
        d for d, _ in digests() or [(letter.mail["Subject"], 0) for letter in mailed(post, at(5, 6))]
    ] == ["Work list for Saturday: 1 item needs you"]
    assert "every day when" in post.log[0].parts["text/plain"]


def test_single_mails_come_at_the_same_hour_and_the_digest_goes_on(site: Site, ana: User, post: Post) -> None:
    wants(ana, mail_single=True, mail_digest=False)
    store(patient(site), task())
    subjects = [str(x.mail["Subject"]) for x in mailed(post, *(at(d, h) for d in range(9) for h in (5, 6)))]
    assert subjects == ["1 task can start at north", "1 task due at north", "1 task overdue at north"]
    assert Notice.objects.filter(delivered_in__isnull=True).count() == 0


def test_who_wants_neither_gets_none_but_alerts_and_escalations(site: Site, ana: User, post: Post) -> None:
    wants(ana, mail_digest=False)
    store(patient(site), task())
    assert mailed(post, *(at(day, 6) for day in range(9))) == []
    assert rows(live=False) == []


def test_switching_to_single_mails_loses_nothing(site: Site, ana: User, post: Post) -> None:
    store(patient(site), task())
    assert mailed(post, at(0, 3)) == []
    wants(ana, mail_single=True, mail_digest=False)
    assert [x.mail["Subject"] for x in mailed(post, at(0, 6), at(0, 7))] == ["1 task can start at north"]


def test_leaving_the_digest_withdraws_what_waited_for_it(site: Site, ana: User, post: Post) -> None:
    store(patient(site), task())
    mailed(post, at(0, 3))
    wants(ana, mail_digest=False)
    assert mailed(post, at(0, 6), at(0, 7)) == []
    assert rows() == [] and rows(live=False) == [("opening", "03-09", "ana")]


def test_who_left_the_site_gets_nothing_and_what_waited_is_withdrawn(
    site: Site, ana: User, post: Post
) -> None:
    make_staff(site, "coordinator", "ben")
    store(patient(site), task())
    mailed(post, at(0, 3))
    Membership.objects.filter(user=ana).update(to_date=MONDAY - DAY)
    assert [letter.to for letter in mailed(post, at(0, 6))] == ["ben@example.org"]
    assert rows() == [("opening", "03-09", "ben")]


def test_after_a_week_without_a_sender_only_todays_list_goes_out(site: Site, ana: User, post: Post) -> None:
    store(patient(site), task())
    for day in range(9):
        sweep.sweep(at=at(day, 6))
    assert len(digests()) > 3
    notices.send(at=at(8, 6))
    assert [letter.mail["Subject"] for letter in post.log] == ["Work list for Tuesday: 1 item needs you"]
    assert not Notice.objects.filter(sent_at=None, cancelled_at=None).exists()


def test_what_was_done_before_the_mail_went_out_is_not_in_it(site: Site, ana: User, post: Post) -> None:
    one = patient(site)
    store(one, task(), task(key="b:1"))
    sweep.sweep(at=at(0, 6))
    store(one, task())
    notices.send(at=at(0, 6))
    assert "1 item needs" in post.log[0].mail["Subject"]
    store(one)
    assert mailed(post, at(1, 6)) == []


def test_a_digest_that_was_lost_on_the_way_goes_out_again_as_it_was(
    site: Site, ana: User, post: Post
) -> None:
    """The server took it and died: the second copy counts the same, whatever happened meanwhile."""
    one = patient(site)
    store(one, task(), task(key="b:1"))
    post.hangs_up.add(ANA)
    mailed(post, at(0, 6))
    post.hangs_up.clear()
    store(one, task())
    mailed(post, at(0, 7))
    assert len(post.log) == 2 and len({(letter.id, letter.body) for letter in post.log}) == 1


def test_a_digest_that_was_turned_away_is_counted_anew(site: Site, ana: User, post: Post) -> None:
    one = patient(site)
    store(one, task(), task(key="b:1"))
    post.answers[ANA] = "450 later"
    mailed(post, at(0, 6))
    post.answers.clear()
    store(one, task())
    assert "1 item needs" in mailed(post, at(0, 7))[0].mail["Subject"]


def test_a_clinician_hears_daily_of_open_alerts_and_of_own_tasks_only(
    site: Site, ana: User, post: Post
) -> None:
    make_staff(site, "clinician", "cleo")
    one = patient(site)
    store(one, task(), task(key="mine:1", assignee="cleo", opens_on=MONDAY - 9 * DAY, due_on=MONDAY))
    Alert.objects.create(id=one.pk, patient=one, site=site, key="a", fingerprint="", derived_by="t", rule="alt-rise",
                         state="open", first_hit_on=MONDAY, raised_on=MONDAY, payload={})  # fmt: skip
    found = {letter.to: letter.parts["text/plain"].splitlines()[0] for letter in mailed(post, at(0, 6))}
    assert found == {
        ANA: "1 safety alert, 1 task that can start.",
        "cleo@example.org": "1 safety alert, 1 task due today.",
    }


@pytest.mark.parametrize(("told", "words"), [
    ({"alerts": 2, "due": 1, "overdue": 4, "oldest_days": 4, "opened": 0}, "2 safety alerts, 1 task due today, 4 overdue (oldest 4 days)."),
    ({"alerts": 1, "due": 0, "overdue": 1, "oldest_days": 1, "opened": 2}, "1 safety alert, 1 overdue (oldest 1 day), 2 tasks that can start."),
    ({"alerts": 0, "due": 3, "overdue": 0, "oldest_days": None, "opened": 0}, "3 tasks due today."),
])  # fmt: skip
def test_what_is_counted_in_words(told: dict[str, Any], words: str) -> None:
    assert counted_words(told) == words


def test_overdue_tasks_say_how_late_the_oldest_is(site: Site, ana: User, post: Post) -> None:
    store(patient(site), task(), task(key="b:1", closes_on=MONDAY + 5 * DAY))
    assert "2 overdue (oldest 3 days)." in mailed(post, at(8, 6))[0].parts["text/plain"]
    assert TaskDue.objects.count() == 2


def test_the_link_in_the_header_ends_the_digest_with_one_click(
    site: Site, ana: User, post: Post, client: Client
) -> None:
    store(patient(site), task())
    (letter,) = mailed(post, at(0, 6))
    assert letter.mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = re.fullmatch(
        r" *<http://[^/]+(/mail/unsubscribe/[\w.-]+/)>", letter.mail["List-Unsubscribe"]
    ).group(1)  # type: ignore[union-attr]
    assert str(ana.pk) not in path and "ana" not in path
    page = client.get(path)
    assert page.status_code == 200 and b"Stop the daily mail" in page.content and b"ana" not in page.content
    ana.refresh_from_db()
    assert ana.mail_digest, "looking changes nothing"
    done = Client(enforce_csrf_checks=True).post(path, {"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    ana.refresh_from_db()
    assert not ana.mail_digest
    assert Client().post(path).status_code == 200, "twice is once"


@pytest.mark.parametrize(
    "spoil", [lambda s: s[:-1], lambda s: "x" + s, lambda s: s.partition(".")[0], lambda s: "." + s]
)
def test_a_made_up_link_ends_nothing(site: Site, ana: User, client: Client, spoil: Any) -> None:
    secret = spoil(unsubscribe_secret(ana))
    assert client.get(f"/mail/unsubscribe/{secret}/").status_code == 404
    assert client.post(f"/mail/unsubscribe/{secret}/").status_code == 404
    ana.refresh_from_db()
    assert ana.mail_digest
