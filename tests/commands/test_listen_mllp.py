"""The MLLP listener: real sockets, real kills; what is acknowledged is stored, what is not can be sent again."""

from __future__ import annotations

import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from patients.access import as_owner, everywhere
from patients.models import Blob, Inbound, Patient, QuarantineItem, Result, Source
from tests.commands.running import lab, started, until
from workflow.management import mllp
from workflow.management.mllp import Listener, Patience, Receiver
from workflow.services import imports

pytestmark = pytest.mark.django_db(transaction=True)
ENDED = b""


def oru(patient: Patient, number: int, **more: str) -> bytes:
    """One ALT value; `more` changes the header's fields, or `name` and `code`."""
    head = {
        "app": "LIS", "facility": "LAB", "kind": "ORU^R01^ORU_R01", "version": "2.5.1", "accept": "",
        "application": "", "charset": "UNICODE UTF-8", "name": patient.family_name, "code": "1742-6^ALT^LN",
    } | more  # fmt: skip
    on = f"202601{number % 28 + 1:02}{number // 28 % 24:02}"
    text = "\r".join(
        [
            rf"MSH|^~\&|{head['app']}|{head['facility']}|EHR|HTC|20260301||{head['kind']}|id-{number}|P|{head['version']}"
            f"|||{head['accept']}|{head['application']}||{head['charset']}",
            f"PID|1||{patient.mrn}||{head['name']}^Alex",
            f"OBR|1||f{number}|24323-8^CMP^LN|||{on}0000+0100",
            f"OBX|1|NM|{head['code']}||{30 + number % 5}|U/L|0-40||||F|||{on}0000+0100",
        ]
    )
    return text.encode("latin-1" if head["charset"] == "8859/1" else "utf-8")


class Sender:
    """A laboratory's side of one connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.got = b""

    def raw(self, data: bytes) -> Sender:
        self.socket.sendall(data)
        return self

    def answer(self) -> list[list[str]]:
        """The next answer as segments of fields; [] when the connection has ended."""
        while b"\x1c\r" not in self.got:
            try:
                data = self.socket.recv(4096)
            except ConnectionError:
                data = ENDED
            if not data:
                return []
            self.got += data
        one, _, self.got = self.got.partition(b"\x1c\r")
        assert one.startswith(b"\x0b")
        return [line.split("|") for line in one[1:].decode("latin-1").rstrip("\r").split("\r")]

    def send(self, message: bytes) -> list[list[str]]:
        return self.raw(b"\x0b" + message + b"\x1c\r").answer()

    def close(self) -> None:
        self.socket.close()


def verdict(answer: list[list[str]]) -> tuple[str, str]:
    assert answer[1][0] == "MSA"
    return answer[1][1], answer[1][2]


@contextmanager
def listening(*more: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The command as a process: its port, and the process."""
    process = started("listen_mllp", "--port", "0", *(more or ("--source", "lab")))
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"port (\d+)", line)
    assert found, line + process.stderr.read()
    try:
        yield int(found[1]), process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def in_process(**patience: Any) -> Iterator[tuple[int, list[str]]]:
    """The listener in a thread: its port, and what it warned of."""
    warned: list[str] = []
    with everywhere(by="t"):
        source = Source.objects.get(code="lab")
    receiver = Receiver(lambda: (source.site_id, source), "t", warned.append)
    with Listener(("127.0.0.1", 0), receiver, Patience(**patience)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1], warned
        finally:
            server.stop()
            thread.join()


@pytest.fixture
def patient() -> Patient:
    return lab(sending_app="LIS", sending_facility="LAB")[1]


def counted() -> tuple[int, int]:
    with everywhere(by="t"):
        return Inbound.objects.count(), Result.objects.count()


def test_a_message_is_stored_and_answered_with_the_header_turned_round(patient: Patient) -> None:
    with listening() as (port, _):
        answer = Sender(port).send(oru(patient, 1))
    head = answer[0]
    assert head[1:6] == ["^~\\&", "EHR", "HTC", "LIS", "LAB"]
    assert re.fullmatch(r"\d{14}\+0000", head[6])
    assert head[8] == "ACK^R01^ACK"
    assert head[9] not in ("", "id-1")
    assert head[10:12] == ["P", "2.5.1"]
    assert head[17] == "UNICODE UTF-8"
    assert answer[1:] == [["MSA", "AA", "id-1"]]
    assert counted() == (1, 1)


