"""A mail server that refuses, stalls, hangs up or is away: what is tried again when, and who is not held up by it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from patients.access import everywhere
from patients.models import Site, User
from tests.factories.people import make_site, make_staff
from tests.factories.post import Post, free_port, open_post
from workflow.models import Notice, SiteTask
from workflow.services import ledger, mailing, notices

BAD, GOOD = "bad@example.org", "good@example.org"
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with open_post(settings) as server:
        yield server


@pytest.fixture
def north(transactional_db: None) -> Site:
    with everywhere(by="t"):
        site = make_site("north")
    with everywhere(by="t"):
        for name in ("bad", "good"):
            make_staff(site, "clinician", name)
    return site


def enter(site: Site, *names: str, count: int = 1, at: datetime = NOW) -> None:
    """Notices without any patient, each about another thing."""
    with everywhere(by="t"):
        people = {u.username: u for u in User.objects.all()}
        for n in range(count):
            for name in names:
                ledger._enter([ledger._plain("export_ready", f"export:{n}", site.pk, people[name].pk, at)])


def of(name: str) -> Notice:
    with everywhere(by="t"):
        return Notice.objects.filter(recipient__username=name).order_by("key").first()


def open_tasks() -> list[tuple[str, str, str]]:
    with everywhere(by="t"):
        found = SiteTask.objects.filter(ended_at=None).select_related("person")
        return [(t.kind, t.person.username, t.why) for t in found]


@pytest.mark.parametrize("answer", ["421 too busy", "450 mailbox busy", "451 greylisted", "452 full"])
def test_a_temporary_refusal_is_tried_again_and_the_other_gets_his_mail(
    north: Site, post: Post, answer: str
) -> None:
    enter(north, "bad", "good")
    post.answers[BAD] = answer
    assert notices.send(at=NOW) == notices.Counts(sent=1, deferred=1)
    row = of("bad")
    assert (row.next_try_at, row.attempts, row.error) == (NOW + timedelta(minutes=1), 1, f"smtp {answer[:3]}")
    assert post.to(GOOD) and open_tasks() == []


def test_waiting_doubles_up_to_an_hour_and_ends_after_72_hours(north: Site, post: Post) -> None:
    """The clock is `at` alone: three days pass in a second, and end in a task for the site."""
    enter(north, "bad")
    post.answers[BAD] = "450 later"
    clock, waits = NOW, []
    while of("bad").failed_at is None:
        assert notices.send(at=clock - timedelta(seconds=1)) == notices.Counts()
        notices.send(at=clock)
        row = of("bad")
        assert row.next_try_at is not None
        waits.append(int((row.next_try_at - clock).total_seconds() // 60))
        clock = row.next_try_at if row.failed_at is None else clock
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(waits[7:-1]) == {60}
    assert timedelta(hours=72) <= clock - NOW <= timedelta(hours=73)
    assert open_tasks() == [("notice-failed", "bad", "gave up: smtp 450")]


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ("answers", "550 no such user"),
        ("answers", "552 full for good"),
        ("data", "554 not wanted"),
        ("data", "552 too large"),
    ],
)
def test_a_refusal_for_good_is_not_tried_again_and_is_a_task_at_once(
    north: Site, post: Post, where: str, answer: str
) -> None:
    enter(north, "bad", "good")
    getattr(post, where)[BAD] = answer
    assert notices.send(at=NOW) == notices.Counts(sent=1, failed=1)
    assert of("bad").error == f"smtp {answer[:3]}"
    assert open_tasks() == [("notice-failed", "bad", f"smtp {answer[:3]}")]
    asked = len(post.asked)
    for hours in (1, 24, 100):
        notices.send(at=NOW + timedelta(hours=hours))
    assert len(post.asked) == asked, "no second try to that address"


def test_ten_mails_to_an_address_that_is_gone_are_one_try_and_one_task(north: Site, post: Post) -> None:
    enter(north, "bad", count=10)
    post.answers[BAD] = "550 no such user"
    assert notices.send(at=NOW).failed == 10
    assert post.asked == [BAD]
    assert len(open_tasks()) == 1


def test_a_stalled_address_holds_up_nobody_for_long(
    north: Site, post: Post, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten mails to it are one try: the others wait for one time-out, not for ten."""
    settings.EMAIL_TIMEOUT = 1
    monkeypatch.setattr(mailing, "LONGEST", 3)
    enter(north, "bad", count=10)
    enter(north, "good", count=3, at=NOW + timedelta(seconds=1))
    post.stalls[BAD] = 30
    begun = time.monotonic()
    done = notices.send(at=NOW + timedelta(seconds=2))
    assert (done.sent, done.deferred) == (3, 10)
    assert max(letter.at for letter in post.log) - begun < 4
    assert post.asked.count(BAD) == 1


