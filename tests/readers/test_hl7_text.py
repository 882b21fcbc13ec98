"""HL7 version 2 as bytes: batches, frames, line ends, delimiters, character sets, escapes."""

from __future__ import annotations

import io
import time

import pytest

from patients.readers import hl7
from patients.readers.envelope import Unreadable
from tests.readers.messages import HEADER, ORDER, PERSON, charset, item, items, judged, message, obx, parcels

ONE = message(obx())


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_any_line_end(end: str) -> None:
    data = end.join([HEADER, PERSON, ORDER, obx(), obx(code="1920-8^AST^LN")]).encode()
    assert [i.shown_code.code for i in items(data)] == ["1742-6", "1920-8"]
    assert items(data) == items(data + end.encode())


@pytest.mark.parametrize("at", range(1, 60))
def test_line_ends_across_reads(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hl7, "CHUNK", at)
    assert items(ONE.replace(b"\r", b"\r\n")) == items(ONE)


@pytest.mark.parametrize(
    "framed",
    [
        b"\x0b" + ONE + b"\x1c\r",
        b"\x0b" + ONE.rstrip(b"\r") + b"\x1c\r",
        b"\x0b" + ONE + b"\x1c\r\x0b" + ONE + b"\x1c\r",
        b"\x0b" + ONE.rstrip(b"\r") + b"\x1c\x0b" + ONE.rstrip(b"\r") + b"\x1c",
        b"\xef\xbb\xbf" + ONE,
        b"\xef\xbb\xbf\x0b" + ONE,
        b"\x0b\xef\xbb\xbf" + ONE,
        b"\r\n\r\n" + ONE,
        b"  " + ONE,
    ],
)
def test_framing_bytes_and_byte_order_marks(framed: bytes) -> None:
    found = parcels(framed)
    assert len(found) == framed.count(b"MSH")
    assert {p.items[0].value for p in found} == {"51"} and not any(p.rejected for p in found)


def test_files_put_one_behind_the_other_with_their_byte_order_marks() -> None:
    marked = b"\xef\xbb\xbf" + ONE
    assert len(parcels(marked + marked)) == 2


def test_a_batch_of_batches() -> None:
    lines = [
        b"FHS|^~\\&|LIS",
        b"BHS|^~\\&|LIS",
        ONE,
        ONE,
        b"BTS|2",
        b"BHS|^~\\&|LIS",
        ONE,
        b"BTS|1",
        b"FTS|2",
    ]
    found = parcels(b"\r".join(lines))
    assert [p.index for p in found] == [1, 2, 3]
    assert all(len(p.items) == 1 and p.ack == "AA" for p in found)
    assert "BTS" not in found[1].items[0].raw


def test_one_unreadable_message_among_good_ones() -> None:
    found = parcels(ONE + b"MSH|^~\\&|LIS\r" + ONE)
    assert [(p.ack, p.rejected, p.reason) for p in found] == [
        ("AA", False, ""), ("AR", True, "unreadable"), ("AA", False, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable"),
        (b"\r\n", "unreadable"),
        (b"FHS|^~\\&\rFTS|0", "unreadable"),
        (b"PID|1", "unknown-format"),
        (b"hello", "unknown-format"),
        (ONE.decode().encode("utf-16"), "unreadable"),
        (b"MSHA is a word\r" + ONE, "unknown-format"),
    ],
)
def test_what_is_no_message_at_all(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as error:
        parcels(data)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "header",
    [
        "MSH", "MSH|", "MSH|^~\\", "MSH|^~\\&", "MSH|^~\\&|LIS", "MSH||LIS|LAB|||2026||ORU^R01|1",
        "MSH|^^\\&|LIS|LAB|||2026||ORU^R01|1", "MSH|||||||||", 
        "MSH|AB\\&|LIS|LAB|||2026||ORUAR01|1", "MSH|^~\\&|LIS|LAB|||2026|||1", "MSH\x00^~\\&\x00LIS",
    ],
)  # fmt: skip
def test_headers_that_cannot_be_understood(header: str) -> None:
    found = parcels(header.encode() + b"\r" + obx().encode())
    assert [(p.rejected, p.ack, p.items) for p in found] == [(True, "AR", ())]