def test_many_messages_on_one_connection_and_several_at_once(patient: Patient) -> None:
    got: list[tuple[str, str]] = []

    def send(port: int, start: int) -> None:
        sender = Sender(port)
        got.extend(verdict(sender.send(oru(patient, n))) for n in range(start, start + 8))
        sender.close()

    with listening() as (port, _):
        threads = [threading.Thread(target=send, args=(port, 8 * n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(got) == sorted(("AA", f"id-{n}") for n in range(32))
    assert counted() == (32, 32)


def test_messages_sent_together_or_byte_by_byte_are_the_same(patient: Patient) -> None:
    with in_process() as (port, _):
        sender = Sender(port).raw(b"\r\n")
        frames = [b"\x0b" + oru(patient, n) + b"\x1c\r" for n in range(3)]
        sender.raw(frames[0] + frames[1] + frames[2][:30])
        assert [verdict(sender.answer()) for _ in range(2)] == [("AA", "id-0"), ("AA", "id-1")]
        for byte in frames[2][30:]:
            sender.raw(bytes((byte,)))
        assert verdict(sender.answer()) == ("AA", "id-2")
        sender.close()
    assert counted() == (3, 3)


def test_sent_again_it_is_a_duplicate(patient: Patient) -> None:
    with in_process() as (port, _):
        sender = Sender(port)
        assert [verdict(sender.send(oru(patient, 1))) for _ in range(3)] == [("AA", "id-1")] * 3
        sender.close()
    assert counted()[1] == 1


@pytest.mark.parametrize(
    ("more", "code", "reason"),
    [
        ({"name": "Nobodyhere"}, "AE", "patient-unmatched"),
        ({"charset": "KLINGON"}, "AE", "charset-unknown"),
        ({"kind": "ADT^A01"}, "AA", "not-a-result"),
        ({"code": "0815^Leber^99L"}, "AA", ""),
        ({"kind": ""}, "AR", "unreadable"),
    ],
)
def test_the_answer_says_why_but_not_about_whom(
    patient: Patient, more: dict[str, str], code: str, reason: str
) -> None:
    with in_process() as (port, warned):
        answer = Sender(port).send(oru(patient, 1, **more))
    assert verdict(answer) == (code, "id-1")
    assert answer[1][3:] == ([reason] if reason else [])
    assert (len(answer) == 3) == (code != "AA")
    for words in (str(answer[1:]), str(warned)):
        for secret in (patient.mrn, patient.family_name, "Nobodyhere"):
            assert secret not in words
    if code != "AA":
        assert answer[2][3].endswith("^HL70357")
        assert answer[2][4:6] == ["E", reason]


def test_an_older_version_gets_the_older_error(patient: Patient) -> None:
    with in_process() as (port, _):
        answer = Sender(port).send(oru(patient, 1, version="2.3", name="Nobodyhere", kind="ORU^R01"))
    assert answer[0][8] == "ACK^R01"
    assert answer[0][11] == "2.3"
    assert answer[2] == ["ERR", "^^^204&Unknown key identifier&HL70357&patient-unmatched"]


def test_odd_delimiters_and_an_8_bit_character_set_come_back(patient: Patient) -> None:
    plain = oru(patient, 1, charset="8859/1", app="Köln").decode("latin-1")
    odd = plain.replace("|", "#").replace("^", "*").encode("latin-1")
    with in_process() as (port, _):
        answer = Sender(port).send(odd)
    head = "|".join(answer[0]).split("#")
    assert head[1] == "*~\\&"
    assert head[4] == "Köln"
    assert head[17] == "8859/1"
    assert counted()[1] == 1


@pytest.mark.parametrize(
    ("accept", "application", "good", "bad"),
    [
        ("NE", "NE", [], []),
        ("AL", "NE", ["CA"], ["CR"]),
        ("NE", "AL", ["AA"], ["AR"]),
        ("AL", "AL", ["CA", "AA"], ["CR", "AR"]),
        ("ER", "ER", [], ["CR", "AR"]),
        ("SU", "SU", ["CA", "AA"], []),
        ("AL", "", ["CA"], ["CR"]),
        ("NE", "", [], []),
    ],
)
def test_the_enhanced_mode_sends_the_answers_that_are_wanted(
    patient: Patient, accept: str, application: str, good: list[str], bad: list[str]
) -> None:
    wanted = {"accept": accept, "application": application}
    with in_process() as (port, _):
        sender = Sender(port)
        for number, (expected, more) in enumerate(((good, {}), (bad, {"kind": ""}))):
            sender.raw(b"\x0b" + oru(patient, number, **wanted, **more) + b"\x1c\r")
            assert [verdict(sender.answer()) for _ in expected] == [
                (code, f"id-{number}") for code in expected
            ]
        assert verdict(sender.send(oru(patient, 9))) == ("AA", "id-9")
        sender.close()
    assert counted()[1] == 2


def test_an_answer_is_not_answered(patient: Patient) -> None:
    with in_process() as (port, _):
        sender = Sender(port).raw(b"\x0bMSH|^~\\&|A|B|C|D|1||ACK^R01|7|P|2.5\rMSA|AA|1\r\x1c\r")
        assert verdict(sender.send(oru(patient, 1))) == ("AA", "id-1")
        sender.close()
    assert counted() == (1, 1)


HALF = b"\x0bMSH|^~\\&|LIS|LAB|EHR|HTC|2026||ORU^R01|half|P|2.5\rPID|1||"


@pytest.mark.parametrize(
    "data",
    [
        b"MSH|^~\\&|no start\x1c\r",
        HALF + b"\x1cX",
        HALF + b"\x0bMSH",
        b"\x00\x0b" + HALF,
        b"GET / HTTP/1.1\r\n\r\n",
        random.Random(1).randbytes(5000),
    ],
)
def test_what_is_no_frame_ends_the_connection_and_leaves_nothing(patient: Patient, data: bytes) -> None:
    with in_process() as (port, warned):
        sender = Sender(port).raw(data)
        assert sender.answer() == []
        sender.close()
        assert "nothing of it is stored" in warned[0]
        assert verdict(Sender(port).send(oru(patient, 1))) == ("AA", "id-1")
    assert counted() == (1, 1)


@pytest.mark.parametrize("where", [b"30|U/L", b"U/L|0-40", b"ALT", b"Alex", b"id-1"])
@pytest.mark.parametrize("odd", [b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\X00\\", b"x" * 70000])
def test_odd_characters_anywhere_are_answered(patient: Patient, where: bytes, odd: bytes) -> None:
    message = oru(patient, 1).replace(where, where + odd)
    with in_process() as (port, warned):
        answer = Sender(port).send(message)
    assert answer[1][1] in ("AA", "AE", "AR"), warned
    assert answer[1][3:] != ["internal-error"], warned


@pytest.mark.parametrize("end", [b"", b"\x1c"])
def test_half_a_message_then_the_end_leaves_nothing(patient: Patient, end: bytes) -> None:
    with in_process() as (port, warned):
        Sender(port).raw(HALF + end).close()
        assert until(lambda: bool(warned))
    with everywhere(by="t"):
        assert (Inbound.objects.count(), Blob.objects.count()) == (0, 0)


def test_a_message_without_content_is_refused(patient: Patient) -> None:
    with in_process() as (port, _):
        sender = Sender(port)
        assert verdict(sender.send(b""))[0] == "AR"
        assert verdict(sender.send(b"hello")) == ("AR", "")
        sender.close()


def test_slow_senders_and_sleepers_are_let_go(patient: Patient) -> None:
    with in_process(message=0.6, idle=1.2) as (port, warned):
        sleeper, slow = Sender(port), Sender(port)
        begun = time.monotonic()
        try:
            for byte in HALF:
                slow.raw(bytes((byte,)))
                time.sleep(0.1)
        except ConnectionError:
            pass
        assert time.monotonic() - begun < 4
        assert sleeper.answer() == []
        assert any("half a message" in words for words in warned)
    assert counted() == (0, 0)


def test_too_large_a_message_is_refused_with_its_reason(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = mllp.Frames
    monkeypatch.setattr(mllp, "Frames", lambda: frames(1000))
    with in_process() as (port, _):
        sender = Sender(port)
        assert verdict(sender.send(oru(patient, 1))) == ("AA", "id-1")
        answer = sender.send(oru(patient, 2) + b"\rNTE|1||" + b"x" * 2000)
        assert verdict(answer) == ("AR", "id-2")
        assert answer[1][3] == "too-large"
        assert sender.answer() == []
    assert counted() == (1, 1)


def test_no_more_connections_than_there_are_places(patient: Patient) -> None:
    with in_process(connections=2) as (port, warned):
        first, second = Sender(port), Sender(port)
        assert verdict(first.send(oru(patient, 1))) == ("AA", "id-1")
        assert verdict(second.send(oru(patient, 2))) == ("AA", "id-2")
        assert Sender(port).answer() == []
        assert "2 connections" in warned[0]
        first.close()

        def free() -> bool:
            third = Sender(port).raw(b"\x0b" + oru(patient, 3) + b"\x1c\r").answer()
            return bool(third) and verdict(third)[0] == "AA"

        assert until(free)


def away(*_: Any, **__: Any) -> Any:
    raise OperationalError("connection refused")


@pytest.mark.parametrize("verb", ["keep", "run"])
def test_no_acceptance_while_the_database_is_away(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    with in_process() as (port, _):
        sender = Sender(port)
        with monkeypatch.context() as patched:
            patched.setattr(imports, verb, away)
            answer = sender.send(oru(patient, 1))
            assert verdict(answer) == ("AR", "id-1")
            assert answer[1][3] == "try-again"
            enhanced = sender.send(oru(patient, 1, accept="AL", application="NE"))
            assert verdict(enhanced) == ("CE", "id-1")
        assert verdict(sender.send(oru(patient, 1))) == ("AA", "id-1")
        sender.close()
    assert counted()[1] == 1


def test_a_database_session_that_is_cut_costs_no_message(patient: Patient) -> None:
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> %s"
    with listening() as (port, _):
        sender = Sender(port)
        for number in range(3):
            answer = sender.send(oru(patient, number))
            if verdict(answer)[0] == "AR":
                assert answer[1][3] == "try-again"
                answer = sender.send(oru(patient, number))
            assert verdict(answer) == ("AA", f"id-{number}")
            with as_owner(), connection.cursor() as cursor:
                cursor.execute(cut, [cursor.connection.info.backend_pid])
                assert cursor.fetchall()
    assert counted()[1] == 3


def test_a_fault_of_ours_is_no_acceptance_and_names_nobody(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> Any:
        raise ValueError(patient.family_name)

    monkeypatch.setattr(imports, "run", broken)
    with in_process() as (port, warned):
        answer = Sender(port).send(oru(patient, 1))
    assert verdict(answer) == ("AR", "id-1")
    assert patient.family_name not in str(warned)


def test_an_answer_that_is_lost_comes_again_with_the_message(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> Any:
        raise BrokenPipeError

    with in_process() as (port, _):
        with monkeypatch.context() as patched:
            patched.setattr(mllp._Connection, "_send", lost)
            assert Sender(port).send(oru(patient, 1)) == []
        assert counted() == (1, 1), "committed before the answer"
        assert verdict(Sender(port).send(oru(patient, 1))) == ("AA", "id-1")
    assert counted() == (2, 1)


def test_kill_9_at_any_moment_and_what_was_not_answered_is_sent_again(patient: Patient) -> None:
    chance = random.Random(3)
    waiting = list(range(40))
    for _ in range(3):
        with listening() as (port, process):
            sender = Sender(port)
            for sent in range(40):
                if sent == 2:
                    threading.Timer(chance.random() / 3, process.kill).start()
                try:
                    answer = sender.send(oru(patient, waiting[0])) if waiting else []
                except ConnectionError:
                    answer = []
                if not answer:
                    break
                assert verdict(answer) == ("AA", f"id-{waiting.pop(0)}")
            sender.close()
            process.wait()
    acknowledged = 40 - len(waiting)
    assert acknowledged >= 6
    with everywhere(by="t"):
        assert Result.objects.count() in (acknowledged, acknowledged + 1)
    with listening() as (port, _):
        sender = Sender(port)
        assert all(verdict(sender.send(oru(patient, n)))[0] == "AA" for n in range(40))
    assert counted()[1] == 40


def test_sigterm_answers_what_it_has_begun_and_ends(patient: Patient) -> None:
    with listening() as (port, process):
        sender = Sender(port)
        assert verdict(sender.send(oru(patient, 1))) == ("AA", "id-1")
        sender.raw(b"\x0b" + oru(patient, 2) + b"\x1c\r")
        assert until(lambda: counted()[0] == 2)
        process.send_signal(signal.SIGTERM)
        assert verdict(sender.answer()) == ("AA", "id-2")
        assert sender.answer() == []
        assert process.wait(20) == 0


def test_with_a_site_the_sender_names_the_source(patient: Patient) -> None:
    with everywhere(by="t"):
        site = patient.site.code
    with listening("--site", site) as (port, _):
        sender = Sender(port)
        assert verdict(sender.send(oru(patient, 1))) == ("AA", "id-1")
        answer = sender.send(oru(patient, 2, app="ELSE"))
        assert verdict(answer) == ("AE", "id-2")
        assert answer[1][3] == "source-unknown"
    with everywhere(by="t"):
        assert Result.objects.count() == 1
        assert QuarantineItem.objects.get().reason == "source-unknown"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "lab", "--host", "0.0.0.0"), "--allow-remote"),
        (("--source", "lab", "--host", "::"), "--allow-remote"),
        (("--source", "lab", "--host", "mllp.example"), "address in numbers"),
        (("--source", "nobody"), "create_source"),
        (("--site", "nowhere"), "create_site"),
        (("--source", "lab", "--port", "70000"), "Cannot listen"),
        ((), "--source"),
    ],
)
def test_a_start_that_is_refused_says_why(patient: Patient, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("listen_mllp", *arguments)


def test_other_machines_are_let_in_when_asked_for(patient: Patient) -> None:
    with listening("--source", "lab", "--host", "0.0.0.0", "--allow-remote") as (port, _):
        assert verdict(Sender(port).send(oru(patient, 1))) == ("AA", "id-1")