def test_a_mail_server_that_drips_is_cut_off(
    north: Site, post: Post, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer comes in time, the whole conversation does not."""
    settings.EMAIL_TIMEOUT = 5
    monkeypatch.setattr(mailing, "LONGEST", 1)
    enter(north, "bad")
    post.stalls[BAD] = 4
    begun = time.monotonic()
    assert notices.send(at=NOW).deferred == 1
    assert time.monotonic() - begun < 3


def test_no_mail_is_begun_after_its_time(north: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server greets too late: by then another sender may have the mail."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 5
    monkeypatch.setattr(mailing, "LONGEST", 0.5)
    enter(north, "good")
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()

        def greets_late() -> None:
            caller, _ = server.accept()
            with caller:
                time.sleep(0.7)
                caller.sendall(b"220 here at last\r\n")
                said.append(caller.recv(100))

        greeter = threading.Thread(target=greets_late, daemon=True)
        greeter.start()
        assert notices.send(at=NOW).deferred == 1
        greeter.join(5)
    assert said == [b""], "not a word"
    assert of("good").error == "server: slow"


@pytest.mark.parametrize("taken", [True, False])
def test_a_server_that_dies_after_the_mail_gets_the_same_mail_again(
    north: Site, post: Post, taken: bool
) -> None:
    """Nobody knows whether it arrived, so it goes out again, recognisable as the same."""
    enter(north, "bad")
    post.hangs_up.add(BAD)
    post.data[BAD] = "250 kept" if taken else "400 died"
    assert notices.send(at=NOW).deferred == 1
    post.hangs_up.clear()
    post.data.clear()
    assert notices.send(at=NOW + timedelta(minutes=1)).sent == 1
    assert len(set(post.ids())) == 1 and len({letter.body for letter in post.log}) == 1
    assert len(post.log) == (2 if taken else 1)


def test_without_a_mail_server_everything_waits_and_nothing_is_lost(north: Site, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    enter(north, "bad", "good", count=15)
    assert notices.send(at=NOW) == notices.Counts(deferred=30)
    with everywhere(by="t"):
        waits = set(Notice.objects.values_list("next_try_at", "attempts", "failed_at", "error"))
    assert waits == {(NOW + timedelta(minutes=1), 1, None, "server: ConnectionRefusedError")}
    with open_post(settings) as back:
        assert notices.send(at=NOW + timedelta(minutes=1)).sent == 30
    assert len(set(back.ids())) == 30


@pytest.mark.parametrize("answer", ["530 authentication required", "421 closing", "451 busy"])
def test_a_server_that_does_not_take_our_sender_fails_no_address(
    north: Site, post: Post, answer: str
) -> None:
    enter(north, "bad", "good")
    post.senders = answer
    assert notices.send(at=NOW) == notices.Counts(deferred=2)
    assert open_tasks() == []


@pytest.mark.parametrize("address", ["a@example.org\r\nBcc: x@example.org", "a\n@example.org"])
def test_an_address_with_a_line_break_is_refused_and_stops_nobody(
    north: Site, post: Post, address: str
) -> None:
    with everywhere(by="t"):
        User.objects.filter(username="bad").update(email=address)
    enter(north, "bad", "good")
    assert notices.send(at=NOW) == notices.Counts(sent=1, failed=1)
    assert [letter.to for letter in post.log] == [GOOD]
    assert all("Bcc" not in letter.mail for letter in post.log)


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(north: Site, post: Post) -> None:
    enter(north, "good", count=3)
    with mailing.posting() as kept:
        assert notices._next(kept, NOW, "w", "") == {"sent": 1}
        kept._kept.connection.sock.shutdown(socket.SHUT_RDWR)
        assert notices._next(kept, NOW, "w", "") == {"sent": 1}
    assert post.connections == 2


def test_alerts_go_before_reminders(north: Site, post: Post) -> None:
    enter(north, "good", count=5)
    with everywhere(by="t"):
        Notice.objects.filter(key="export:4").update(urgency=0, next_try_at=NOW + timedelta(minutes=1))
    notices.send(at=NOW + timedelta(minutes=2), seconds=0.001)
    with everywhere(by="t"):
        assert Notice.objects.get(sent_at__isnull=False).key == "export:4"