def test_text_that_begins_like_a_header_is_text() -> None:
    found = parcels(message(obx("first line\rMSH is short for message header\rFHSxx", kind="TX")))
    assert len(found) == 1
    assert found[0].items[0].value == "first line\nMSH is short for message header\nFHSxx"


def test_a_message_without_end_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hl7, "MAX_MESSAGE", 1 << 20)
    for filler in (b"x" * (2 << 20), b"x\r" * (1 << 20)):
        with pytest.raises(Unreadable) as error:
            parcels(ONE + filler)
        assert error.value.reason == "too-large"


def test_a_message_of_too_many_segments_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hl7, "MAX_SEGMENTS", 4)
    found = parcels(ONE + message(obx(), obx()) + ONE)
    assert [(p.rejected, p.reason) for p in found] == [(False, ""), (True, "too-large"), (False, "")]


@pytest.mark.parametrize(
    "body", [b"OBX|" + b"x" * (4 << 20), b"x\r" * (1 << 17), b"OBR\r" * (1 << 15), b"\\T" * (1 << 18)]
)
def test_large_messages_take_time_in_proportion(body: bytes) -> None:
    begin = time.process_time()
    parcels(ONE + body)
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("marks", ["|^~\\&", "#!*@%", "$+-?=", "|^~\\&#", ";:,\\/", "|^~\\", "|^~"])
def test_any_delimiters(marks: str) -> None:
    separator, known = marks[0], marks[1:]
    data = message(obx(range="7-56", unit="U/L")).decode()
    for old, new in zip("|^~\\&", "\x01\x02\x03\x04\x05", strict=True):
        data = data.replace(old, new)
    wanted = (known + "    ")[:4] if len(known) < 5 else known[:4]
    for old, new in zip("\x01\x02\x03\x04\x05", separator + wanted, strict=True):
        data = data.replace(old, new)
    head, rest = data.split(separator + wanted, 1)
    found = item((head + separator + known + rest.lstrip(" ")).encode())
    if ":" in marks or "/" in marks or "-" in marks:
        assert found.shown_code.code.startswith("1742") and found.named.numbers[0].value == "4711"
        return
    assert (found.value, found.unit, found.reference_high, found.loinc) == ("51", "U/L", "56", "1742-6")
    assert (found.named.family_name, found.named.numbers[0].authorities) == ("Doe", ("HOSP", "MR"))


def test_the_identity_does_not_depend_on_the_delimiters() -> None:
    other = ONE.decode().replace("|", "#").replace("^", "!").encode()
    assert item(other).source_id == item(ONE).source_id


@pytest.mark.parametrize(
    "version", ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", ""]
)
@pytest.mark.parametrize("kind", ["ORU", "ORU^R01", "ORU^R01^ORU_R01"])
def test_every_version(version: str, kind: str) -> None:
    header = HEADER.replace("ORU^R01^ORU_R01", kind).replace("|2.5.1", f"|{version}")
    assert judged(message(obx(), header=header)).disposition == "result"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("ASCII", "ascii"), ("8859/1", "latin-1"), ("8859", "latin-1"), ("8859-1", "latin-1"),
        ("8859/15", "iso8859-15"), ("8859/2", "iso8859-2"), ("UNICODE UTF-8", "utf-8"), ("UTF-8", "utf-8"),
        ("utf-8", "utf-8"), ("8859/1~ISO IR87", "latin-1"), ('""', "utf-8"), ("", "utf-8"), ("", "cp1252"),
    ],
)  # fmt: skip
def test_character_sets(name: str, codec: str) -> None:
    family = "Doe" if codec == "ascii" else "Lásky" if codec == "iso8859-2" else "Müller"
    text = message(obx(), header=charset(name), person=PERSON.replace("Doe", family)).decode()
    found = parcels(text.encode(codec))[0]
    assert (found.ack, found.items[0].named.family_name, found.items[0].barred) == ("AA", family, ())


@pytest.mark.parametrize("name", ["EBCDIC", "UTF-7", "ISO IR87", "8859/99", "klingon"])
def test_an_unknown_character_set_is_an_error_and_the_items_wait(name: str) -> None:
    found = parcels(message(obx(), header=charset(name)))[0]
    assert (found.ack, found.reason) == ("AE", "charset-unknown")
    assert judged(message(obx(), header=charset(name))).reason == "charset-unknown"


@pytest.mark.parametrize("unit", ["?mol/L", "�mol/L", "umol?/L"])
def test_a_unit_whose_letter_was_lost_is_unknown(unit: str) -> None:
    assert judged(message(obx(code="1975-2^BILI^LN", unit=unit))).reason == "unit-unknown"


def test_bytes_that_are_no_text_of_the_stated_set() -> None:
    data = message(obx("17.1", code="1975-2^BILI^LN", unit="µmol/L"), header=charset("UTF-8"))
    assert judged(data).disposition == "result"
    assert judged(data.replace("µ".encode(), b"\xb5")).reason == "unit-unknown"


def test_micro_in_windows_bytes_without_a_stated_set() -> None:
    data = message(obx("17.1", code="1975-2^BILI^LN", unit="µmol/L")).decode().encode("cp1252")
    assert judged(data).disposition == "result"


def test_nul_bytes_do_not_reach_the_record() -> None:
    found = item(message(obx("5\x001", kind="ST")).replace(b"Doe", b"D\x00e"))
    assert "\x00" not in found.value + found.raw + found.named.family_name
    assert item(message(obx("5\\X00\\1", kind="ST"))).value == "5�1"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a\\F\\b", "a|b"), ("a\\S\\b", "a^b"), ("a\\T\\b", "a&b"), ("a\\R\\b", "a~b"), ("a\\E\\b", "a\\b"),
        ("a\\P\\b", "a&b"), ("a\\f\\b", "a|b"), ("a\\X41\\b", "aAb"), ("a\\x4142\\b", "aABb"),
        ("\\XC2B5\\mol", "µmol"), ("\\XB5\\mol", "µmol"), ("a\\.br\\b", "a\nb"), ("a\\.BR\\b", "a\nb"),
        ("a\\.sp\\b", "a\nb"), ("a\\.sp2\\b", "a\n\nb"), ("\\H\\a\\N\\", "a"), ("a\\Zq\\b", "a\\Zq\\b"),
        ("a\\X4\\b", "a\\X4\\b"), ("a\\XZZ\\b", "a\\XZZ\\b"), ("a\\b", "a\\b"), ("a\\", "a\\"),
        ("5\\ mmol \\T\\ x", "5\\ mmol & x"), ("\\E\\\\E\\", "\\\\"), ("\\.in+4\\a", "\\.in+4\\a"),
        ("\\T\\T\\T\\", "&T&"),
    ],
)  # fmt: skip
def test_escapes(written: str, read: str) -> None:
    assert hl7.unescape(written, hl7.Delimiters()) == read
    assert item(message(obx(written, kind="ST"))).value == read


def test_an_escaped_delimiter_is_part_of_the_text() -> None:
    assert judged(message(obx("220", code="777-3^PLT^LN", unit="10\\S\\3/uL"))).disposition == "result"


def test_text_that_runs_over_lines() -> None:
    found = items(message(obx("Liver\ris normal.\r\rNo lesion.", kind="TX"), obx("30", code="1920-8^AST^LN")))
    assert [i.value for i in found] == ["Liver\nis normal.\nNo lesion.", "30"]


def test_a_continued_segment() -> None:
    assert (
        item(message(obx("Liver is ", kind="TX").split("|U/L")[0], "ADD|normal|U/L||||||F")).value
        == "Liver is normal"
    )


def test_indented_segments_are_not_lost() -> None:
    assert len(items(message("   " + obx(), "\t" + obx("30", code="1920-8^AST^LN")))) == 2


def test_a_message_that_is_no_result() -> None:
    found = parcels(message(header=HEADER.replace("ORU^R01^ORU_R01", "ADT^A01")))[0]
    assert (found.ack, found.reason, found.items, found.rejected) == ("AA", "not-a-result", (), False)


def test_the_file_is_read_as_a_stream() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            self.taken += 1
            return super().read(size)

    stream = Counting(ONE * 2000)
    next(hl7.messages(stream))
    assert stream.taken == 1
